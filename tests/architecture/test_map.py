"""What a newcomer reads first is true: each package's docstring, and the map of an invocation in CONTRIBUTING.md."""

from __future__ import annotations

import ast
import asyncio
import re
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from restate_reflect import ObjectContext, State
from restate_reflect.embedded import Runtime
from restate_reflect.embedded.deployments.connect import connect
from restate_reflect.endpoint import listening
from tests.architecture.imports import PACKAGE
from tests.support import ROOT

PACKAGES = sorted(file.parent for file in PACKAGE.rglob("__init__.py"))
ROW = re.compile(r"^\| (?P<what>[^|]+) \| `(?P<file>[\w/]+\.py)` \| `(?P<function>[\w.]+)` \|$", re.MULTILINE)
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()


def docstring(package: Path) -> str:
    return ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""


def modules_in(package: Path) -> set[str]:
    return {path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: str(package.relative_to(ROOT)))
def test_a_package_says_where_to_start_reading(package: Path) -> None:
    """And names a module that is there."""
    found = re.search(r"Start\sreading\sat\s(``(?P<name>\w+)``|this)", docstring(package))
    assert found, "its docstring has no 'Start reading at ``module``'"
    assert found["name"] is None or found["name"] in modules_in(package)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: str(package.relative_to(ROOT)))
def test_private_modules_that_a_package_names_are_there(package: Path) -> None:
    """Names with an underscore are modules of the package."""
    named = set(re.findall(r"``(_\w+)``", docstring(package)))
    assert named <= modules_in(package)


class Counter:
    count = State(int, default=0)

    async def add(self, ctx: ObjectContext, amount: int) -> int:
        total = await ctx.get(self.count) + amount
        ctx.set(self.count, total)
        await ctx.run("note", note, total)
        return total


async def note(total: int) -> None:
    """Waits once: from Python 3.12 on a step that does not is through before anything is written."""
    await asyncio.sleep(0)


async def functions_of_an_invocation() -> list[tuple[str, str]]:
    """File and name of each function of the package, in the order of their first calls, over HTTP/2."""
    called: dict[tuple[str, str], None] = {}

    def watch(frame: FrameType, event: str, _: Any) -> None:
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(f"{PACKAGE}/"):
            called.setdefault((file.removeprefix(f"{PACKAGE}/"), frame.f_code.co_qualname))

    async with listening(Counter) as listener, Runtime() as runtime:
        await runtime.register(connect(f"http://127.0.0.1:{listener.port}", {}, False))
        before = sys.getprofile()
        sys.setprofile(watch)
        try:
            assert (await runtime.invoke("Counter", "add", b"3", key="a")).value == b"3"
        finally:
            sys.setprofile(before)
    return list(called)


def _is_compiled(file: str) -> bool:
    module = sys.modules[f"restate_reflect.{file.removesuffix('.py').replace('/', '.')}"]
    return not str(module.__file__).endswith(".py")


def test_the_map_shows_the_way_of_an_invocation() -> None:
    """Each function of the map is called, in this order. Compiled ones can't be seen."""
    steps = [(row["file"], row["function"]) for row in ROW.finditer(CONTRIBUTING)]
    assert len(steps) > 15
    called = asyncio.run(functions_of_an_invocation())
    seen = [step for step in steps if not _is_compiled(step[0])]
    assert [step for step in seen if step not in called] == []
    assert seen == sorted(seen, key=called.index)
