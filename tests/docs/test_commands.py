"""The commands in the documentation work as written."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from restate_reflect.cli import main
from tests.conftest import ServeProcess, ServerMaker
from tests.dev.running import Dev, dev
from tests.docs.blocks import PAGES, ROOT, Block, blocks, commands, module_name
from tests.examples.test_docstrings import check
from tests.support import run_cli

TUTORIAL = "docs/tutorial.md"
REPOSITORY = {"README.md", "docs/cli.md", "docs/reliability.md"}
"""Pages of other owners and synopses; their commands are parsed, and what they serve is tested elsewhere."""

INSTALLING = ("python3 -m venv ", ". .venv/bin/activate", "pip install ")
"""Run by the tests at the end, in a shell and an environment of their own."""

PRINTING = ("manifest", "openapi", "inspect")
"""Commands that read targets, print, and end."""


def shell_blocks(page: str) -> list[Block]:
    return [block for block in blocks(page) if block.language == "sh" and block.excuse is None]


def shell_commands(page: str) -> list[str]:
    return [command for block in shell_blocks(page) for command in commands(block)]


def placeholder(command: str) -> bool:
    """``<id>`` and the like come from an earlier answer; ``TARGET...`` is a synopsis."""
    return bool(re.search(r"<[^>]*>|TARGET|\[|…", command))


PROGRAMS = [
    (page, command)
    for page in PAGES
    for command in shell_commands(page)
    if command.startswith("restate-reflect ") and not placeholder(command)
]


@pytest.mark.parametrize("page, command", PROGRAMS)
def test_commands_of_ours_parse(page: str, command: str) -> None:
    """Command and options exist; arguments have the right number."""
    words = shlex.split(command, comments=True)[1:]
    context = click.Context(main)
    if words[0].startswith("-"):
        assert run_cli(*words).returncode == 0, page
        return
    found = main.get_command(context, words[0])
    assert found is not None, f"{page}: there is no command {words[0]!r}"
    if "--help" not in words:
        found.make_context(words[0], words[1:])


@pytest.mark.parametrize(
    "command", [c for page, c in PROGRAMS if page not in REPOSITORY and c.split()[1] in PRINTING and ">" not in c]
)
def test_commands_that_print_do(command: str, docs_program: Path) -> None:
    """They find their targets among the files that the pages show."""
    done = run_cli(*shlex.split(command, comments=True)[1:], cwd=docs_program)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("page", [page for page in PAGES if page not in REPOSITORY])
def test_every_command_is_looked_at(page: str) -> None:
    """By one of the tests here; anything else needs an excuse."""
    for command in shell_commands(page):
        known = command.startswith(("restate-reflect ", "curl ", "python -m pytest ", "python ", *INSTALLING))
        assert known, f"{page}: {command!r} is run by no test"
        alone = command.startswith(("python ", *INSTALLING))
        assert page == TUTORIAL or not alone, f"{page}: {command!r} is run by no test"


@dataclass(frozen=True, slots=True)
class _Ingress:
    ingress_url: str


class Reader:
    """Somebody who types in what the tutorial says."""

    def __init__(self, folder: Path, resources: ExitStack) -> None:
        self.folder, self.resources = folder, resources
        self.server = _Ingress("")
        self.dev: Dev | None = None

    def type_in(self, command: str) -> None:
        words = shlex.split(command, comments=True)
        match words:
            case ["restate-reflect", "dev", target, *options]:
                self.resources.close()
                self.dev = self.resources.enter_context(dev(self.folder, *options, target=target))
                self.server = _Ingress(self.dev.ingress)
                for file in self.folder.glob("buy_*.py"):
                    file.write_text(file.read_text().replace("http://127.0.0.1:8080", self.dev.ingress))
            case ["restate-reflect", *arguments]:
                self._ask(arguments, command.partition("  #")[2].strip())
            case ["curl", *_]:
                check(self.server, command)
            case ["python", *arguments]:
                self._run(arguments, command.partition("  #")[2].strip())
            case _:
                raise AssertionError(f"nobody knows how to run {command!r}")

    def _ask(self, arguments: list[str], printed: str) -> None:
        assert self.dev is not None
        where = {"RESTATE_INGRESS_URL": self.dev.ingress, "RESTATE_ADMIN_URL": self.dev.admin}
        env = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120", **where}
        command = [sys.executable, "-m", "restate_reflect", *arguments]
        done = subprocess.run(command, env=env, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert printed in done.stdout, f"{shlex.join(arguments)} prints {done.stdout!r}"

    def _run(self, arguments: list[str], printed: str) -> None:
        words = [word.replace("http://localhost:8080", self.server.ingress_url) for word in arguments]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, *words], cwd=self.folder, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert printed in done.stdout


@pytest.fixture
def reader(docs_program: Path, tmp_path: Path) -> Iterator[Reader]:
    folder = shutil.copytree(docs_program, tmp_path / "tutorial", ignore=shutil.ignore_patterns("__pycache__"))
    with ExitStack() as resources:
        yield Reader(folder, resources)


@pytest.mark.slow
@pytest.mark.server
def test_the_tutorial_works_from_top_to_bottom(reader: Reader) -> None:
    """Each command in order; the crash happens, and repeats no step."""
    bookings = ""
    for command in shell_commands(TUTORIAL):
        if command.startswith(INSTALLING):
            continue
        reader.type_in(command)
        if "/Trip/" in command:
            assert reader.dev is not None
            bookings = reader.dev.end()
    assert "the process of revision 1 ended by signal 9; starting it again" in bookings
    assert bookings.count("booking a flight") == bookings.count("booking a hotel") == 1


@pytest.mark.slow
def test_the_readme_works_from_top_to_bottom(reader: Reader) -> None:
    """On fresh data, each command in the order in which it is printed. The two commands at its top are tried below, and
    by ``.ci/run``."""
    tried = [command for command in shell_commands("README.md") if not command.startswith(INSTALLING)]
    for command in tried:
        reader.type_in(command)
    assert len(tried) >= 8


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files of the repository, and nothing that stands beside them in this one."""
    folder = tmp_path / "clone"
    names = ("restate_reflect", "examples", "pyproject.toml", "hatch_build.py", "README.md", "LICENSE")
    for name in names:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        else:
            shutil.copy(ROOT / name, folder)
    return folder


