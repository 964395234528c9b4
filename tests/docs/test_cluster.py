"""The cluster of the operations guide: its configuration starts one, and its recipe drains a version."""

from __future__ import annotations

import asyncio
import importlib
import tomllib
from pathlib import Path
from typing import Any

import pytest

from restate_reflect.ingress import AdminClient, Client
from restate_reflect.server import RestateServer
from tests.chaos.cluster import Cluster
from tests.conformance.driver import eventually
from tests.conftest import Serve
from tests.docs.blocks import blocks
from tests.ingress.services import Desk, Shelf
from tests.support import fetch

PAGE = "docs/operations.md"


@pytest.fixture
def operations(docs_program: Path) -> Any:
    return importlib.import_module("test_docs_operations")


def test_the_configuration_is_the_one_that_is_tested() -> None:
    """The same settings as those of the chaos test's nodes, and the same values but for names and addresses."""
    (shown,) = (tomllib.loads(block.text) for block in blocks(PAGE) if block.title == "node-1.toml")
    first, *others = [dict(node.settings.config) for node in Cluster().nodes]
    metadata = shown.pop("metadata-client")["addresses"]
    assert len(metadata) == len(first["metadata-client.addresses"]) == 3  # type: ignore[arg-type]
    assert shown.pop("advertised-address") in metadata
    assert shown.keys() == first.keys() - {"metadata-client.addresses"}
    same = ("node-name", "default-replication", "auto-provision")
    assert {name: shown[name] for name in same} == {name: first[name] for name in same}
    assert [other["auto-provision"] for other in others] == [False, False]


def _knows_shelf(admin_url: str) -> bool:
    return fetch(f"{admin_url}/services/Shelf", method="GET").status == 200


@pytest.mark.slow
@pytest.mark.server
def test_any_node_may_be_gone(serve: Serve) -> None:
    """Each in turn: state and results stay, and the client finds its way."""
    with Cluster() as cluster:
        serve(cluster.nodes[0], Shelf)
        # The other nodes hear of it a moment later.
        eventually(lambda: all(_knows_shelf(url) for url in cluster.admin_urls))

        async def main() -> None:
            async with Client(cluster.ingress_urls, timeout=60) as client:
                for number, node in enumerate(cluster.nodes, 1):
                    node.kill()
                    key = f"call-{number}"
                    assert await client.call(Shelf.add, 1, key="a", idempotency_key=key) == number
                    await asyncio.to_thread(node.start)
                    assert await client.call(Shelf.add, 1, key="a", idempotency_key=key) == number

        asyncio.run(main())


def test_an_old_version_is_drained_before_it_is_removed(
    restate_server: RestateServer, serve: Serve, operations: Any
) -> None:
    old = serve(restate_server, Desk)

    async def main() -> None:
        async with Client(restate_server.ingress_url) as client, AdminClient(restate_server.admin_url) as admin:
            (deployment,) = [each for each in await admin.deployments() if old.url in each.url]
            running = await client.send(Desk.sleep, 0.5)
            pinned = f"SELECT id FROM sys_invocation WHERE id = '{running.id}' AND pinned_deployment_id IS NOT NULL"
            await asyncio.to_thread(eventually, lambda: len(restate_server.query(pinned)) == 1)
            serve(restate_server, Desk)
            removing = asyncio.create_task(operations.remove(admin, deployment.id, pause=0.1))
            assert await running.attach() == "rested"
            await removing
            assert deployment.id not in {each.id for each in await admin.deployments()}
            assert await client.call(Desk.join, "a") == "a!"

    asyncio.run(main())
