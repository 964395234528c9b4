"""Invocations as a client sees them: to wait for, to look at, to cancel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar

from restate_reflect.identifiers import InvocationTarget

__all__ = ["Invocation", "InvocationOperations", "NotReady", "Output", "Ready", "SentInvocation"]

T = TypeVar("T")
O_co = TypeVar("O_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Ready(Generic[T]):
    """There is a result."""

    value: T

    def __bool__(self) -> Literal[True]:
        return True


@dataclass(frozen=True, slots=True)
class NotReady:
    """The invocation exists and is not finished; false in an ``if``."""

    def __bool__(self) -> Literal[False]:
        return False


Output: TypeAlias = Ready[T] | NotReady
"""What ``output()`` gives: ``match`` it, or ``if output: use(output.value)``."""


class InvocationOperations(Protocol):
    """What an ``Invocation`` needs from its client."""

    async def attach_to(self, target: InvocationTarget, returns: Any) -> Any: ...
    async def output_of(self, target: InvocationTarget, returns: Any) -> Output[Any]: ...
    async def find_id(self, target: InvocationTarget) -> str: ...
    async def cancel_invocation(self, invocation_id: str) -> None: ...


class Invocation(Generic[O_co]):
    """An invocation, by its id, its workflow and key, or its idempotency key."""

    def __init__(self, operations: InvocationOperations, target: InvocationTarget, returns: Any) -> None:
        self._operations = operations
        self._returns = returns
        self.target = target

    async def attach(self) -> O_co:
        """Waits for the result.

        Raises:
            ServiceError: the handler failed terminally.
            InvocationNotFoundError: there is no such invocation, or its result is past its retention.
        """
        result: O_co = await self._operations.attach_to(self.target, self._returns)
        return result

    async def output(self) -> Output[O_co]:
        """The result if it is there; raises like ``attach``."""
        return await self._operations.output_of(self.target, self._returns)

    async def cancel(self) -> None:
        """Asks the invocation to cancel itself, through the admin API.

        Raises:
            AdminError: it is finished, is not known, or there is no admin API.
            ValueError: the client was given no ``admin_url``.
        """
        await self._operations.cancel_invocation(await self.find_id())

    async def find_id(self) -> str:
        """The invocation id; for a workflow or an idempotency key the server (1.7) computes it."""
        return await self._operations.find_id(self.target)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.target!r})"


class SentInvocation(Invocation[O_co]):
    """An invocation that the server has accepted."""

    def __init__(
        self,
        operations: InvocationOperations,
        invocation_id: str,
        returns: Any,
        *,
        is_new: bool,
        execution_time: datetime | None,
    ) -> None:
        super().__init__(operations, invocation_id, returns)
        self.id = invocation_id
        """The invocation id."""
        self.is_new = is_new
        """``False`` if an earlier request, with the same idempotency key or workflow key, has started it."""
        self.execution_time = execution_time
        """When a delayed one will start (UTC); ``None`` without a delay."""
