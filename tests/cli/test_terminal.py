"""What comes from outside is shown on a terminal, and does not act on it."""

from __future__ import annotations

import json
import os
import pty
import shlex
import subprocess
import sys
from typing import Any

import click
import pytest
from click.testing import CliRunner

from restate_reflect.cli import _hints, main
from restate_reflect.cli._address import Address
from restate_reflect.cli._columns import columns
from restate_reflect.cli._options import print_json
from restate_reflect.cli._terminal import say
from restate_reflect.dev.screen import Screen
from restate_reflect.errors import TerminalError
from restate_reflect.escaping import terminal_text
from restate_reflect.openapi._curl import curl_lines
from tests.cli.engines import Engine

TITLE = "\x1b]0;X\x07"
"""Sets the window's title."""
HOSTILE = f"a{TITLE}\r\x08\x7f\x9b2J\u202eb\u2066\u2028\ud800"
ACTING = set(HOSTILE) - set("ab]0;X2J")


@pytest.mark.parametrize(
    "text, shown",
    [
        ("plain ü → 日本 👩‍💻", "plain ü → 日本 👩‍💻"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        (TITLE, r"\x1b]0;X\x07"),
        ("\r\x08\x00", r"\x0d\x08\x00"),
        ("\x7f\x85\x9b2J", r"\u007f\u0085\u009b2J"),
        ("\u202eabc\u2069", r"\u202eabc\u2069"),
        ("\ud800", r"\ud800"),
    ],
)
def test_control_characters_are_shown(text: str, shown: str) -> None:
    assert terminal_text(text) == shown


def test_a_line_stays_one() -> None:
    assert terminal_text("a\nb\tc", lines=False) == r"a\x0ab\x09c"


def test_no_character_that_acts_is_left() -> None:
    """C0, DEL, C1, and what the Unicode standard calls bidirectional formatting."""
    acting = {*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), *"\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e"}
    everything = "".join(map(chr, range(0x110000)))
    assert set(terminal_text(everything, lines=False)) & acting == set()
    terminal_text(everything).encode()


def test_everything_that_commands_print_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON stays the same JSON."""
    say(HOSTILE)
    say(HOSTILE, err=True)
    say(columns([("A", "B"), (HOSTILE, HOSTILE)]))
    Screen().print((HOSTILE, "bold"), (HOSTILE, ""))
    printed = capsys.readouterr()
    assert set(printed.out + printed.err) & ACTING == set()
    print_json({HOSTILE: [HOSTILE]})
    data = capsys.readouterr().out
    assert set(data) & ACTING == set()
    assert json.loads(data) == {HOSTILE: [HOSTILE]}


def test_errors_of_arguments_are_shown() -> None:
    """click would print them as they are."""
    done = CliRunner().invoke(main, ["stubs", "--from", f"/no{TITLE}"])
    assert done.exit_code == 2
    assert r"\x1b]0;X" in done.output
    assert "\x1b" not in done.output


def run_in_terminal(code: str) -> bytes:
    """What arrives at a terminal."""
    master, slave = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", code], stdout=slave, stderr=slave)
    os.close(slave)
    received = b""
    try:
        while chunk := os.read(master, 4096):
            received += chunk
    except OSError:
        pass  # how Linux tells that the other end is closed
    finally:
        os.close(master)
    assert process.wait(60) == 0, received
    return received


@pytest.mark.parametrize("result", [TITLE.encode(), TITLE.encode() + b"\xff"])
def test_results_are_shown_on_a_terminal_and_kept_in_a_file(result: bytes) -> None:
    code = f"from restate_reflect.cli._terminal import show_result; show_result({result!r})"
    assert b"\\x1b]0;X\\x07" in run_in_terminal(code)
    assert b"\x1b" not in run_in_terminal(code)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.rstrip(b"\n") == result


def test_the_story_of_a_failure_does_not_act(either: Engine) -> None:
    """``call``, ``ps``, ``journal`` of a handler that fails with such a text, with a key and a step of such names."""
    key = "k\x1b]0;X\x07"
    failed = either.run("call", f"Hostile/{key}/fail", json.dumps(TITLE))
    outputs = [failed, either.run("ps", "Hostile", "--all"), either.run("ps", "--all", "--json")]
    invocation = either.json("ps", "Hostile", "--all")[0]["id"]
    outputs += [either.run("journal", invocation), either.run("journal", invocation, "--json")]
    for done in outputs:
        assert set(done.output) & (ACTING - {"\r"}) == set(), done.output
    assert r"\x1b]0;X\x07" in failed.output


def explained(error: TerminalError, text: str) -> str:
    found = _hints.of_handler(Address("A b", "k'", "go"), text, None)(error)
    assert found is not None
    return f"{found.message}\n{found.hint}"


def test_printed_commands_are_quoted() -> None:
    """Copied into a shell they are what they were, and nothing else runs."""
    second = TerminalError("the workflow method was already invoked", 409)
    hint = explained(second, "A b/k'/go").splitlines()[-1]
    assert shlex.split(hint.split("`")[1]) == ["restate-reflect", "attach", "A b/k'"]
    nothing_given = TerminalError("x", 500)
    nothing_given.__dict__["invocation_id"] = "inv_1; rm -rf ."
    hint = explained(nothing_given, "A/go").splitlines()[-1]
    assert shlex.split(hint.split("`")[1]) == ["restate-reflect", "journal", "inv_1; rm -rf ."]


def test_printed_curl_lines_are_quoted() -> None:
    """Names and content types come from a server."""
    hostile = "x';touch${IFS}P;'/y"
    handlers: list[dict[str, Any]] = [
        {"name": "$(touch P)", "input_description": f'one of ["none", "value of content-type \'{hostile}\'"]'},
        {"name": "`touch P`", "input_json_schema": {"const": "'; touch P; '"}},
    ]
    for line in curl_lines("http://127.0.0.1:8080", [{"name": "a;b", "ty": "Service", "handlers": handlers}]):
        words = shlex.split(line)
        assert words[0] == "curl"
        assert [word for word in words if word in ("touch", "P", ";")] == []
        assert len(words) in (4, 6), words


def test_help_is_printed_as_ever() -> None:
    assert isinstance(main, click.Group)
    assert "Usage:" in CliRunner().invoke(main, ["call", "--help"]).output
