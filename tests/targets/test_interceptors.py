"""``--interceptor`` leads to an object with hooks, or says what there is instead."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from restate_reflect.errors import TargetError
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
