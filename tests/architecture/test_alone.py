"""Each module can be imported first, and offers what its ``__all__`` says."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib.util import find_spec

import pytest

import restate_reflect
from tests.architecture.imports import PACKAGE, imports_of, modules
from tests.support import ROOT

IMPORT_ALL = """
import importlib, json, sys, warnings
warnings.simplefilter("error")
missing = {}
for name in json.load(sys.stdin):
    module = importlib.import_module(name)
    absent = [each for each in getattr(module, "__all__", ()) if not hasattr(module, each)]
    if absent:
        missing[name] = absent
print(json.dumps(missing))
"""


def executed_before(module: str) -> frozenset[str]:
    """The modules that an import of this one executes first: those it names, and the folders these are in."""
    named = imports_of(module, modules()[module], top_level=True) - {module}
    folders = {folder for name in named for folder in _folders(name) if not f"{module}.".startswith(f"{folder}.")}
    return (named | folders) - {"restate_reflect"}


def _folders(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


def lacks_its_library(module: str) -> bool:
    """Whether it belongs to an extra of agents that is not installed here."""
    return any(module.startswith(part) and find_spec(library) is None for part, library in LIBRARIES.items())


LIBRARIES = {
    "restate_reflect.agents.langchain": "langchain",
    "restate_reflect.agents.openai_agents": "agents",
    "restate_reflect.agents.pydantic_ai": "pydantic_ai",
}


def test_each_module_can_be_imported_first() -> None:
    """No module is executed before itself; ``static_order`` raises ``CycleError`` with the way round."""
    graph = {module: executed_before(module) for module in modules()}
    assert len(list(TopologicalSorter(graph).static_order())) == len(graph)


def test_each_module_has_what_its_all_says() -> None:
    """In a process of its own, with warnings as errors."""
    names = sorted(name for name in modules() if name != "restate_reflect.__main__" and not lacks_its_library(name))
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL],
        input=json.dumps(names),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert json.loads(done.stdout) == {}


def test_the_package_imports_without_a_warning() -> None:
    """In a fresh interpreter, in development mode."""
    subprocess.run([sys.executable, "-X", "dev", "-W", "error", "-c", "import restate_reflect"], cwd=ROOT, check=True)


def test_the_public_names_are_sorted_and_complete() -> None:
    """What __init__ imports for type checkers is public, is there at run time, and nothing else is public."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    imported = {
        alias.asname or alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert restate_reflect.__all__ == sorted(restate_reflect.__all__)
    assert set(restate_reflect.__all__) == set(imported)
    for name, module in imported.items():
        assert getattr(restate_reflect, name) is getattr(importlib.import_module(str(module)), name)


def test_the_first_import_loads_no_http_library() -> None:
    """A module of handlers needs contexts only; a command line that prints its help not even these."""
    program = "import sys; from restate_reflect import Context; print('aiohttp' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_serving_over_http2_loads_no_http_library() -> None:
    """aiohttp comes with the first peer that speaks HTTP/1.1."""
    program = """
import asyncio, sys
from restate_reflect import Context
from restate_reflect.endpoint import listening

class Greeter:
    async def greet(self, ctx: Context) -> None: ...

async def main():
    async with listening(Greeter) as listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        print("aiohttp" in sys.modules)
        writer.write(b"GET /health HTTP/1.1\\r\\nhost: a\\r\\n\\r\\n")
        print((await reader.readline()).decode().strip(), "aiohttp" in sys.modules)
        writer.close()

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\nHTTP/1.1 200 OK True\n"


def test_serving_loads_no_protobuf() -> None:
    """It comes with the first message that is not written by hand, or with a module that has messages of its own."""
    program = """
import asyncio, sys
import restate_reflect.cli._serving
from restate_reflect import Context, ObjectContext
from restate_reflect.endpoint import listening
from restate_reflect.endpoint.core import core_of

class Greeter:
    async def greet(self, ctx: Context, name: str) -> str: ...

class Counter:
    async def add(self, ctx: ObjectContext, amount: int) -> int: ...

async def main():
    core = core_of([Greeter, Counter])
    async with listening(core):
        print(core.answer("GET", "/discover", {}, "BIDI_STREAM").status)

asyncio.run(main())
print([name for name in sys.modules if name.startswith("google.protobuf")])
from restate_reflect.protocol import pb
pb.StartMessage()
print("google.protobuf.descriptor" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:3] == ["200", "[]", "True"]


FIXED = [
    "Context", "ObjectContext", "ObjectSharedContext", "RetryPolicy", "RetryableError", "State", "Request",
    "TerminalError", "WorkflowContext", "WorkflowSharedContext", "endpoint", "handler", "reflect", "service",
]  # fmt: skip


@pytest.mark.parametrize("name", FIXED)
def test_names_that_users_rely_on_are_there(name: str) -> None:
    """Renaming one of these breaks programs."""
    assert name in restate_reflect.__all__
    assert getattr(restate_reflect, name) is not None


def test_the_package_is_marked_as_typed() -> None:
    """Type checkers ignore the annotations of an installed package without this file (PEP 561)."""
    assert (PACKAGE / "py.typed").is_file()
