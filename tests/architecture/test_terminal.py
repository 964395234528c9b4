"""Text reaches a terminal through one function."""

from __future__ import annotations

import ast

import pytest

from tests.support import ROOT

PRINTERS = {"restate_reflect/cli/_terminal.py", "restate_reflect/dev/screen.py"}
FILES = sorted(
    str(file.relative_to(ROOT)) for part in ("cli", "dev") for file in (ROOT / "restate_reflect" / part).glob("**/*.py")
)


@pytest.mark.parametrize("file", [file for file in FILES if file not in PRINTERS])
def test_commands_print_by_say_and_screen(file: str) -> None:
    """Both show control characters; anything else would let a server's text act on the terminal."""
    tree = ast.parse((ROOT / file).read_text())
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert called & {"print", "click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write"} == set()
