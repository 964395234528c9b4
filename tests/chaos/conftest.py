"""Options of the chaos tests."""

from __future__ import annotations

import random
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--minutes", type=float, default=0.6, help="chaos: minutes of load, all tests together")
    parser.addoption("--cluster-minutes", type=float, default=1.0, help="chaos: minutes of load on the cluster")
    parser.addoption("--chaos-seed", type=int, default=None, help="chaos: repeat the random choices of a run")


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Given by ``--chaos-seed``, else a new one; printed either way."""
    given = request.config.getoption("--chaos-seed", default=None)
    chosen = random.randrange(2**32) if given is None else int(given)
    print(f"--chaos-seed {chosen}")
    return chosen


@pytest.fixture
def seconds(request: pytest.FixtureRequest) -> float:
    """Seconds of load for one of the two tests."""
    minutes: Any = request.config.getoption("--minutes", default=0.6)
    return float(minutes) * 60 / 2


@pytest.fixture
def cluster_seconds(request: pytest.FixtureRequest) -> float:
    """Seconds of load on the cluster."""
    minutes: Any = request.config.getoption("--cluster-minutes", default=1.0)
    return float(minutes) * 60
