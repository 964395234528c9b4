"""Engines, started once a test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli import engines
from tests.cli.engines import Engine


@pytest.fixture(scope="session", params=["embedded", pytest.param("server", marks=pytest.mark.server)])
def either(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """The test runs twice, and expects the same text of both."""
    with getattr(engines, request.param)() as made:
        yield made


@pytest.fixture(scope="session")
def embedded_engine() -> Iterator[Engine]:
    """For what has nothing to do with the server."""
    with engines.embedded() as made:
        yield made
