"""The pytest plugin: ``restate_env`` and ``durable``.

A test that takes either may be ``async def`` without any other plugin; it runs on an event loop
of its own, also where pytest-asyncio or anyio is at work. With ``durable`` it runs once undisturbed
and then once per place where the process could have died; see ``_crashes``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    # Imported when a fixture is used: every pytest run of every project loads this module.
    from restate_reflect.server import RestateServer
    from restate_reflect.testing._durable import Durable

__all__ = [
    "durable",
    "pytest_addoption",
    "pytest_configure",
    "pytest_generate_tests",
    "pytest_pyfunc_call",
    "restate_engine",
    "restate_env",
]

_FIXTURES: Final = ("durable", "restate_env")
_SERVER: Final = pytest.StashKey["RestateServer"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("restate_reflect")
    group.addoption(
        "--no-crashes", action="store_true", help="run tests with the 'durable' fixture once, without crash matrix"
    )
    group.addoption(
        "--max-crashes",
        type=_number,
        default=500,
        metavar="N",
        help="places per test at which 'durable' crashes it, evenly spread (default: 500)",
    )
    group.addoption(
        "--engine",
        choices=("embedded", "server", "both"),
        default=None,
        help="what runs tests with 'durable' or 'restate_env': the embedded runtime on virtual time (default),"
        " one real restate-server for the session, or each in turn",
    )


def _number(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError
    return number


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "no_crashes: run this test of the 'durable' fixture once, without crash matrix")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``--engine=both`` runs each test on either engine."""
    if "restate_engine" in metafunc.fixturenames and metafunc.config.getoption("--engine") == "both":
        metafunc.parametrize("restate_engine", ["embedded", "server"], indirect=True)


@pytest.fixture
def restate_engine(request: pytest.FixtureRequest) -> str:
    """``"embedded"`` or ``"server"``: what keeps the journals of this test."""
    return str(getattr(request, "param", None) or request.config.getoption("--engine") or "embedded")


@pytest.fixture
def durable(request: pytest.FixtureRequest, restate_engine: str) -> Durable:
    """Makes environments, like ``TestEnvironment``; the test is re-run with a crash after every step."""
    wanted = not (request.config.getoption("--no-crashes") or request.node.get_closest_marker("no_crashes"))
    most: Any = request.config.getoption("--max-crashes")
    return _kit(request.config, restate_engine, most if wanted else 0)


@pytest.fixture
def restate_env(request: pytest.FixtureRequest, restate_engine: str) -> Durable:
    """Makes environments, like ``durable``, but the test runs once."""
    return _kit(request.config, restate_engine, 0)


def _kit(config: pytest.Config, engine: str, max_crashes: int) -> Durable:
    from restate_reflect.testing._durable import Durable

    return Durable(max_crashes=max_crashes, server=None if engine == "embedded" else lambda: _server(config))


def _server(config: pytest.Config) -> RestateServer:
    """One server per process and session (each worker of xdist has its own), started when first asked for."""
    from restate_reflect.server import RestateServer

    server = config.stash.get(_SERVER, None)
    if server is None:
        server = config.stash[_SERVER] = RestateServer()
        server.start()
        config.add_cleanup(server.close)
    return server


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> object | None:
    """Runs tests that use our fixtures; all others are left to pytest and its other plugins."""
    __tracebackhide__ = True
    kits: list[Any] = [pyfuncitem.funcargs[name] for name in _FIXTURES if _is_ours(pyfuncitem, name)]
    if not kits:
        return None
    if len(kits) > 1:
        pytest.fail("take either 'durable' or 'restate_env' in one test: both run it.", pytrace=False)
    kit: Durable = kits[0]
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    test = _unwrapped(pyfuncitem.obj)
    kit.run(lambda: _call(test, arguments))
    return True


def _is_ours(item: pytest.Function, fixture: str) -> bool:
    """A project may have a fixture of the same name."""
    return type(item.funcargs.get(fixture)).__module__ == "restate_reflect.testing._durable"


def _unwrapped(test: Callable[..., Any]) -> Callable[..., Any]:
    """The test itself where another plugin (pytest-asyncio in its auto mode) has put a runner of its own around it."""
    inner: Any = test
    while not inspect.iscoroutinefunction(inner) and hasattr(inner, "__wrapped__"):
        inner = inner.__wrapped__
    return inner if inspect.iscoroutinefunction(inner) else test


async def _call(test: Callable[..., Any], arguments: dict[str, Any]) -> None:
    result = test(**arguments)
    if inspect.isawaitable(result):
        await result
