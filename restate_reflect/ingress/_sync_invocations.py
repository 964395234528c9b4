"""Invocations for code without an event loop."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, Generic, TypeAlias, TypeVar

from restate_reflect.identifiers import InvocationTarget
from restate_reflect.ingress._invocations import Invocation, Output, SentInvocation

__all__ = ["Run", "SyncInvocation", "SyncSentInvocation"]

T = TypeVar("T")
O_co = TypeVar("O_co", covariant=True)

Run: TypeAlias = Callable[[Coroutine[Any, Any, Any]], Any]
"""Runs a coroutine on the client's loop and waits for its result."""


class SyncInvocation(Generic[O_co]):
    """As ``Invocation``, with methods that block."""

    def __init__(self, run: Run, invocation: Invocation[O_co]) -> None:
        self._run = run
        self._invocation = invocation

    @property
    def target(self) -> InvocationTarget:
        """Invocation id, workflow run or idempotent request."""
        return self._invocation.target

    def attach(self) -> O_co:
        """Waits for the result; raises as ``Invocation.attach``."""
        result: O_co = self._run(self._invocation.attach())
        return result

    def output(self) -> Output[O_co]:
        """The result if it is there."""
        output: Output[O_co] = self._run(self._invocation.output())
        return output

    def cancel(self) -> None:
        """Asks the invocation to cancel itself; raises as ``Invocation.cancel``."""
        self._run(self._invocation.cancel())

    def find_id(self) -> str:
        """The invocation id."""
        return str(self._run(self._invocation.find_id()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.target!r})"


class SyncSentInvocation(SyncInvocation[O_co]):
    """An invocation that the server has accepted."""

    def __init__(self, run: Run, sent: SentInvocation[O_co]) -> None:
        super().__init__(run, sent)
        self.id: str = sent.id
        """The invocation id."""
        self.is_new: bool = sent.is_new
        """``False`` if an earlier request, with the same idempotency key or workflow key, has started it."""
        self.execution_time: datetime | None = sent.execution_time
        """When a delayed one will start (UTC); ``None`` without a delay."""
