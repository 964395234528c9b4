"""The client's verbs against a server, with an eye on waits that would take too long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, TypeVar

from restate_reflect.identifiers import InvocationTarget
from restate_reflect.ingress import Output, SentInvocation
from restate_reflect.ingress._operations import Operations
from restate_reflect.ingress._requests import CallOptions
from restate_reflect.ingress._transport import Transport
from restate_reflect.payloads import Chain
from restate_reflect.reflection import CallTarget, TargetDirectory
from restate_reflect.testing._payloads import plain_outputs
from restate_reflect.testing._server_tables import ServerTables
from restate_reflect.testing._unsupported import Unsupported, skipped
from restate_reflect.testing._views import listed
from restate_reflect.testing._watch import Watch

__all__ = ["ServerOperations"]

T = TypeVar("T")

_LOOK: Final = 1.5
"""Seconds between two looks at what a request waits for."""
_STANDSTILL: Final = 20
"""Looks without any progress after which a request is given up: 30 s."""


class ServerOperations(Operations):
    """The client's operations, watched."""

    def __init__(
        self, transport: Transport, directory: TargetDirectory, tables: ServerTables, payloads: Chain | None
    ) -> None:
        super().__init__(transport, directory, None)
        self._payloads = payloads
        self._tables = tables
        self.watch = Watch()

    def target(self, method: Callable[..., Any]) -> CallTarget:
        return self._directory.target(method)

    async def call(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], options: CallOptions
    ) -> Any:
        return await self._watched(super().call(method, args, kwargs, options))

    async def send(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], options: CallOptions
    ) -> SentInvocation[Any]:
        return await self._watched(super().send(method, args, kwargs, options))

    async def call_raw(
        self, service: str, handler: str, body: bytes, content_type: str | None, options: CallOptions
    ) -> bytes:
        return await self._watched(super().call_raw(service, handler, body, content_type, options))

    async def send_raw(
        self, service: str, handler: str, body: bytes, content_type: str | None, options: CallOptions
    ) -> SentInvocation[bytes]:
        return await self._watched(super().send_raw(service, handler, body, content_type, options))

    async def attach_to(self, target: InvocationTarget, returns: Callable[[bytes], Any]) -> Any:
        if isinstance(target, str):
            self.watch.reraise(target)
        return await self._watched(super().attach_to(target, plain_outputs(self._payloads, returns)))

    async def output_of(self, target: InvocationTarget, returns: Callable[[bytes], Any]) -> Output[Any]:
        return await super().output_of(target, plain_outputs(self._payloads, returns))

    async def cancel_invocation(self, invocation_id: str) -> None:
        await asyncio.to_thread(self._tables._change, invocation_id, "cancel")

    async def _watched(self, request: Coroutine[Any, Any, T]) -> T:
        looking = asyncio.ensure_future(self._look())
        try:
            return await self.watch.wait(request)
        finally:
            looking.cancel()

    async def _look(self) -> None:
        """Gives up when a request waits for what real time won't bring soon."""
        seen: list[Any] = []
        while len(seen) < _STANDSTILL:
            await asyncio.sleep(_LOOK)
            progress = await asyncio.to_thread(self._tables.progress)
            seen = [*seen, progress] if seen and seen[-1] == progress else [progress]
            waits = await asyncio.to_thread(self._tables.long_waits, _LOOK) if len(seen) > 1 else []
            if waits:
                self.watch.give_up(skipped(Unsupported.TIME, "; ".join(waits)))
                return
        shown = listed(await asyncio.to_thread(self._tables.invocations))
        self.watch.give_up(TimeoutError(f"nothing has happened for {_LOOK * _STANDSTILL:g} s:\n{shown}"))
