"""Each module can be imported first, and offers what its ``__all__`` says."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys

import pytest

import restate_reflect
from tests.architecture.imports import PACKAGE, modules
from tests.support import ROOT

# Third-party packages are imported once; then a fork imports one module each. The package's own
# __init__ is left out, since it would import nearly everything in an order that works, and hide
# a cycle that shows when a module comes first. A module that its folder's __init__ imports needs
# no fork of its own: Python imports the folder first in any case.
RUNNER = """
import json, os, sys, traceback, types, warnings
import aiohttp.web, click, google.protobuf.internal.builder, hpack, pydantic
warnings.simplefilter("error")
names, package = json.load(sys.stdin), {package!r}

def check(name):
    bare = types.ModuleType("restate_reflect")
    bare.__path__, bare.__file__ = [package], package + "/__init__.py"
    sys.modules["restate_reflect"] = bare
    __import__(name)
    loaded = [each for each in sys.modules if each.startswith("restate_reflect.")]
    for each in loaded:
        module = sys.modules[each]
        missing = [name for name in getattr(module, "__all__", ()) if not hasattr(module, name)]
        if missing:
            raise AttributeError(f"__all__ of {{each}} names what is not there: {{missing}}")
    return [each for each in loaded if each.startswith(name + ".")]

failed, covered = {{}}, set()
for name in names:
    if name in covered:
        continue
    ours, theirs = os.pipe()
    if os.fork() == 0:
        try:
            report = {{"loaded": check(name)}}
        except BaseException:
            report = {{"error": traceback.format_exc()[-3000:]}}
        with os.fdopen(theirs, "w") as line:
            json.dump(report, line)
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as line:
        report = json.load(line)
    os.wait()
    covered.update(report.get("loaded", ()))
    if "error" in report:
        failed[name] = report["error"]
print(json.dumps(failed))
"""


def test_each_module_can_be_imported_first() -> None:
    """In a process that has imported no other module of the package, with warnings as errors."""
    # Folders before what is in them.
    names = sorted(name for name in modules() if name not in {"restate_reflect", "restate_reflect.__main__"})
    done = subprocess.run(
        [sys.executable, "-c", RUNNER.format(package=str(PACKAGE))],
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
