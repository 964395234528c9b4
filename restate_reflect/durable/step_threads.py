"""Steps that execute in threads now, in any endpoint of the process: meanwhile attributes change under handlers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

__all__ = ["STEP_THREADS", "StepThreads"]


class StepThreads:
    """Told of by the threads, asked by whoever has to know that none was there for a while."""

    def __init__(self) -> None:
        self._executing: set[object] = set()
        self._begun = 0

    def call(self, function: Callable[[], Any]) -> Any:
        """Calls it, in a thread."""
        self._begun += 1  # two at once may count as one, but never as none
        step = object()
        self._executing.add(step)
        try:
            return function()
        finally:
            self._executing.discard(step)

    def watch(self) -> Callable[[], bool]:
        """From now on; what it returns tells whether no step has executed in a thread since."""
        is_quiet, begun = not self._executing, self._begun
        return lambda: is_quiet and self._begun == begun


STEP_THREADS: Final = StepThreads()
