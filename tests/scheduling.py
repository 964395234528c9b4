"""How pytest-xdist divides the tests: a file stays in one process, and so do files that share servers."""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from tests.order import SHARING

__all__ = ["FilesThatShareServersTogether", "scheduler"]


class FilesThatShareServersTogether(LoadFileScheduling):  # type: ignore[misc]
    """``--dist loadfile``, with the conformance tests as one file."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "tests/conformance" if SHARING.fullmatch(file) else file


def scheduler(config: pytest.Config, log: Any) -> FilesThatShareServersTogether | None:
    """For ``--dist loadfile``; other ways of dividing are left as they are."""
    if config.getoption("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False  # by the number of tests: those of a file of few are the longest here
    return FilesThatShareServersTogether(config, log)
