"""Messages to the world outside: each once, in order, told apart by their ids."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Generic, TypeVar

from restate_reflect.context import ObjectContext, ObjectSharedContext, State
from restate_reflect.errors import HandlerBugError, InvocationCancelledError, TerminalError
from restate_reflect.options import RetryPolicy

__all__ = ["Outbox"]

M = TypeVar("M")


class Outbox(Generic[M]):
    """Delivers messages one after the other; the key is the stream whose order is kept.

    Derive from it, say the type of the messages, and write ``deliver``::

        class OrderEvents(Outbox[OrderPlaced]):
            async def deliver(self, id: str, message: OrderPlaced) -> None:
                await self.broker.publish("orders", message.model_dump_json(), message_id=id)

    Whoever sends, ``ctx.send(self.events.put, order_id, event, key="orders")``, does not wait. A message is delivered
    again only if the process dies between the delivery and its entry in the journal; the id is the same then.
    """

    retention: ClassVar[timedelta] = timedelta(days=7)
    """How long ids are remembered."""
    retry: ClassVar[RetryPolicy | None] = None
    """Of the delivery. Without it a message is tried until it is delivered, and those after it wait."""

    delivered = State(dict[str, float], default={})
    """When, in seconds since the epoch, by id."""
    failed = State(dict[str, str], default={})

    async def deliver(self, id: str, message: M) -> None:
        """Brings one message out, in a step. A ``TerminalError`` gives it up."""
        raise HandlerBugError(f"{type(self).__name__} has no method deliver(self, id, message). Write one.")

    async def put(self, ctx: ObjectContext, id: str, message: M) -> bool:
        """Delivers a message, unless one of this id was. Returns whether it did.

        Raises:
            TerminalError: It was given up; the next one of this id is tried again.
        """
        now = (await ctx.now()).timestamp()
        oldest = now - self.retention.total_seconds()
        delivered = {each: at for each, at in (await ctx.get(Outbox.delivered)).items() if at > oldest}
        if id in delivered:
            return False
        failed = await ctx.get(Outbox.failed)
        try:
            await ctx.options(retry=self.retry).run("deliver", self.deliver, id, message)
        except InvocationCancelledError:
            raise
        except TerminalError as error:
            ctx.set(Outbox.failed, {**failed, id: str(error)})
            raise
        ctx.set(Outbox.delivered, {**delivered, id: now})
        if failed.pop(id, None) is not None:
            ctx.set(Outbox.failed, failed)
        return True

    async def failures(self, ctx: ObjectSharedContext) -> dict[str, str]:
        """Why messages were given up, by id."""
        return await ctx.get(Outbox.failed)
