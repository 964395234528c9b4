"""Shells complete commands, options, targets, handlers and invocations."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.engines import Engine
from tests.support import ROOT

SHELLS = ("bash", "zsh", "fish")


def eventually_completed(either: Engine, line: str, expected: list[str]) -> None:
    """A shell does not wait for long: on a busy machine the answer, nothing else, may come too late for a key."""
    deadline = time.monotonic() + 60
    while (found := completed(either, line)) != expected:
        assert not found
        assert time.monotonic() < deadline


def completed(either: Engine | None, line: str) -> list[str]:
    """What the program tells bash for a line whose last word is being typed."""
    admin = either.admin_url if either else "http://127.0.0.1:9"
    words = line.split(" ")
    variables = {
        "_RESTATE_REFLECT_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "RESTATE_ADMIN_URL": admin,
    }
    command = [sys.executable, "-m", "restate_reflect"]
    env = {**os.environ, **variables, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return [item for item in done.stdout.splitlines() if item]


@pytest.mark.parametrize(
    "line, expected",
    [
        ("restate-reflect ca", ["plain,call", "plain,cancel"]),
        ("restate-reflect call --idem", ["plain,--idempotency-key"]),
        ("restate-reflect ps --status pa", ["plain,paused"]),
        ("restate-reflect completion z", ["plain,zsh"]),
        ("restate-reflect serve sh", ["file,sh"]),
        ("restate-reflect journal inv_1x sh", ["file,sh"]),
        ("restate-reflect call Cou", []),
        ("restate-reflect cancel inv_", []),
    ],
)
def test_words_are_completed_without_a_server(line: str, expected: list[str]) -> None:
    """One that does not answer is no error either."""
    assert completed(None, line) == expected


def test_handlers_are_completed(either: Engine) -> None:
    """Of objects as far as the key, and with the key that is there already."""
    eventually_completed(either, "restate-reflect call Shop/b", ["plain,Shop/broken", "plain,Shop/buy"])
    eventually_completed(
        either,
        "restate-reflect send Cou",
        [
            "plain,Counter/",
            "plain,Counter/KEY/add",
            "plain,Counter/KEY/get",
        ],
    )
    eventually_completed(either, "restate-reflect call Counter/a/b/g", ["plain,Counter/a/b/get"])


def test_invocations_are_completed(either: Engine) -> None:
    identifier = either.out("send", "Shop/wait")
    eventually_completed(either, f"restate-reflect cancel {identifier[:-3]}", [f"plain,{identifier}"])
    eventually_completed(either, f"restate-reflect attach {identifier[:-3]}", [f"plain,{identifier}"])
    either.out("kill", identifier)


def in_shell(shell: str, folder: Path, script: str) -> str:
    """Runs a script in a shell that finds ``restate-reflect``."""
    program = folder / "restate-reflect"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m restate_reflect "$@"\n')
    program.chmod(0o755)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(folder)}
    done = subprocess.run([shell, "-c", script], env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_a_shell_is_for_our_program(shell: str, embedded_engine: Engine) -> None:
    script = embedded_engine.out("completion", shell)
    assert f"_RESTATE_REFLECT_COMPLETE={shell}_complete" in script
    assert "restate-reflect" in script


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_completes(tmp_path: Path) -> None:
    script = """
        eval "$(restate-reflect completion bash)"
        COMP_WORDS=(restate-reflect ca) COMP_CWORD=1
        $(complete -p restate-reflect | sed 's/.*-F \\([^ ]*\\).*/\\1/') restate-reflect
        echo "${COMPREPLY[@]}"
    """
    assert in_shell("bash", tmp_path, script) == "call cancel\n"


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh here")
def test_zsh_completes(tmp_path: Path) -> None:
    """The script registers its function; zsh asks it from its line editor only."""
    script = """
        autoload -U compinit; compinit -u
        eval "$(restate-reflect completion zsh)"
        print $_comps[restate-reflect]
    """
    assert in_shell("zsh", tmp_path, script) == "_restate_reflect_completion\n"


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish here")
def test_fish_completes(tmp_path: Path) -> None:
    script = "restate-reflect completion fish | source; complete -C 'restate-reflect ca'"
    assert [line.split("\t")[0] for line in in_shell("fish", tmp_path, script).splitlines()] == ["call", "cancel"]
