"""Names of version gates in a journal: the one place that writes and reads them."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

__all__ = ["Gate", "gate_of"]


class Gate(NamedTuple):
    """A change of a handler, and the version that brought it."""

    name: str
    since: int

    @property
    def step(self) -> str:
        """The name of the step that records it."""
        return f"version {self.name} since={self.since}"


_STEP: Final = re.compile(r"version (?P<name>.+) since=(?P<since>\d+)", re.DOTALL)


def gate_of(step: str) -> Gate | None:
    """The gate that a step of this name records; ``None`` for any other step."""
    found = _STEP.fullmatch(step)
    return None if found is None else Gate(found["name"], int(found["since"]))
