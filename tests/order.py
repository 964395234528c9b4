"""The order of the tests: the longest files first, and what shares a conformance server together."""

from __future__ import annotations

import re
from typing import Final

import pytest

__all__ = ["SHARING", "longest_first"]

SHARING: Final = re.compile(
    r"tests/conformance/test_(call_trees|commands|conventions|errors|interpreter|proxy|settings|state|utilities|workflow)\.py"
)
"""Tests of the fixture ``driver``. Of the 18 settings each starts once if they run as one file, and not once per file
(63 times): a server and the 18 services behind it take a second of CPU."""

_FIRST: Final = (
    "tests/conformance/",
    "tests/dev/",
    "tests/cli/",
    "tests/testing/test_plugin.py",
    "tests/fuzz/",
    "tests/realserver/",
    "tests/embedded/",
    "tests/hostile/",
    "tests/performance/",
    "tests/examples/",
)
"""What starts the most processes: at the end, while one worker is busy with the last of them, the others idle."""


def longest_first(items: list[pytest.Item]) -> None:
    """Sorts by folder, and tests of the fixture ``driver`` by setting, too; all else stays as it is.

    pytest itself sorts by a parameter's number, which means another setting in each file.
    """
    items.sort(key=lambda item: (_rank(item), _setting(item)))


def _rank(item: pytest.Item) -> int:
    if SHARING.match(item.nodeid):
        return -1
    return next((number for number, place in enumerate(_FIRST) if item.nodeid.startswith(place)), len(_FIRST))


def _setting(item: pytest.Item) -> str:
    if not isinstance(item, pytest.Function) or not SHARING.match(item.nodeid):
        return ""
    return str(item.callspec.params["setting"])
