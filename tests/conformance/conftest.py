"""One server and one endpoint process for each setting; tests are grouped by it.

By default a module runs in the settings that it names in ``SETTINGS`` (``default`` if it names none), which
between them cover every setting; with ``--all-settings`` each module runs in all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.conformance.driver import Driver
from tests.conformance.settings import SETTINGS, Setting, Signing, on_engines
from tests.support import ServedProcess


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "driver" not in metafunc.fixturenames:
        return
    named = getattr(metafunc.module, "SETTINGS", ("default",))
    if metafunc.config.getoption("--all-settings"):
        named = getattr(metafunc.module, "ALL_SETTINGS", tuple(SETTINGS))
    settings = on_engines(named, metafunc.config.getoption("--engine") or "both")
    metafunc.parametrize("setting", settings, ids=str, indirect=True, scope="session")


@pytest.fixture(scope="session")
def signing(tmp_path_factory: pytest.TempPathFactory) -> Signing:
    return Signing(tmp_path_factory.mktemp("identity"))


@pytest.fixture(scope="session")
def setting(request: pytest.FixtureRequest) -> Setting:
    chosen: Setting = request.param
    return chosen


@pytest.fixture(scope="session")
def driver(setting: Setting, signing: Signing) -> Iterator[Driver]:
    """The contract's services, registered at a server of this setting."""
    with ExitStack() as stack:
        server = stack.enter_context(setting.start(signing))
        env = {"SERVICES": "", "E2E_REQUEST_SIGNING": signing.public if setting.signed else ""}
        served = stack.enter_context(ServedProcess(setting.target, env=env))
        server.register(served.url, use_http_11=setting.use_http_11)
        driver = Driver(server, served, setting)
        stack.callback(driver.close)
        yield driver