def typed(commands: list[str], folder: Path) -> subprocess.Popen[str]:
    """A shell in which somebody types these lines, with no environment activated before."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    here = str(Path(sys.executable).parent)
    python = Path(getattr(sys, "_base_executable", sys.executable)).resolve().parent
    path = os.pathsep.join([str(python), *(each for each in kept["PATH"].split(os.pathsep) if each != here)])
    return subprocess.Popen(
        ["bash", "-euc", "\n".join(commands)],
        cwd=folder,
        env={**kept, "PATH": path, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def said(process: subprocess.Popen[str], wanted: str) -> str:
    """What it printed until a line with these words."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if wanted in line:
            return seen
    raise AssertionError(f"{wanted!r} was not printed, but {seen[-2000:]}")


@pytest.mark.slow
def test_the_first_command_of_the_readme_runs_on_a_fresh_machine(clone: Path) -> None:
    """As it is printed, but for ports that are free: it makes an environment, and serves both examples."""
    (command,) = (
        each for each in shell_commands("README.md") if each.startswith("python3 -m venv") and " dev " in each
    )
    process = typed([f"{command} --ingress-port 0 --admin-port 0 --docs-port 0"], clone)
    try:
        shown = said(process, "Ctrl-C stops.")
        assert "revision 1 serves Greeter, Counter" in shown
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=60)


@pytest.mark.slow
def test_the_tutorial_is_installed_as_it_says(clone: Path) -> None:
    """Its own lines, and then the first command of its own and its tests."""
    lines = [each for each in shell_commands(TUTORIAL) if each.startswith(INSTALLING)]
    assert lines == ["python3 -m venv .venv", ". .venv/bin/activate", "pip install '.[local]'", "pip install pytest"]
    for block in blocks(TUTORIAL):
        if block.title in ("signup.py", "test_signup.py"):
            (clone / block.title).write_text(block.text)
    process = typed([*lines, "restate-reflect manifest signup.py", "python -m pytest test_signup.py"], clone)
    shown, _ = process.communicate()
    assert process.returncode == 0, shown[-2000:]
    assert '"Signup"' in shown
    assert " passed" in shown


CURLED = [page for page in PAGES if page.startswith("docs/guides/") and any("curl " in c for c in shell_commands(page))]


@pytest.mark.parametrize("page", CURLED)
def test_calls_in_guides_work(
    page: str, server_with: ServerMaker, serve_process: ServeProcess, docs_program: Path
) -> None:
    """The page's own services answer what the comments say."""
    server = server_with()
    serve_process(server, f"{module_name(page)}.py", cwd=docs_program)
    for command in shell_commands(page):
        if command.startswith("curl ") and not placeholder(command):
            check(server, command)
