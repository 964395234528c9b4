"""Both engines with the same services, and commands that are run against them."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from click.testing import CliRunner, Result
from pydantic import BaseModel

from examples.protobuf_shop.shop_pb2 import Quantity
from restate_reflect import (
    Context,
    ObjectContext,
    ObjectSharedContext,
    State,
    TerminalError,
    WorkflowContext,
    WorkflowSharedContext,
)
from restate_reflect.cli import main
from restate_reflect.embedded import RuntimeSettings
from restate_reflect.server import AdminError, RestateServer, ServerSettings
from tests.embedded.served import ServedRuntime
from tests.support import ServedInThread


class Order(BaseModel):
    sku: str
    qty: int = 1


class Counter:
    """Counts, by key."""

    count = State(int, default=0)

    async def add(self, ctx: ObjectContext, amount: int = 1) -> int:
        """Adds to the count."""
        total = await ctx.get(Counter.count) + amount
        if amount == 99:
            raise TerminalError("too much", code=409, metadata={"limit": "98"})
        ctx.set(Counter.count, total)
        return total

    async def get(self, ctx: ObjectSharedContext) -> int:
        return await ctx.get(Counter.count)


def charge(order: Order) -> str:
    return f"ch_{order.sku}"


class Shop:
    async def buy(self, ctx: Context, order: Order) -> str:
        await ctx.call(Counter.add, order.qty, key=order.sku)
        paid = await ctx.run("charge", charge, order)
        await asyncio.sleep(0.01)
        return paid

    async def wait(self, ctx: Context) -> str:
        return await ctx.awakeable(str)

    async def broken(self, ctx: Context, n: int) -> str:
        raise RuntimeError("the database is away")

    async def raw(self, ctx: Context, data: bytes) -> bytes:
        return data + b"\xff"

    async def headers(self, ctx: Context) -> str | None:
        return ctx.request.headers.get("x-tenant")

    async def nothing(self, ctx: Context) -> None: ...


class Signup:
    async def run(self, ctx: WorkflowContext, name: str) -> str:
        return name + await ctx.promise("word", str)

    async def confirm(self, ctx: WorkflowSharedContext, word: str) -> None:
        await ctx.promise("word", str).resolve(word)


class Stock:
    """Its messages are binary protobuf."""

    level = State(Quantity)

    async def refill(self, ctx: ObjectContext, quantity: Quantity) -> Quantity:
        before = await ctx.get(Stock.level) or Quantity()
        after = Quantity(pieces=before.pieces + quantity.pieces)
        ctx.set(Stock.level, after)
        return after


class Supplier:
    async def deliver(self, ctx: Context, quantity: Quantity) -> Quantity:
        return await ctx.call(Stock.refill, quantity, key="bolt")


class Hostile:
    """Says, and calls its step, what it is told."""

    async def fail(self, ctx: ObjectContext, text: str) -> None:
        await ctx.run(text, str)
        raise TerminalError(text, metadata={"why": text})


SERVICES = (Counter, Hostile, Shop, Signup, Stock, Supplier)


@dataclass(frozen=True, slots=True)
class Engine:
    """Where commands go."""

    ingress_url: str
    admin_url: str

    def run(self, *arguments: str, stdin: str | bytes | None = None) -> Result:
        """A command, in this process, with the URLs in the environment; output is as wide as it needs to be."""
        env = {"RESTATE_INGRESS_URL": self.ingress_url, "RESTATE_ADMIN_URL": self.admin_url, "COLUMNS": "400"}
        return CliRunner(env=env).invoke(main, list(arguments), input=stdin, prog_name="restate-reflect")

    def out(self, *arguments: str, stdin: str | bytes | None = None) -> str:
        """What a command that succeeds prints."""
        result = self.run(*arguments, stdin=stdin)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.stdout.rstrip("\n")

    def json(self, *arguments: str) -> Any:
        """The same as data."""
        return json.loads(self.out(*arguments, "--json"))

    def fails(self, code: int, *arguments: str) -> str:
        """What a command that ends with this code prints on stderr; on stdout there is nothing."""
        result = self.run(*arguments)
        assert (result.exit_code, result.stdout) == (code, ""), (result.output, result.exception)
        return anonymous(result.stderr.rstrip("\n"))

    def eventually(self, text: str, *arguments: str) -> str:
        """Repeats a command until its output holds the text."""
        end = time.monotonic() + 30
        while text not in (found := self.out(*arguments)):
            assert time.monotonic() < end, f"no {text!r} in {found}"
        return found


def anonymous(text: str) -> str:
    """Without what differs from run to run."""
    text = re.sub(r"inv_\w{34}", "inv_…", text)
    return re.sub(r"http://127\.0\.0\.1:\d+", "URL", text)


@contextmanager
def embedded() -> Iterator[Engine]:
    with ServedRuntime(*SERVICES, settings=RuntimeSettings()) as served:
        yield Engine(served.ingress_url, served.admin_url)


def _wait_for_tables(real: RestateServer) -> None:
    """A server that has just started answers requests before it finds all partitions."""
    end = time.monotonic() + 30
    while True:
        try:
            real.admin.query("SELECT count(*) FROM sys_invocation")
            return
        except AdminError:
            if time.monotonic() > end:
                raise


@contextmanager
def server() -> Iterator[Engine]:
    with RestateServer(ServerSettings()) as real, ServedInThread(*SERVICES, error_details="full") as served:
        real.register(served.url)
        _wait_for_tables(real)
        yield Engine(real.ingress_url, real.admin_url)
