"""Handlers that block the event loop, told in tests: at once in the log, and as a warning of the test."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from restate_reflect.durable.attempt import Attempt
from restate_reflect.durable.blocking import BlockedLoopWarning, watching_for_blocks
from restate_reflect.durable.environment import Environment

__all__ = ["telling_blocks"]

logger = logging.getLogger("restate_reflect")

_THRESHOLD: Final = 0.6
"""Seconds; it is told before one second is over."""


@contextmanager
def telling_blocks(environment: Environment[Attempt]) -> Iterator[None]:
    found: list[str] = []

    def tell(sentence: str) -> None:
        found.append(sentence)
        logger.warning("%s", sentence)

    with watching_for_blocks(_THRESHOLD, environment.attempts, tell):
        yield
    for sentence in found:
        warnings.warn(BlockedLoopWarning(sentence), stacklevel=2)
