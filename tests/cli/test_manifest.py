"""``restate-reflect manifest`` and the command line around it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests.support import ROOT, run_cli

SHOP = """
    from __future__ import annotations
    from datetime import timedelta
    from restate_reflect import Context, service

    @service(inactivity_timeout=timedelta(seconds=5))
    class Greeter:
        async def greet(self, ctx: Context, name: str) -> str:
            return f"Hello {name}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(dedent(SHOP))
    return tmp_path


def test_the_manifest_is_printed_as_json(folder: Path) -> None:
    """On stdout, and nothing else there."""
    done = run_cli("manifest", "shop", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    service = json.loads(done.stdout)["services"][0]
    assert service["name"] == "Greeter"
    assert service["inactivityTimeout"] == 5000
    assert service["handlers"][0]["input"]["jsonSchema"]["type"] == "string"


def test_what_an_older_version_can_not_carry_is_named(folder: Path) -> None:
    """On stderr, so that the JSON stays readable by machines."""
    done = run_cli("manifest", "shop.py:Greeter", "--version", "2", cwd=folder)
    assert "inactivityTimeout" not in json.loads(done.stdout)["services"][0]
    assert "Greeter: inactivity_timeout needs manifest version 3; left out" in done.stderr


def test_a_target_error_is_one_plain_message_and_code_2(folder: Path) -> None:
    """Nothing on stdout, no traceback."""
    done = run_cli("manifest", "shop:Greter", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("TargetError: 'shop:Greter': module 'shop' (shop.py) has no attribute 'Greter'.")
    assert "Traceback" not in done.stderr


def test_reflection_errors_are_plain_lines_and_code_2(folder: Path) -> None:
    """All problems of all targets, without a traceback."""
    (folder / "bad.py").write_text(
        dedent("""
            from restate_reflect import Context, ObjectContext
            class Mixed:
                async def one(self, ctx: Context) -> None: ...
                async def two(self, ctx: ObjectContext) -> None: ...
            class Bare:
                async def one(self, ctx: Context, value) -> None: ...
        """)
    )
    done = run_cli("manifest", "bad", cwd=folder)
    assert done.returncode == 2
    assert done.stderr.startswith("ReflectionError: ")
    assert "bad.Mixed" in done.stderr
    assert "bad.Bare.one" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["manifest"], "Missing argument 'TARGET...'"),
        (["manifest", "shop", "--version", "9"], "9 is not in the range 1<=x<=4"),
        (["manifes"], "there is no command 'manifes'. Did you mean 'manifest'?"),
        (["serve", "shop", "--workers", "0"], "0 is not in the range"),
        (["serve", "shop", "--register", "http://x", "--with-server"], "exclude each other"),
        (["serve", "shop", "--advertise", "http://x"], "it needs --register or --with-server"),
    ],
)
def test_wrong_arguments_end_with_code_2(arguments: list[str], message: str) -> None:
    """By click, before anything is imported."""
    done = run_cli(*arguments)
    assert done.returncode == 2
    assert message in done.stderr


def test_help_lists_the_commands_without_importing_them() -> None:
    """One command's imports cost another command nothing."""
    code = (
        "import sys\n"
        "from restate_reflect.cli import main\n"
        "try: main(['--help'], prog_name='restate-reflect')\n"
        "except SystemExit: pass\n"
        "print([name for name in sys.modules if name.startswith('restate_reflect.cli.')])\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "Usage: restate-reflect [OPTIONS] COMMAND" in shown
    assert "serve           Serve TARGETs to a restate-server." in shown
    assert "manifest        Print the endpoint manifest of TARGETs." in shown
    assert shown.splitlines()[-1] == "['restate_reflect.cli._terminal']"
