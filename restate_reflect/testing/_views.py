"""What a test looks at: invocations, journals, awakeables, promises."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar, overload

from restate_reflect.codecs import codec_for
from restate_reflect.embedded import JournalEntry
from restate_reflect.embedded.ids import parse_invocation_id
from restate_reflect.engine import journal
from restate_reflect.errors import TerminalError
from restate_reflect.protocol.messages import MessageType

__all__ = ["AwakeableView", "InvocationSummary", "Journal", "PromiseAccess", "PromiseView", "awakeable_id"]

T = TypeVar("T")

_FIRST_AWAKEABLE: Final = 17
"""Signal indexes below are the protocol's own (cancellation is 1)."""


@dataclass(frozen=True, slots=True)
class InvocationSummary:
    """An invocation that the environment has seen.

    Attributes:
        status: ``scheduled``, ``inboxed``, ``running``, ``suspended``, ``backing-off``, ``paused`` or ``completed``.
        failure: The failure it ended with, or that its last attempt met; ``None`` if there is none.
    """

    id: str
    service: str
    handler: str
    key: str | None
    status: str
    failure: str | None

    @property
    def target(self) -> str:
        """``Service/handler``, or ``Service/key/handler``."""
        return "/".join(part for part in (self.service, self.key, self.handler) if part is not None)

    def __str__(self) -> str:
        return f"{self.target} {self.status}" + (f": {self.failure}" if self.failure else "")


class Journal(list[JournalEntry]):
    """The entries of one invocation, oldest first. Shown as text, one entry a line."""

    @property
    def commands(self) -> list[JournalEntry]:
        """What the handler did, without the results."""
        return [entry for entry in self if entry.is_command]

    @property
    def steps(self) -> list[str]:
        """Names of the ``ctx.run``, in order."""
        return [entry.name for entry in self if entry.type is MessageType.RUN_COMMAND]

    @property
    def outline(self) -> list[str]:
        """The commands in words, to compare with a list: ``["input", "run 'charge'", "call Mailer/send"]``."""
        return [_words(entry) for entry in self.commands]

    def __repr__(self) -> str:
        return "\n".join(["Journal:", *(f"  {entry.index:3} {entry}" for entry in self)])

    __str__ = __repr__


def _words(entry: JournalEntry) -> str:
    title = entry.type.name.removesuffix("_COMMAND").lower().replace("_", " ")
    message = entry.message
    match entry.type:
        case MessageType.CALL_COMMAND | MessageType.ONE_WAY_CALL_COMMAND:
            parts = (message.service_name, message.key or None, message.handler_name)
            verb = "call" if entry.type is MessageType.CALL_COMMAND else "send"
            return f"{verb} {'/'.join(part for part in parts if part is not None)}"
        case _ if entry.name:
            return f"{title} {entry.name!r}"
        case _ if isinstance(key := getattr(message, "key", None), bytes | str) and key:
            return f"{title} {key.decode() if isinstance(key, bytes) else key!s}"
        case _:
            return title


def shown(message_type: int, payload: bytes) -> str:
    """An entry in one line."""
    return journal.describe(message_type, payload)


# ---------------------------------------------------------------- awakeables


def awakeable_id(invocation_id: str, number: int) -> str:
    """The id of the ``number``-th awakeable (from 1 on) that an invocation makes."""
    if number < 1:
        raise ValueError(f"awakeables are counted from 1 on, not from {number}")
    index = _FIRST_AWAKEABLE + number - 1
    raw = parse_invocation_id(invocation_id) + index.to_bytes(4, "big")
    return "sign_1" + base64.urlsafe_b64encode(raw).decode().rstrip("=")


class AwakeableAccess(Protocol):
    """What an ``AwakeableView`` needs from its environment."""

    def resolve_awakeable(self, id: str, value: Any = None) -> None: ...
    def reject_awakeable(self, id: str, error: TerminalError | str) -> None: ...


@dataclass(frozen=True, slots=True)
class AwakeableView:
    """An awakeable, to complete it as whoever was given its id would."""

    id: str
    _environment: AwakeableAccess

    def resolve(self, value: Any = None) -> None:
        """Delivers the result."""
        self._environment.resolve_awakeable(self.id, value)

    def reject(self, error: TerminalError | str) -> None:
        """Fails it."""
        self._environment.reject_awakeable(self.id, error)


# ---------------------------------------------------------------- promises


class PromiseAccess(Protocol):
    """What a ``PromiseView`` needs from its environment."""

    def peek_promise(
        self, service: str, key: str, name: str, scope: str | None = None
    ) -> bytes | TerminalError | None: ...
    def complete_promise(
        self, service: str, key: str, name: str, result: bytes | TerminalError, scope: str | None = None
    ) -> bool: ...


@dataclass(frozen=True, slots=True)
class PromiseView:
    """A durable promise of a workflow."""

    _access: PromiseAccess
    service: str
    key: str
    name: str
    scope: str | None = None

    @overload
    def peek(self, type: type[T]) -> T | None: ...
    @overload
    def peek(self, type: Any = ...) -> Any: ...
    def peek(self, type: Any = Any) -> Any:
        """The value; ``None`` while it is open.

        Raises:
            TerminalError: It was rejected.
        """
        found = self._access.peek_promise(self.service, self.key, self.name, self.scope)
        if isinstance(found, TerminalError):
            raise found
        return None if found is None else codec_for(type).decode(found)

    def resolve(self, value: Any = None) -> None:
        """Completes it.

        Raises:
            ValueError: It was completed before.
        """
        self._complete(codec_for(type(value)).encode(value))

    def reject(self, error: TerminalError | str) -> None:
        """Fails it; raises like ``resolve``."""
        self._complete(error if isinstance(error, TerminalError) else TerminalError(error))

    def _complete(self, result: bytes | TerminalError) -> None:
        if not self._access.complete_promise(self.service, self.key, self.name, result, self.scope):
            raise ValueError(f"promise {self.name!r} of {self.service}/{self.key} was completed before")


def listed(invocations: Iterable[InvocationSummary]) -> str:
    """One line each, for messages."""
    return "\n".join(f"  {each}" for each in invocations) or "  (no invocation)"
