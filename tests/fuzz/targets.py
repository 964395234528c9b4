"""The things that are fuzzed, by name: modules with ``check(data)`` and ``SEEDS``, imported when asked for.

(Not before: what is imported before the fuzzer instruments imports gives it no coverage.)
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tests.fuzz.logs import listen

__all__ = ["NAMES", "Target", "load"]

NAMES = {
    "http2": "tests.fuzz.http2_frames",
    "hpack": "tests.fuzz.hpack_blocks",
    "framing": "tests.fuzz.framing",
    "journal": "tests.fuzz.journal",
    "identity": "tests.fuzz.identity",
    "texts": "tests.fuzz.texts",
}


class Target(NamedTuple):
    """What to call with each input, and inputs to begin with."""

    check: Callable[[bytes], None]
    seeds: Sequence[bytes]


def load(name: str) -> Target:
    """Imports a target."""
    module = importlib.import_module(NAMES[name])
    listen()
    return Target(module.check, module.SEEDS)
