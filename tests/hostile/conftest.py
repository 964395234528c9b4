"""Endpoints for hostile peers: one in a thread for many tests, others with limits of their own, one in a process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeAlias

import pytest

from restate_reflect.endpoint import EndpointLimits
from tests.hostile.program import GUEST, Guest, running
from tests.support import ServedInThread, ServedProcess

Limited: TypeAlias = Callable[..., int]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """An endpoint in this process, with the default limits."""
    with ServedInThread(Guest) as served:
        yield served.port


@pytest.fixture
def limited() -> Iterator[Limited]:
    """Endpoints in this process with other limits: ``limited(idle_timeout=0.2)`` gives the port."""
    with ExitStack() as stack:

        def start(**limits: Any) -> int:
            return stack.enter_context(ServedInThread(Guest, limits=EndpointLimits(**limits))).port

        yield start


@pytest.fixture(scope="module")
def process() -> Iterator[ServedProcess]:
    """An endpoint in a process of its own, whose memory can be measured."""
    with ServedProcess(GUEST) as served:
        yield served


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No handler and no step outlives its test."""
    yield
    for what in ("wait", "step", "body"):
        assert running(what) == 0, f"{running(what)} of {what} left"
