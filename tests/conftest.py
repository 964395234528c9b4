"""Fixtures of the whole suite. One restate-server of each kind per test process, started when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeAlias

import pytest

from restate_reflect.server import RestateServer, ServerSettings
from tests.support import ServedInThread, ServedProcess

ServerMaker: TypeAlias = Callable[..., RestateServer]
Serve: TypeAlias = Callable[..., ServedInThread]
ServeProcess: TypeAlias = Callable[..., ServedProcess]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-settings", action="store_true", help="run each conformance test in every setting")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever asks for a server bears the marker ``server``."""
    needing = {"restate_server", "restate_server_v7", "any_server", "server_with", "driver"}
    for item in items:
        if needing & set(getattr(item, "fixturenames", ())):
            item.add_marker("server")


@pytest.fixture(scope="session")
def restate_server() -> Iterator[RestateServer]:
    """A restate-server with quick retries; service protocol V6 at most."""
    with RestateServer() as server:
        yield server


@pytest.fixture(scope="session")
def restate_server_v7() -> Iterator[RestateServer]:
    """A restate-server that negotiates service protocol V7."""
    with RestateServer(ServerSettings(protocol_v7=True)) as server:
        yield server


@pytest.fixture(params=["v6", "v7"])
def any_server(request: pytest.FixtureRequest) -> RestateServer:
    """The test runs twice: on protocol V6 and on V7."""
    server: RestateServer = request.getfixturevalue("restate_server" if request.param == "v6" else "restate_server_v7")
    return server


@pytest.fixture
def server_with() -> Iterator[ServerMaker]:
    """Starts servers with other settings: ``server_with(inactivity_timeout=0)``."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(RestateServer(ServerSettings(**settings)))


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves classes or instances from a thread and registers them: ``serve(server, Greeter, endpoint_option=…)``.

    ``use_http_11=True`` registers for HTTP/1.1. Without a server (``None``) nothing is registered.
    """
    with ExitStack() as stack:

        def start(
            server: RestateServer | None, *services: Any, use_http_11: bool = False, **options: Any
        ) -> ServedInThread:
            served = stack.enter_context(ServedInThread(*services, **options))
            if server is not None:
                server.register(served.url, use_http_11=use_http_11)
            return served

        yield start


@pytest.fixture
def serve_process() -> Iterator[ServeProcess]:
    """Serves targets from a child process and registers it: ``serve_process(server, "examples.greeter")``."""
    with ExitStack() as stack:

        def start(server: RestateServer | None, *arguments: str, **options: Any) -> ServedProcess:
            served = stack.enter_context(ServedProcess(*arguments, **options))
            if server is not None:
                server.register(served.url)
            return served

        yield start
