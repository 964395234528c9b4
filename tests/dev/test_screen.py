"""The log of ``dev``, with and without ``rich``."""

from __future__ import annotations

import sys

import pytest

from restate_reflect.dev import screen


def test_without_rich_lines_are_styled_by_click(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``pip install restate-reflect`` without the extra ``local`` has a ``dev`` all the same."""
    monkeypatch.setitem(sys.modules, "rich.console", None)
    shown = screen.Screen()
    shown.print(("Counter/a/add", ""), ("  run", "bold green"), ("  [dim]", "dim"))
    assert capsys.readouterr().out == "Counter/a/add  run  [dim]\n"
    assert screen._styled("x", "bold green") == "\x1b[32m\x1b[1mx\x1b[0m"


def test_with_rich_nothing_is_taken_for_markup(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines hold what users wrote."""
    screen.Screen().print(("Counter/a/add", ""), ("  [bold]x[/bold] :smile:", "dim"))
    assert capsys.readouterr().out == "Counter/a/add  [bold]x[/bold] :smile:\n"
