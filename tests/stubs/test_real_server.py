"""Callers that only have an interface, and an implementation in another process."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from restate_reflect import Context
from restate_reflect.ingress import AdminClient, Client
from restate_reflect.reflection import reflect_interface
from restate_reflect.server import RestateServer
from restate_reflect.stubs import generate_stubs
from tests.stubs.described import loaded
from tests.stubs.interfaces import Bin, Foreman, Part, Workshop
from tests.support import ServedInThread, ServedProcess, run_cli

IMPLEMENTATION = "tests.stubs.implementation"


@pytest.fixture(scope="module")
def server(restate_server: RestateServer) -> Iterator[RestateServer]:
    """The real server; the implementation is served by a process of its own."""
    with ServedProcess(IMPLEMENTATION) as served:
        restate_server.register(served.url)
        yield restate_server
    assert IMPLEMENTATION not in sys.modules


@pytest.fixture(scope="module")
def stubs(server: RestateServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The generated module, imported."""

    async def described() -> Any:
        async with AdminClient(server.admin_url) as admin:
            return await admin.services()

    file: Path = tmp_path_factory.mktemp("stubs") / "workshop_stubs.py"
    source = generate_stubs(asyncio.run(described()), only=["acme.Workshop", "Bin", "Assembly"])
    file.write_text(source)
    spec = importlib.util.spec_from_file_location("workshop_stubs", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["workshop_stubs"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["workshop_stubs"]


def with_client(server: RestateServer, use: Callable[[Client], Awaitable[Any]]) -> None:
    async def main() -> None:
        async with Client(server.ingress_url, timeout=20) as client:
            await use(client)

    asyncio.run(main())


def test_the_client_calls_through_generated_interfaces(server: RestateServer, stubs: Any) -> None:
    """Models, arguments by name, defaults of the service, bytes, renamed services and handlers."""

    async def use(client: Client) -> None:
        job = stubs.Job(id=3, parts=[stubs.Part(name="a"), stubs.Part(name="b")])
        result = await client.call(stubs.AcmeWorkshop.make, job)
        assert type(result) is stubs.Result
        assert (result.text, result.took.total_seconds()) == ("small:a+b", 3)
        cut = client.target(stubs.AcmeWorkshop.cut)
        assert await cut.call(length=5) == "cut 5 large"
        assert await cut.call(length=5, size=stubs.Size.small, label="x") == "x 5 small"
        assert await client.call(stubs.AcmeWorkshop.sizes, ["a"]) == {"a": stubs.Size.small}
        assert await client.call(stubs.AcmeWorkshop.invert, b"\x00\xff") == b"\xff\x00"
        assert await client.call(stubs.AcmeWorkshop.del_) is None
        key = uuid.uuid4().hex
        run = await client.submit(stubs.Assembly.run, 2, key=key)
        await client.call(stubs.Assembly.go, "ready", key=key)
        assert await run.attach() == await client.workflow(stubs.Assembly.run, key=key).attach() == "2 steps, ready"

    with_client(server, use)


def test_handlers_call_through_generated_interfaces(server: RestateServer, stubs: Any) -> None:
    class StubForeman:
        async def fill(self, ctx: Context, bin: str) -> list[str]:
            await ctx.call(stubs.Bin.put, stubs.Part(name="bolt", weight=1.5), key=bin)
            made = await ctx.call(stubs.AcmeWorkshop.make, stubs.Job(id=1, parts=[]))
            content: list[str] = await ctx.call(stubs.Bin.content, key=bin)
            return [*content, made.text]

    with ServedInThread(StubForeman) as served:
        server.register(served.url)

        async def use(client: Client) -> None:
            assert await client.call(StubForeman().fill, uuid.uuid4().hex) == ["bolt", "small:"]

        with_client(server, use)


def test_hand_written_protocols_and_abstract_classes_are_interfaces(server: RestateServer) -> None:
    """For ``ctx.call`` and for the client."""
    with ServedInThread(Foreman) as served:
        server.register(served.url)

        async def use(client: Client) -> None:
            assert await client.call(Foreman.fill, key := uuid.uuid4().hex, ["nut"]) == ["nut:small"]
            assert await client.call(Bin.put, Part("bolt"), key=key) == 2
            assert await client.call(Workshop.sizes, ["a"]) == {"a": "small"}

        with_client(server, use)


def test_the_admin_api_and_the_manifest_describe_the_same_interfaces(server: RestateServer) -> None:
    """With other words, and without the order of properties: the wire is the same."""

    async def listed() -> Any:
        async with AdminClient(server.admin_url) as admin:
            return await admin.services()

    manifest = json.loads(run_cli("manifest", IMPLEMENTATION).stdout)
    names = ["acme.Workshop", "Bin", "Assembly"]
    of_manifest = wire(generate_stubs(manifest), "of_manifest")
    assert of_manifest == wire(generate_stubs(asyncio.run(listed()), only=names), "of_admin")
    assert len(of_manifest) == 9


def wire(source: str, module: str) -> dict[str, Any]:
    """What the interfaces of a module of stubs put on the wire: content types and schemas by service and handler."""
    with loaded(source, module) as made:
        services = [
            reflect_interface(cls)
            for cls in vars(made).values()
            if getattr(cls, "_is_protocol", False) and cls.__module__ == module
        ]
        return {
            f"{service.name}/{handler.name}": (
                service.kind,
                handler.kind,
                (handler.input.content_type, handler.input.json_schema()),
                (handler.output.content_type, handler.output.json_schema()),
            )
            for service in services
            for handler in service.handlers.values()
        }
