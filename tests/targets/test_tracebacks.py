"""Tracebacks of a package that lacks a module of its own, which Python 3.15 alone can't write: it imports again."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from restate_reflect import Context
from restate_reflect.tracebacks import traceback_of
from tests.journals import play

MISSING = "No module named 'broken_pack.missing'"


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "broken_pack" / "__init__.py"
    file.parent.mkdir()
    file.write_text("import broken_pack.missing\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return file


def raised() -> ModuleNotFoundError:
    with pytest.raises(ModuleNotFoundError) as caught:
        importlib.import_module("broken_pack")
    return caught.value


def test_a_missing_module_of_a_package_that_fails_is_shown(broken: Path) -> None:
    error = raised()
    text = "".join(traceback_of(error).format())
    assert MISSING in text
    assert f'"{broken}", line 1' in text
    assert error.name == "broken_pack.missing"


@pytest.mark.parametrize("how", ["cause", "context", "group"])
def test_so_is_one_behind_another_error(broken: Path, how: str) -> None:
    error: BaseException = ValueError("outer")
    match how:
        case "cause":
            error.__cause__ = raised()
        case "context":
            error.__context__ = raised()
        case _:
            error = ExceptionGroup("outer", [ValueError("first"), raised()])
    text = "".join(traceback_of(error).format())
    assert MISSING in text
    assert "outer" in text


def test_a_late_import_of_a_handler_keeps_its_stack_trace(broken: Path) -> None:
    class Shop:
        async def go(self, ctx: Context) -> None:
            importlib.import_module("broken_pack")

    error = play(Shop, "go").error
    assert MISSING in error.message
    assert f'"{broken}", line 1' in error.stacktrace
