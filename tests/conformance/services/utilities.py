"""Section 4 of the contract: small helpers for a driver."""

from __future__ import annotations

from restate_reflect import Context, ObjectContext, State, TerminalError, handler


class AnyBytes:
    """A codec for bytes of any content type."""

    content_type = "*/*"

    def encode(self, value: bytes) -> bytes:
        return value

    def decode(self, data: bytes) -> bytes:
        return data

    def json_schema(self, mode: str) -> None:
        return None


class TestUtilsService:
    """What needs no object."""

    async def echo(self, ctx: Context, text: str) -> str:
        return text

    async def uppercaseEcho(self, ctx: Context, text: str) -> str:
        return text.upper()

    async def echoHeaders(self, ctx: Context) -> dict[str, str]:
        return dict(ctx.request.headers)

    @handler(input_codec=AnyBytes())
    async def rawEcho(self, ctx: Context, data: bytes = b"") -> bytes:
        return data

    async def countExecutedSideEffects(self, ctx: Context, times: int) -> int:
        executed = 0

        async def execute() -> None:
            nonlocal executed
            executed += 1

        for _ in range(times):
            await ctx.run("execute", execute)
        return executed

    async def cancelInvocation(self, ctx: Context, invocation_id: str) -> None:
        ctx.cancel(invocation_id)

    async def resolveSignal(self, ctx: Context, invocationId: str, signalName: str, value: str) -> None:
        ctx.resolve_signal(invocationId, signalName, value)

    async def rejectSignal(self, ctx: Context, invocationId: str, signalName: str, reason: str) -> None:
        ctx.reject_signal(invocationId, signalName, reason)


class AwakeableHolder:
    """Keeps the id of an awakeable until somebody unlocks it."""

    id = State(str)

    async def hold(self, ctx: ObjectContext, id: str) -> None:
        ctx.set(self.id, id)

    async def hasAwakeable(self, ctx: ObjectContext) -> bool:
        return await ctx.get(self.id) is not None

    async def unlock(self, ctx: ObjectContext, value: str) -> None:
        id = await ctx.get(self.id)
        if id is None:
            raise TerminalError("no awakeable is held")
        ctx.resolve_awakeable(id, value)
