"""The pytest plugin: ``restate_env`` and ``durable``.

A test that takes either may be ``async def`` without any other plugin; it runs on an event loop
of its own. With ``durable`` it runs once undisturbed and then once per place where the process
could have died; see ``_crashes``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    # Imported when a fixture is used: every pytest run of every project loads this module.
    from restate_reflect.testing._durable import Durable

__all__ = ["durable", "pytest_addoption", "pytest_configure", "pytest_pyfunc_call", "restate_env"]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("restate_reflect")
    group.addoption(
        "--no-crashes", action="store_true", help="run tests with the 'durable' fixture once, without crash matrix"
    )
    group.addoption(
        "--max-crashes",
        type=int,
        default=500,
        help="places per test at which 'durable' crashes it, evenly spread (default: 500)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "no_crashes: run this test of the 'durable' fixture once, without crash matrix")


@pytest.fixture
def durable(request: pytest.FixtureRequest) -> Durable:
    """Makes environments, like ``TestEnvironment``; the test is re-run with a crash after every step."""
    from restate_reflect.testing._durable import Durable

    wanted = not (request.config.getoption("--no-crashes") or request.node.get_closest_marker("no_crashes"))
    most: Any = request.config.getoption("--max-crashes")
    return Durable(max_crashes=most if wanted else 0)


@pytest.fixture
def restate_env() -> Durable:
    """Makes environments, like ``durable``, but the test runs once."""
    from restate_reflect.testing._durable import Durable

    return Durable(max_crashes=0)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> object | None:
    """Runs tests that use our fixtures; all others are left to pytest and its other plugins."""
    kits: list[Any] = [pyfuncitem.funcargs[name] for name in ("durable", "restate_env") if _is_ours(pyfuncitem, name)]
    if not kits:
        return None
    kit: Durable = kits[0]
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    kit.run(lambda: _call(pyfuncitem.obj, arguments))
    return True


def _is_ours(item: pytest.Function, fixture: str) -> bool:
    """A project may have a fixture of the same name."""
    return type(item.funcargs.get(fixture)).__module__ == "restate_reflect.testing._durable"


async def _call(test: Callable[..., Any], arguments: dict[str, Any]) -> None:
    result = test(**arguments)
    if inspect.isawaitable(result):
        await result
