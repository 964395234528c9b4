"""Fixtures of the whole suite. One restate-server of each kind per test process, started when first asked for."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeAlias

import hypothesis
import pytest

import hatch_build
from restate_reflect.server import RestateServer, ServerSettings
from tests.embedded.server import EmbeddedServer
from tests.order import longest_first
from tests.support import ServedInThread, ServedProcess

# The first text that hypothesis draws in a fresh checkout makes it read all of Unicode: 2 s, which it takes for ours.
# A deadline is one of wall time, which a busy machine takes from anybody.
hypothesis.settings.register_profile("suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("suite")

ServerMaker: TypeAlias = Callable[..., RestateServer]
Serve: TypeAlias = Callable[..., ServedInThread]
ServeProcess: TypeAlias = Callable[..., ServedProcess]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-settings", action="store_true", help="run each conformance test in every setting")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "both_engines: servers of `server_with` are embedded runtimes in a second run")
    # Some machines forbid it. The tests start hundreds of processes, each of which would compile 140 modules (0.3 s).
    sys.dont_write_bytecode = False
    if old := hatch_build.stale(hatch_build.ROOT):
        pytest.exit(f"{old[0]} has changed since it was compiled. Run python hatch_build.py, or that with --clean.", 4)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from tests.scheduling import scheduler

    return scheduler(config, log)


def pytest_collection_finish() -> None:
    """What was collected stays: tests that look for garbage need not walk over it each time (0.8 s)."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Whoever asks for a server bears the marker ``server``; when pytest has sorted by settings, we sort by files."""
    needing = {"restate_server", "restate_server_v7", "any_server", "server_with", "driver"}
    for item in items:
        if needing & set(getattr(item, "fixturenames", ())):
            item.add_marker("server")
    yield
    longest_first(items)


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


@pytest.fixture(scope="session")
def embedded_server() -> Iterator[RestateServer]:
    """The embedded runtime behind ingress and admin ports, in the place of a server."""
    with EmbeddedServer(ServerSettings(protocol_v7=True)) as server:
        yield server


_SERVERS = {"v6": "restate_server", "v7": "restate_server_v7", "embedded": "embedded_server"}
_ENGINES = {"server": ["v6", "v7"], "embedded": ["embedded"], "both": ["v6", "v7", "embedded"]}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``--engine=server`` and ``--engine=embedded`` choose; without it both engines run."""
    wanted = metafunc.config.getoption("--engine") or "both"
    if "any_server" in metafunc.fixturenames:
        metafunc.parametrize("any_server", _ENGINES[wanted], indirect=True)
    if metafunc.definition.get_closest_marker("both_engines") is not None:
        engines = ["server", "embedded"] if wanted == "both" else [wanted]
        metafunc.parametrize("engine", engines, indirect=True)


@pytest.fixture
def any_server(request: pytest.FixtureRequest) -> RestateServer:
    """The test runs three times: on protocol V6, on V7, and on the embedded runtime."""
    server: RestateServer = request.getfixturevalue(_SERVERS[request.param])
    return server


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> type[RestateServer]:
    """What ``server_with`` starts: restate-server; with the marker ``both_engines`` the embedded runtime as well."""
    return EmbeddedServer if getattr(request, "param", "server") == "embedded" else RestateServer


@pytest.fixture
def server_with(engine: type[RestateServer]) -> Iterator[ServerMaker]:
    """Starts servers with other settings: ``server_with(inactivity_timeout=0)``."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(engine(ServerSettings(**settings)))


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
