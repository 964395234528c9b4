"""The services of these tests, served and registered once per module; clients for them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from restate_reflect.server import RestateServer
from tests.ingress.services import Approval, Desk, Shelf
from tests.support import ServedInThread


@pytest.fixture(scope="module")
def server(restate_server: RestateServer) -> Iterator[RestateServer]:
    """The real server, with Desk, Shelf and Approval registered."""
    with ServedInThread(Desk, Shelf, Approval) as served:
        restate_server.register(served.url)
        yield restate_server
