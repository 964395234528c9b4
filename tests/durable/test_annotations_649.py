"""PEP 649 and 749: functions given to ``ctx.run`` may be annotated with names that are not there."""

from __future__ import annotations

import sys

import pytest

from restate_reflect import Context
from tests.journals import M, play

if sys.version_info < (3, 14):
    pytest.skip("annotations are evaluated late from Python 3.14 on", allow_module_level=True)

from tests.reflection import deferred_services_649 as shop


class Steps:
    async def absent(self, ctx: Context) -> str:
        return await ctx.run("a", shop.absent_result, "fine")

    async def everywhere(self, ctx: Context) -> str:
        return repr(await ctx.run("a", shop.absent_everywhere, "fine"))

    async def typed(self, ctx: Context) -> str:
        return repr(await ctx.run("a", shop.half_absent, "fine", times=2))


@pytest.mark.parametrize(
    "handler, output",
    [("absent", b'"fine"'), ("everywhere", b'"None"'), ("typed", b"\"[Order(sku='tea', next=None)]\"")],
)
def test_the_result_comes_back(handler: str, output: bytes) -> None:
    """Of the type that the result is annotated with, if that can be read, whatever else can't."""
    first = play(Steps, handler).echo()
    assert first.output == output
    assert first.again().types == [M.END]
