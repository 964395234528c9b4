"""Help is quick and complete, and exit codes are what the documentation says."""

from __future__ import annotations

import platform
import re
import resource
import subprocess
import sys
from importlib.metadata import version

import click
import pytest
from click.testing import CliRunner

from restate_reflect import ingress, server
from restate_reflect.cli import main
from restate_reflect.cli._errors import EXIT_CODES, exit_code
from restate_reflect.engine import machine
from restate_reflect.errors import ReflectionError, RestateReflectError, TargetError
from tests.support import ROOT, run_cli

COMMANDS = main.list_commands(click.Context(main))
HEAVY = ("aiohttp", "pydantic", "google.protobuf", "hpack", "sqlite3", "asyncio")
LOOPING = {"dev", "serve"}
"""Their options name loops."""


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_loads_nothing_that_only_work_needs(command: str) -> None:
    """In a fresh process."""
    words = [command, "--help"] if command else ["--help"]
    script = f"""
import sys
sys.argv = ["restate-reflect", *{words!r}]
from restate_reflect.cli import main
try:
    main(prog_name="restate-reflect")
except SystemExit as end:
    assert not end.code
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = done.stdout.splitlines()[-1]
    assert loaded in ("[]", "['asyncio']") if command in LOOPING else loaded == "[]"


def test_the_version_says_whether_it_is_compiled() -> None:
    done = run_cli("--version")
    compiled = "no" if (machine.__file__ or "").endswith(".py") else "yes"
    line = f"restate-reflect {version('restate-reflect')} (compiled: {compiled}) {platform.python_implementation()} "
    assert done.returncode == 0
    assert done.stdout == f"{line}{platform.python_version()}\n"


def test_help_is_quick() -> None:
    """CPU time, which other processes don't change; measured 0.11 s, with the HTTP libraries it would be 0.7 s."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert run_cli("--help").returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.4


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_a_help_text(command: str) -> None:
    """And every command says in its first line what the list of commands says, or more."""
    found = main.get_command(click.Context(main), command)
    assert found is not None
    assert found.help
    options = [parameter for parameter in found.params if isinstance(parameter, click.Option)]
    assert [option.name for option in options if not option.help] == []


def test_commands_that_print_data_take_json() -> None:
    """Only what runs until it is stopped, and the completion, do not."""
    context = click.Context(main)
    without = []
    for name in COMMANDS:
        found = main.get_command(context, name)
        assert found is not None
        if "--json" not in {option for parameter in found.params for option in parameter.opts}:
            without.append(name)
    assert without == ["completion", "dev", "serve"]


def test_an_unknown_command_is_suggested() -> None:
    result = CliRunner().invoke(main, ["cal"])
    assert result.exit_code == 2
    assert "there is no command 'cal'. Did you mean 'call' or 'cancel'?" in result.stderr


def documented() -> dict[int, str]:
    page = (ROOT / "docs" / "cli.md").read_text()
    rows = re.findall(r"^\| (\d) \| (.*) \|$", page.partition("## Exit codes")[2], re.MULTILINE)
    return {int(code): meaning for code, meaning in rows}


def test_every_exit_code_is_documented() -> None:
    assert set(documented()) == {0, *EXIT_CODES.values()}


@pytest.mark.parametrize(
    "error, code",
    [
        (ingress.ServiceError("no", 409), 3),
        (ingress.HandlerNotFoundError("no", 404), 4),
        (ingress.InvocationNotFoundError("no", 404), 4),
        (ingress.BadRequestError("no", 400), 2),
        (ingress.AlreadyInvokedError("no", 409), 1),
        (ingress.OverloadedError("no", 429), 1),
        (ingress.UnavailableError("no", 503), 1),
        (ingress.NotAnIngressError("no", 404), 6),
        (ingress.ConnectError("no"), 6),
        (ingress.ConnectionLostError("no"), 6),
        (ingress.RequestTimeoutError("no"), 5),
        (server.AdminError("no", 409), 1),
        (server.AdminError("no answer"), 6),
        (ingress.AdminNotFoundError("no", 404), 4),
        (server.ServerStartError("no"), 1),
        (TargetError("no"), 2),
        (ReflectionError([]), 2),
    ],
)
def test_exit_codes_by_error(error: RestateReflectError, code: int) -> None:
    """Scripts rely on them."""
    assert exit_code(error) == code


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "-1", "1e300", "five"])
@pytest.mark.parametrize(
    "arguments", [("serve", "shop.py", "--grace"), ("call", "Greeter/greet", "--timeout"), ("attach", "x", "--timeout")]
)
def test_seconds_are_a_number_that_a_clock_can_wait(arguments: tuple[str, ...], value: str) -> None:
    """`nan` and `inf` are floats as well, and no comparison refuses `nan`."""
    result = CliRunner().invoke(main, [*arguments, value])
    assert result.exit_code == 2
    assert "Invalid value for" in result.output
