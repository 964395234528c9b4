"""The repository around the package says the same thing everywhere."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from typing import Any

import click
import pytest

from restate_reflect.cli import main
from tests.support import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
README = (ROOT / "README.md").read_text()


def commands_of_readme() -> list[str]:
    return re.findall(r"^python3 -m venv .*$", README, re.MULTILINE)


def test_the_readme_has_two_commands_and_the_second_runs_the_tests() -> None:
    """.ci/run takes the second one from here."""
    first, second = commands_of_readme()
    assert " dev " in first
    assert " .venv/bin/python -m pytest" in second


def test_what_the_first_command_serves_exists() -> None:
    """Each target is a file of the repository."""
    words = commands_of_readme()[0].partition(" dev ")[2].split()
    targets = [word for word in words if not word.startswith("--")]
    assert targets
    assert [target for target in targets if not (ROOT / target).is_file()] == []


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/cli.md", "docs/index.md"])
def test_relative_links_lead_to_files(document: str) -> None:
    """Of the Markdown files that are not checked by the documentation build."""
    file = ROOT / document
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", file.read_text())
    assert [link for link in links if not (file.parent / link).exists()] == []


@pytest.mark.parametrize("document", ["README.md", "docs/cli.md", "docs/index.md"])
def test_python_in_documents_compiles(document: str) -> None:
    """Syntax at least; examples that run live in ``examples/``."""
    for block in re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(), re.DOTALL):
        ast.parse(block)


def test_every_option_of_the_command_line_is_documented() -> None:
    """docs/cli.md names each option that --help lists."""
    text = (ROOT / "docs" / "cli.md").read_text()
    context = click.Context(main)
    commands = [main.get_command(context, name) for name in main.list_commands(context)]
    options = {
        option
        for command in commands
        if command is not None
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
    }
    assert {option for option in options if f"{option}" not in text} == set()


def test_the_version_has_a_place_in_the_changelog() -> None:
    """Three numbers, and a heading once it is released."""
    assert re.fullmatch(r"\d+\.\d+\.\d+", PROJECT["project"]["version"])
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert "## [Unreleased]" in changelog or f"## [{PROJECT['project']['version']}]" in changelog


def test_the_generated_protocol_fits_the_required_protobuf() -> None:
    """Generated code refuses a runtime older than itself; the requirement must not allow one."""
    generated = (ROOT / "restate_reflect" / "protocol" / "_pb2.py").read_text()
    found = re.search(r"Protobuf Python Version: (\d+)\.(\d+)\.(\d+)", generated)
    assert found is not None
    required = next(each for each in PROJECT["project"]["dependencies"] if each.startswith("protobuf"))
    major, minor, micro = map(int, found.groups())
    # A runtime accepts code of its own and of the previous major version.
    assert required == f"protobuf>={major}.{minor}.{micro},<{major + 2}"


def test_each_dependency_has_a_lower_bound_that_is_tested() -> None:
    """.ci/run installs these versions, and runs tests with them."""
    done = subprocess.run([sys.executable, ROOT / ".ci" / "lowest"], capture_output=True, text=True, check=True)
    named = {re.split("[=;]", line)[0] for line in done.stdout.splitlines()}
    runtime = PROJECT["project"]["dependencies"]
    assert {re.split(r"[\[>]", each)[0] for each in runtime} <= named
    assert ".ci/lowest" in (ROOT / ".ci" / "run").read_text()
