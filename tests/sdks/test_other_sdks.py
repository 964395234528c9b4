"""Values that the official SDKs write are read here, and ours there; on a restate-server.

Optional: ``pip install 'restate-reflect[bench]'`` brings the Python SDK, and ``RESTATE_TYPESCRIPT`` names a directory
in which ``npm install @restatedev/restate-sdk`` was run (1.9 for Node 20; 1.17 needs Node 22). What is missing is
skipped.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from restate_reflect import Context, ObjectContext, State, service
from restate_reflect.server import RestateServer
from tests.conftest import Serve
from tests.sdks.peers import free_port, served
from tests.support import ROOT, call

HERE = Path(__file__).parent


class Names:
    async def length(self, ctx: Context, name: str | None) -> int:
        return -1 if name is None else len(name)


class Caller:
    async def python_nothing(self, ctx: Context) -> str | None:
        return await ctx.call(PythonPeer.nothing)

    async def typescript_nothing(self, ctx: Context) -> str | None:
        return await ctx.call(TypeScriptPeer.nothing)

    async def python_echo(self, ctx: Context, value: Any) -> Any:
        return await ctx.call(PythonPeer.echo, value)

    async def typescript_echo(self, ctx: Context, value: Any) -> Any:
        return await ctx.call(TypeScriptPeer.echo, value)


@service(name="PythonPeer")
class PythonPeer:
    async def nothing(self, ctx: Context) -> str | None: ...

    async def echo(self, ctx: Context, value: Any) -> Any: ...


@service(name="TypeScriptPeer")
class TypeScriptPeer:
    async def nothing(self, ctx: Context) -> str | None: ...

    async def echo(self, ctx: Context, value: Any) -> Any: ...


class Shelf:
    """The same object, in its next version."""

    note = State(str | None)

    async def read(self, ctx: ObjectContext) -> str:
        return repr(await ctx.get(Shelf.note))

    async def read_number(self, ctx: ObjectContext) -> int:
        return await ctx.get("note", int, default=7)


def _python(port: int) -> list[str]:
    if importlib.util.find_spec("restate") is None or importlib.util.find_spec("hypercorn") is None:
        pytest.skip("the Python SDK is not installed: pip install 'restate-reflect[bench]'")
    return [sys.executable, "-m", "hypercorn", "tests.sdks.python_peer:app", "--bind", f"127.0.0.1:{port}"]


def _typescript(port: int) -> list[str]:
    node, where = shutil.which("node"), os.environ.get("RESTATE_TYPESCRIPT")
    if node is None or where is None:
        pytest.skip("RESTATE_TYPESCRIPT names no directory with @restatedev/restate-sdk, or there is no node")
    return [node, str(HERE / "typescript_peer.mjs"), str(port)]


@pytest.fixture(params=["python", "typescript"])
def peer(request: pytest.FixtureRequest, restate_server: RestateServer) -> Iterator[str]:
    """The name of a peer whose services are registered."""
    port = free_port()
    command = (_python if request.param == "python" else _typescript)(port)
    cwd = ROOT if request.param == "python" else Path(os.environ["RESTATE_TYPESCRIPT"])
    with ExitStack() as stack:
        restate_server.register(stack.enter_context(served(command, port, cwd)), breaking=True)
        yield request.param


def test_values_cross_between_sdks(peer: str, restate_server: RestateServer, serve: Serve) -> None:
    server = restate_server
    called = {"python": "PythonPeer", "typescript": "TypeScriptPeer"}[peer]
    assert call(server, "Shelf", "put", key=peer).status == 200  # writes None, or null
    serve(server, Names, Caller)
    assert call(server, "Caller", f"{peer}_nothing").json is None
    for value in ("text", 3, 1.5, True, {"a": [1, None]}, ["ü"]):
        assert call(server, "Caller", f"{peer}_echo", value).json == value
    assert call(server, called, "ask").json == -1
    assert call(server, called, "ask", "abc").json == 3
    server.register(serve(None, Shelf).url, breaking=True)
    assert call(server, "Shelf", "read", key=peer).json == "None"
    if peer == "python":  # which writes no bytes; TypeScript writes null, which is no int
        assert call(server, "Shelf", "read_number", key=peer).json == 7
