"""The functions that pages show for use against a server work against one."""

from __future__ import annotations

import asyncio
import importlib
from pathlib import Path
from typing import Any

import pytest

from restate_reflect.ingress import AdminClient, Client
from restate_reflect.server import RestateServer
from tests.conftest import Serve, ServerMaker


@pytest.fixture(scope="module")
def page(docs_program: Path) -> Any:
    return importlib.import_module("test_docs_guides_client")


@pytest.fixture
def server(server_with: ServerMaker, serve: Serve, page: Any) -> RestateServer:
    """A fresh one: the page speaks of keys that nobody has used."""
    fresh = server_with()
    serve(fresh, page.Counter, page.Nap, page.Signup)
    return fresh


def test_the_client_page_works(server: RestateServer, page: Any) -> None:
    async def main() -> None:
        async with Client(server.ingress_url, admin_url=server.admin_url, timeout=30) as client:
            for function in (page.calling, page.sending, page.running_a_workflow, page.once_only, page.cancelling):
                await function(client)
            assert await page.telling_failures_apart(client) == "409 below zero"

    asyncio.run(main())
    assert page.script(server.ingress_url) == 4


def test_the_queries_of_the_pages_work(server: RestateServer, page: Any) -> None:
    """Tables and columns are those of the server."""
    operations = importlib.import_module("test_docs_operations")
    versions = importlib.import_module("test_docs_guides_versions")

    async def main() -> None:
        async with Client(server.ingress_url) as client:
            await client.send(page.Nap.take, 3600.0)
        async with AdminClient(server.admin_url) as admin:
            assert await page.looking_around(admin) == ["Counter", "Nap", "Signup"]
            assert await operations.stuck(admin) == []
            (deployment,) = await admin.deployments()
            assert await versions.still_running_on(admin, deployment.id) in (0, 1)
            await admin.query("SELECT * FROM sys_keyed_service_status")

    asyncio.run(main())
