"""The order of the test files."""

from __future__ import annotations

from typing import Final

import pytest

__all__ = ["longest_first"]

_FIRST: Final = (
    "tests/conformance/",
    "tests/cli/",
    "tests/testing/test_plugin.py",
    "tests/fuzz/",
    "tests/realserver/",
    "tests/embedded/",
    "tests/hostile/",
    "tests/performance/",
    "tests/examples/",
)


def longest_first(items: list[pytest.Item]) -> None:
    """Sorts files by what starts the most processes; the order within a file stays."""
    items.sort(
        key=lambda item: next((n for n, place in enumerate(_FIRST) if item.nodeid.startswith(place)), len(_FIRST))
    )
