"""What hooks are given: plain data, of which a changed copy may be handed on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

from restate_reflect.context import Request
from restate_reflect.errors import TerminalError
from restate_reflect.options import Duration

__all__ = ["AttemptEvent", "HandlerCall", "OutgoingCall", "Step"]


@dataclass(frozen=True, slots=True)
class HandlerCall:
    """A handler that is about to run. The arguments were read already: they have the types of its parameters."""

    service: str
    handler: str
    request: Request
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def with_arguments(self, *args: Any, **kwargs: Any) -> Self:
        """The same, with these arguments in place of its own: ``await proceed(call.with_arguments(…))``."""
        return replace(self, args=args, kwargs=kwargs)


@dataclass(frozen=True, slots=True)
class Step:
    """A step whose body is about to be executed."""

    name: str
    service: str
    handler: str
    request: Request
    attempt: int
    """Which execution of this body it is, from 1, as far as the server has counted."""


@dataclass(frozen=True, slots=True)
class OutgoingCall:
    """A call or a send that is about to be issued. Only its headers and arguments can be changed."""

    service: str
    handler: str
    key: str | None
    args: tuple[Any, ...]
    """Of ``call_raw`` and ``send_raw``: the body."""
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    idempotency_key: str | None = None
    delay: Duration | None = None
    """Of a send: seconds or timedelta."""
    is_replayed: bool = False
    """Whether the journal has it already. For those that look on: nothing that is issued may depend on it."""
    told: tuple[Callable[[TerminalError | None, bool], None], ...] = ()
    """See ``when_answered``."""

    def with_headers(self, headers: Mapping[str, str]) -> Self:
        """The same, with these headers besides its own, in place of those of the same name."""
        return replace(self, headers={**self.headers, **headers})

    def with_arguments(self, *args: Any, **kwargs: Any) -> Self:
        """The same, with these arguments in place of its own."""
        return replace(self, args=args, kwargs=kwargs)

    def when_answered(self, told: Callable[[TerminalError | None, bool], None]) -> Self:
        """The same; ``told`` is called with the failure, or ``None``, when the result of a call has come, and with
        whether an earlier attempt has gone on with it. For those that look on, in whichever attempt that is."""
        return replace(self, told=(*self.told, told))


@dataclass(frozen=True, slots=True)
class AttemptEvent:
    """An attempt has begun, or come to an end."""

    kind: Literal["begun", "suspended", "failed", "completed", "aborted"]
    """``completed``: the handler has answered, maybe with a failure. ``failed``: it will be tried again, or paused.
    ``aborted``: the connection is gone."""
    service: str
    handler: str
    request: Request
    replayed: int
    """Entries of the journal that were there when it began."""
    duration: float = 0.0
    """Seconds since it has begun."""
    failure: TerminalError | None = None
    """That the handler has answered with."""
    error: str | None = None
    """Why it failed."""
