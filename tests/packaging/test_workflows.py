"""The workflows, as far as they can be checked where they don't run: shape, pins, permissions, what they name."""

from __future__ import annotations

import re
import runpy
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from tests.support import ROOT

FOLDER = ROOT / ".github/workflows"
FILES = sorted(path.name for path in FOLDER.glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
JOB_KEYS = {
    "name", "needs", "if", "runs-on", "steps", "strategy", "env", "environment", "permissions", "timeout-minutes",
    "uses", "with", "outputs", "defaults", "concurrency", "continue-on-error", "services", "container", "secrets",
}  # fmt: skip
STEP_KEYS = {
    "name",
    "id",
    "if",
    "uses",
    "with",
    "run",
    "env",
    "working-directory",
    "shell",
    "timeout-minutes",
    "continue-on-error",
}
CONTEXTS = {"github", "matrix", "steps", "needs", "env", "secrets", "runner", "inputs", "job", "strategy", "vars"}


def load(name: str) -> dict[str, Any]:
    """A workflow; YAML 1.1 reads its key ``on`` as true."""
    loaded = yaml.safe_load((FOLDER / name).read_text())
    loaded["on"] = loaded.pop(True)
    return dict(loaded)


def jobs() -> list[tuple[str, str, dict[str, Any]]]:
    return [(file, name, job) for file in FILES for name, job in load(file)["jobs"].items()]


def steps() -> list[tuple[str, dict[str, Any]]]:
    return [(f"{file}: {name}", step) for file, name, job in jobs() for step in job.get("steps", [])]


def commands() -> list[str]:
    return [line.strip() for _, step in steps() for line in step.get("run", "").splitlines() if line.strip()]


def test_there_are_the_four() -> None:
    assert FILES == ["constraints.yml", "docs.yml", "release.yml", "tests.yml"]


@pytest.mark.parametrize("file", FILES)
def test_a_workflow_has_a_shape_that_github_takes(file: str) -> None:
    """Known keys, jobs that end by themselves, needs that exist without a circle, the least permissions."""
    workflow = load(file)
    assert set(workflow) <= {"name", "on", "permissions", "concurrency", "env", "jobs", "defaults", "run-name"}
    assert workflow["permissions"] == {"contents": "read"}
    done: set[str] = set()
    waiting = dict(workflow["jobs"])
    for name, job in waiting.items():
        assert set(job) <= JOB_KEYS, name
        assert ("uses" in job) != ("runs-on" in job), name
        assert "uses" in job or job["timeout-minutes"] > 0
    while waiting:
        ready = [name for name, job in waiting.items() if {*_listed(job.get("needs", []))} <= done]
        assert ready, f"needs of {sorted(waiting)} don't exist, or go round"
        done |= {*ready}
        waiting = {name: job for name, job in waiting.items() if name not in done}


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def test_steps_do_one_thing_and_actions_are_pinned() -> None:
    """By commit, with the version as a comment for readers: a tag can be moved."""
    for place, step in steps():
        assert set(step) <= STEP_KEYS, place
        assert ("run" in step) != ("uses" in step), place
    for file in FILES:
        for line in (FOLDER / file).read_text().splitlines():
            if "uses: ./" not in line and "uses:" in line:
                assert re.search(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line
            if found := re.search(r"uses: \./(\S+)", line):
                assert (ROOT / found[1]).is_file()


def test_expressions_name_what_there_is() -> None:
    """Contexts, keys of the matrix, ids of steps."""
    for file, name, job in jobs():
        text = yaml.safe_dump(job)
        matrix = job.get("strategy", {}).get("matrix", {})
        keys = {*matrix, *(key for each in matrix.get("include", []) for key in each)} - {"include"}
        ids = {step["id"] for step in job.get("steps", []) if "id" in step}
        for expression in re.findall(r"\$\{\{\s*(.*?)\s*\}\}", text):
            context, _, rest = expression.partition(".")
            assert context in CONTEXTS, f"{file}: {name}: {expression}"
            if context == "matrix":
                assert rest in keys, f"{file}: {name}: {expression}"
            if context == "steps":
                assert rest.split(".")[0] in ids, f"{file}: {name}: {expression}"


def test_no_text_of_strangers_gets_into_a_shell() -> None:
    """Titles and names of branches come from whoever opens a pull request."""
    for place, step in steps():
        found = re.findall(r"\$\{\{(.*?)\}\}", step.get("run", ""))
        assert found == [], f"{place}: give it by env, and quote it"


def test_commands_name_what_is_there() -> None:
    """Scripts, folders of tests, extras."""
    for command in commands():
        for word in shlex.split(command):
            if word.startswith(("tests/", ".ci/", "examples/")):
                assert (ROOT / word).exists(), command
            if extras := re.search(r"^\.\[([\w,]+)\]$", word):
                assert set(extras[1].split(",")) <= set(PROJECT["optional-dependencies"]), command


def test_every_supported_python_is_tested_on_linux_and_macos() -> None:
    """And the wheels are built for the machines that the documentation names."""
    matrix = load("tests.yml")["jobs"]["tests"]["strategy"]["matrix"]
    supported = [each.rpartition(" ")[2] for each in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", each)]
    assert matrix["python"] == supported
    assert [each.partition("-")[0] for each in matrix["os"]] == ["ubuntu", "macos"]
    built = {each["name"] for each in load("release.yml")["jobs"]["wheels"]["strategy"]["matrix"]["include"]}
    assert built == {"linux-x86_64", "linux-aarch64", "macos-arm64", "macos-x86_64"}
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["cibuildwheel"]
    assert "musllinux" not in settings["build"]
    assert settings["skip"].split()[:2] == ["*-manylinux_i686", "*-musllinux_i686"]
    assert (ROOT / settings["test-command"].partition("{project}/")[2]).is_file()


def test_only_a_tag_publishes_and_without_a_token() -> None:
    """After tests and wheels; the identity is the workflow's own."""
    publish = load("release.yml")["jobs"]["publish"]
    assert publish["if"] == "github.ref_type == 'tag'"
    assert set(publish["needs"]) == {"tests", "pure", "wheels"}
    assert publish["permissions"] == {"id-token": "write"}
    assert "secrets" not in (FOLDER / "release.yml").read_text()


def test_the_tag_must_name_the_version() -> None:
    """And the changelog must have its dated section."""
    problems = runpy.run_path(str(ROOT / ".ci/version"))["problems"]
    version = PROJECT["version"]
    wrong = problems("v9.9.9")
    assert wrong[0] == f"the tag is v9.9.9, and pyproject.toml says {version}: tag v{version}, or change the version"
    dated = f"## [{version}] - 20" in (ROOT / "CHANGELOG.md").read_text()
    assert problems(f"v{version}") == ([] if dated else [f"CHANGELOG.md has no section '## [{version}] - YYYY-MM-DD'"])


def test_constraints_pin_what_is_needed() -> None:
    """Each direct requirement of the tests, checkers and documentation, within its bounds' names."""
    lines = (ROOT / ".ci/constraints.txt").read_text().splitlines()
    pinned = {re.match(r"[\w.-]+", line)[0].lower().replace("_", "-") for line in lines}  # type: ignore[index]
    assert all("==" in line for line in lines)
    extras = PROJECT["optional-dependencies"]
    wanted = [*PROJECT["dependencies"], *(each for name in ("test", "lint", "docs", "local") for each in extras[name])]
    names = {re.match(r"[\w.-]+", each)[0].lower().replace("_", "-") for each in wanted}  # type: ignore[index]
    assert names - {"restate-reflect"} - pinned == set()


@pytest.mark.parametrize("path", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.name)
def test_issue_templates_are_forms(path: Path) -> None:
    """Each with a name and a body of known elements."""
    form = yaml.safe_load(path.read_text())
    if path.name == "config.yml":
        return
    assert set(form) == {"name", "description", "body"}
    assert {each["type"] for each in form["body"]} <= {"markdown", "textarea", "input", "dropdown", "checkboxes"}
    assert all(each["attributes"]["label"] for each in form["body"])
