"""Section 5 of the contract, ``Proxy``: calls handlers known only by name."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from restate_reflect import CallFuture, Context, InvocationHandle

Bytes = list[Annotated[int, Field(ge=0, le=255)]]
"""As an array of numbers; in JSON ``bytes`` would be a base64 string."""


@dataclass
class ProxyRequest:
    serviceName: str
    handlerName: str
    message: Bytes
    virtualObjectKey: str | None = None
    delayMillis: int | None = None
    idempotencyKey: str | None = None
    scope: str | None = None
    limitKey: str | None = None

    def call(self, ctx: Context) -> CallFuture[bytes]:
        caller = ctx if self.scope is None else ctx.scope(self.scope, limit_key=self.limitKey)
        return caller.call_raw(
            self.serviceName,
            self.handlerName,
            bytes(self.message),
            key=self.virtualObjectKey,
            idempotency_key=self.idempotencyKey,
        )

    def send(self, ctx: Context) -> InvocationHandle[bytes]:
        caller = ctx if self.scope is None else ctx.scope(self.scope, limit_key=self.limitKey)
        return caller.send_raw(
            self.serviceName,
            self.handlerName,
            bytes(self.message),
            key=self.virtualObjectKey,
            delay=(self.delayMillis or 0) / 1000,
            idempotency_key=self.idempotencyKey,
        )


@dataclass
class ManyCallRequest:
    proxyRequest: ProxyRequest
    oneWayCall: bool
    awaitAtTheEnd: bool


class Proxy:
    """Calls on behalf of a driver."""

    async def call(self, ctx: Context, request: ProxyRequest) -> Bytes:
        return list(await request.call(ctx))

    async def oneWayCall(self, ctx: Context, request: ProxyRequest) -> str:
        return await request.send(ctx)

    async def manyCalls(self, ctx: Context, requests: list[ManyCallRequest]) -> None:
        to_await = []
        for each in requests:
            if each.oneWayCall:
                each.proxyRequest.send(ctx)
                continue
            future = each.proxyRequest.call(ctx)
            if each.awaitAtTheEnd:
                to_await.append(future)
            else:
                future.cancel()  # the call is made; its result is nobody's
        await asyncio.gather(*to_await)
