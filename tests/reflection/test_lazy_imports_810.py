"""PEP 810: models, contexts and instances that are imported when they are first used."""

from __future__ import annotations

import subprocess
import sys

import pytest

from restate_reflect import Context
from restate_reflect.errors import ReflectionError
from restate_reflect.reflection import reflect
from tests.journals import M, play
from tests.support import ROOT

if sys.version_info < (3, 15):
    pytest.skip("imports can be lazy from Python 3.15 on", allow_module_level=True)

from tests.reflection import lazy_services_810 as shop


@pytest.mark.parametrize("cls", [shop.Evaluated, shop.Quoted])
def test_lazily_imported_models_are_read(cls: type) -> None:
    handler = reflect(cls).handlers["go"]
    assert handler.input.decode(b'{"sku": "a"}') == ((shop.Order(sku="a"),), {})
    assert handler.output.decode(b'[{"id": 1}]') == [shop.models_810.Receipt(id=1)]


@pytest.mark.parametrize(
    "cls, message",
    [
        (shop.AbsentModule, "annotation 'Absent' can't be evaluated: No module named 'tests.reflection.nowhere'"),
        (shop.AbsentName, "annotation 'Missing' can't be evaluated: cannot import name 'Missing'"),
    ],
)
def test_an_import_that_fails_is_reported_at_the_parameter(cls: type, message: str) -> None:
    with pytest.raises(ReflectionError, match=message):
        reflect(cls)


def test_an_import_that_fails_in_a_helper_is_its_own_business() -> None:
    assert list(reflect(shop.AbsentInHelper).handlers) == ["run"]


def test_steps_take_lazily_imported_models() -> None:
    class Steps:
        async def go(self, ctx: Context) -> str:
            order = shop.Order(sku="a")
            return repr([await ctx.run("a", shop.receipts, order), await ctx.run("b", shop.broken, order)])

    first = play(Steps, "go").echo().echo()
    assert first.output == b'"[[Receipt(id=1)], [Receipt(id=1)]]"'
    assert first.again().types == [M.END]


def test_serving_a_module_finds_what_is_imported_lazily() -> None:
    """In a fresh process: nothing has been used before. The instance is there, names that fail are left out."""
    program = (
        "from restate_reflect.targets.candidates import in_module\n"
        "from tests.reflection import lazy_services_810 as shop\n"
        "print([name for name, _ in in_module('shop', shop)])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(["shelf", "Evaluated", "Quoted", "AbsentModule", "AbsentName", "AbsentInHelper"])
