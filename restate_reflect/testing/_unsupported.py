"""What a test can't have with ``--engine=server``, and why: it is skipped with that reason.

The documentation's table of differences between the engines lists the same reasons; a test compares them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NoReturn

__all__ = ["Unsupported", "refuse", "skipped"]


class Unsupported(StrEnum):
    """Reasons."""

    TIME = "a server's time can't be moved"
    SETTINGS = "these settings belong to the server, which all tests share"
    SIGNALS = "restate-server has no API for signals from outside"
    PROMISES = "restate-server has no API for promises; a shared handler of the workflow can complete one"
    SCOPES = "scopes need service protocol V7 and an experiment that the tests' server leaves off"


def skipped(reason: Unsupported, detail: str = "") -> BaseException:
    """What skips the test that runs."""
    import pytest

    text = f"not possible with --engine=server: {reason}" + (f" ({detail})" if detail else "")
    return pytest.skip.Exception(text, _use_item_location=True)


def refuse(reason: Unsupported, detail: str = "") -> NoReturn:
    """Skips the test."""
    raise skipped(reason, detail)
