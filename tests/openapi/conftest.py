"""The services of these tests, on the real server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from restate_reflect.server import RestateServer
from tests.openapi.services import Backstage, Basket, Delivery, Shop
from tests.support import ServedInThread


@pytest.fixture(scope="module")
def server(restate_server: RestateServer) -> Iterator[RestateServer]:
    """The real server, with the services registered."""
    with ServedInThread(Shop, Basket, Delivery, Backstage) as served:
        restate_server.register(served.url)
        yield restate_server
