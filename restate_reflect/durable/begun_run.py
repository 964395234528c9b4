"""One step as it is executed: the record of a ``ctx.run``."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from restate_reflect.codecs._base import Codec
from restate_reflect.durable.futures import RunFuture
from restate_reflect.errors import EncodeError, RelatedCommand
from restate_reflect.options import RetryPolicy
from restate_reflect.protocol.messages import MessageType

__all__ = ["Run"]


@dataclass(slots=True, eq=False)
class Run:
    """One ``ctx.run`` that this attempt may have to execute."""

    completion_id: int
    name: str
    command_index: int
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    is_async: bool
    context: contextvars.Context
    codec: Codec[Any]
    verify: bool
    """Whether no type was declared, so that only JSON comes back."""
    policy: RetryPolicy
    future: RunFuture[Any]
    started: float = 0.0
    """By the monotonic clock, in seconds; when the body was started."""

    @property
    def related(self) -> RelatedCommand:
        return RelatedCommand(self.command_index, MessageType.RUN_COMMAND, self.name)

    @property
    def duration(self) -> float:
        return monotonic() - self.started

    def call(self) -> Any:
        """Calls the body."""
        return self.function(*self.args, **self.kwargs)

    def encode(self, value: Any) -> bytes:
        """The result as it goes into the journal.

        Raises:
            EncodeError: The value does not fit the declared type, or would come back as another one.
        """
        try:
            return self.codec.encode(value)
        except EncodeError as error:
            fix = ""
            if self.verify:
                fix = (
                    f"\nWithout a declared type only JSON comes back ({self.future.where}). Annotate the function's"
                    " return type, or give the type: ctx.options(type=…).run(…)."
                )
            raise EncodeError(f"the result of run {self.name!r} can't be journaled: {error}{fix}") from error
