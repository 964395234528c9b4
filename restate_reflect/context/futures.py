"""What contexts return: futures of the handler's loop, and handles of what goes on elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any, Generic, Protocol, TypeVar

from restate_reflect.identifiers import InvocationTarget

__all__ = ["Awakeable", "CallFuture", "DurablePromise", "InvocationHandle", "InvocationOperations", "PromiseOperations"]

T = TypeVar("T")
O = TypeVar("O")  # noqa: E741
O_co = TypeVar("O_co", covariant=True)


class CallFuture(asyncio.Future[O]):
    """The result of ``ctx.call``: an asyncio future with the callee's invocation id."""

    __slots__ = ()

    @property
    def invocation_id(self) -> asyncio.Future[str]:
        """Awaitable id of the callee's invocation."""
        raise NotImplementedError

    async def cancel_invocation(self) -> None:
        """Asks the callee to cancel itself; ``cancel()`` only stops waiting for it."""
        raise NotImplementedError


class Awakeable(asyncio.Future[T]):
    """A result that somebody outside delivers, by ``id``."""

    __slots__ = ()

    @property
    def id(self) -> str:
        """To be handed to whoever will resolve it."""
        raise NotImplementedError


class InvocationOperations(Protocol):
    """What a handle needs from an attempt."""

    def attach(self, target: InvocationTarget, output: Any) -> asyncio.Future[Any]: ...
    def output(self, target: InvocationTarget, output: Any) -> asyncio.Future[Any]: ...
    def cancel(self, invocation_id: str) -> None: ...


class InvocationHandle(Generic[O_co]):
    """Another invocation: await it for its id, attach to its result, or cancel it."""

    __slots__ = ("_invocation_id", "_operations", "_output")

    def __init__(self, operations: InvocationOperations, invocation_id: asyncio.Future[str], output: Any) -> None:
        self._operations = operations
        self._invocation_id = invocation_id
        self._output = output

    @property
    def invocation_id(self) -> asyncio.Future[str]:
        """Awaitable invocation id."""
        return self._invocation_id

    def __await__(self) -> Generator[Any, None, str]:
        return self._invocation_id.__await__()

    async def attach(self) -> O_co:
        """Waits for the result."""
        result: O_co = await self._operations.attach(await self._invocation_id, self._output)
        return result

    async def output(self) -> O_co | None:
        """The result if it is there, else ``None``."""
        result: O_co | None = await self._operations.output(await self._invocation_id, self._output)
        return result

    async def cancel(self) -> None:
        """Asks the invocation to cancel itself."""
        self._operations.cancel(await self._invocation_id)


class PromiseOperations(Protocol):
    """What a promise needs from an attempt. Types are annotations, of which codecs are made."""

    def get_promise(self, name: str, type_: Any) -> asyncio.Future[Any]: ...
    def peek_promise(self, name: str, type_: Any) -> asyncio.Future[Any]: ...
    def resolve_promise(self, name: str, type_: Any, value: Any) -> asyncio.Future[None]: ...
    def reject_promise(self, name: str, message: str, code: int) -> asyncio.Future[None]: ...


class DurablePromise(Generic[T]):
    """A promise of a workflow, shared by all of its handlers; await it for its value."""

    __slots__ = ("_operations", "_type", "name")

    def __init__(self, operations: PromiseOperations, name: str, type_: Any) -> None:
        self._operations = operations
        self._type = type_
        self.name = name

    def __await__(self) -> Generator[Any, None, T]:
        return self.get().__await__()

    def __bool__(self) -> bool:
        raise TypeError("a DurablePromise is neither true nor false: await it, or await its peek()")

    def get(self) -> asyncio.Future[T]:
        """The value, as a future to combine with others."""
        return self._operations.get_promise(self.name, self._type)

    def peek(self) -> asyncio.Future[T | None]:
        """The value if it is there, else ``None``. Raises what the promise was rejected with."""
        return self._operations.peek_promise(self.name, self._type)

    def resolve(self, value: T) -> asyncio.Future[None]:
        """Completes the promise. Awaiting raises ``TerminalError`` if it was completed before."""
        return self._operations.resolve_promise(self.name, self._type, value)

    def reject(self, message: str, code: int = 500) -> asyncio.Future[None]:
        """Fails the promise. Awaiting raises ``TerminalError`` if it was completed before."""
        return self._operations.reject_promise(self.name, message, code)
