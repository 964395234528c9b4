"""How pytest-xdist divides the tests: a file stays in one process, and so do files that share servers."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest
from xdist.scheduler import LoadFileScheduling

__all__ = ["FilesThatShareServersTogether"]

_SHARING: Final = re.compile(
    r"tests/conformance/test_(call_trees|commands|conventions|errors|interpreter|proxy|settings|state|utilities|workflow)\.py"
)
"""Tests of the fixture ``driver``. Of the 18 settings each starts once this way, and not once per file (63 times):
a server and the 18 services behind it take a second of CPU."""


class FilesThatShareServersTogether(LoadFileScheduling):  # type: ignore[misc]
    """``--dist loadfile``, with the conformance tests as one file."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "tests/conformance" if _SHARING.fullmatch(file) else file


def scheduler(config: pytest.Config, log: Any) -> FilesThatShareServersTogether | None:
    """For ``--dist loadfile``; other ways of dividing are left as they are."""
    if config.getoption("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False  # by the number of tests: those of a file of few are the longest here
    return FilesThatShareServersTogether(config, log)
