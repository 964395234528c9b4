"""``serve --interceptor`` puts it around handlers that a server calls, in each worker."""

from __future__ import annotations

from pathlib import Path

import pytest

from restate_reflect.server import RestateServer
from tests.conftest import ServeProcess
from tests.support import call

SHOP = """
from restate_reflect import Context


class Bank:
    async def account(self, ctx: Context) -> str:
        return ctx.request.headers.get("x-tenant", "nobody")


class Shop:
    async def buy(self, ctx: Context, amount: int) -> str:
        return f"{amount} for {await ctx.call(Bank.account)}"


class Doubling:
    async def handler(self, ctx, call, proceed):
        return await proceed(call.with_arguments(2 * call.args[0]) if call.args else call)


class Tenant:
    def __init__(self, name):
        self.name = name

    def call(self, ctx, call):
        return call.with_headers({"x-tenant": self.name})


def tenant():
    return Tenant("acme")
"""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_all_of_them_are_around_what_the_server_calls(
    any_server: RestateServer, serve_process: ServeProcess, tmp_path: Path, workers: str
) -> None:
    """A class, and a function that makes one, in their order."""
    (tmp_path / "around_shop.py").write_text(SHOP)
    given = ("--interceptor", "around_shop:Doubling", "--interceptor", "around_shop.py:tenant")
    serve_process(any_server, "around_shop.py", *given, "--workers", workers, cwd=tmp_path)
    assert call(any_server, "Shop", "buy", 4).json == "8 for acme"
