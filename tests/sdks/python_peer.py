"""Services of the official Python SDK."""

# mypy: disable-error-code="import-not-found, untyped-decorator, no-any-return, misc"
# pyright: reportMissingImports=false, reportUntypedFunctionDecorator=false, reportUnknownVariableType=false
# The SDK is no dependency of this project's.

from __future__ import annotations

from typing import Any

import restate

peer = restate.Service("PythonPeer")
shelf = restate.VirtualObject("Shelf")
names = restate.Service("Names")


@names.handler("length")
async def length(ctx: Any, name: Any) -> Any:
    """Only the name of a handler of ours."""


@peer.handler("nothing")
async def nothing(ctx: Any) -> Any:
    return None


@peer.handler("echo")
async def echo(ctx: Any, value: Any) -> Any:
    return value


@peer.handler("ask")
async def ask(ctx: Any, name: Any) -> Any:
    return await ctx.service_call(length, arg=name)


@shelf.handler("put")
async def put(ctx: Any, value: Any) -> Any:
    ctx.set("note", value)
    return None


app = restate.app(services=[peer, shelf])
