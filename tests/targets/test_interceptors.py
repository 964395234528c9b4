"""``--interceptor`` leads to an object with hooks, or says what there is instead."""

from __future__ import annotations

import importlib
from pathlib import Path
from textwrap import dedent

import pytest

from restate_reflect.errors import TargetError
from restate_reflect.targets.candidates import in_module
from restate_reflect.targets.interceptors import load_interceptors

AROUND = """
    class Watching:
        def __init__(self, clock="wall"):
            self.clock = clock

        def attempt(self, event):
            pass

    class Needy:
        def __init__(self, clock):
            pass

        def attempt(self, event):
            pass

    ready = Watching("ready")

    def made():
        return Watching("made")

    def broken():
        raise OSError("no such disk")

    class namespace:
        inner = Watching("inner")
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "around_them.py").write_text(dedent(AROUND))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))


def test_objects_classes_and_functions_make_one() -> None:
    """By module or file, in the order given."""
    names = ("ready", "Watching", "made", "namespace.inner")
    found = load_interceptors([*(f"around_them:{name}" for name in names), "around_them.py:ready"])
    assert [getattr(each, "clock", None) for each in found] == ["ready", "wall", "made", "inner", "ready"]


@pytest.mark.parametrize(
    "text, said",
    [
        ("around_them", "names a whole module. Write around_them:NAME"),
        ("around_them:Watchin", "there is no 'Watchin'.*Watching"),
        ("around_them:AROUND", "there is no 'AROUND'"),
        ("around_them:Needy", "missing 1 required positional argument"),
        ("around_them:broken", "no such disk"),
        ("around_them:namespace", "is no interceptor: it has none of handler, run"),
        ("nowhere:x", "there is no module 'nowhere'"),
    ],
)
def test_what_leads_nowhere_is_told(text: str, said: str) -> None:
    with pytest.raises(TargetError, match=said):
        load_interceptors([text])


def test_interceptors_beside_services_are_none_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their hooks take a ``BaseContext``, as no handler does."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "hooks_beside.py").write_text(
        "from restate_reflect import Context\n"
        "from restate_reflect.context import BaseContext\n"
        "class Hooks:\n"
        "    def __init__(self, needed): ...\n"
        "    async def handler(self, ctx: BaseContext, call, proceed): return await proceed()\n"
        "class Shop:\n"
        "    async def buy(self, ctx: Context) -> None: ...\n"
    )
    assert [name for name, _ in in_module("hooks_beside", importlib.import_module("hooks_beside"))] == ["Shop"]
