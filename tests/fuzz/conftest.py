"""The marker of the fuzz tests."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fuzz: inputs made by a fuzzer, for a few seconds each")
