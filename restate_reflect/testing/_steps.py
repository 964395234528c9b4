"""The bodies of ``ctx.run``, watched: failures injected by name, and how often each was executed."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

__all__ = ["Counts", "Step", "Steps"]

Step = tuple[str, str]
"""Invocation id and name."""

Counts = defaultdict[Step, int]
"""As a ``Counter``, which takes 0.3 µs for each step that it does not know."""


@dataclass(slots=True)
class _Planned:
    pattern: str
    error: Exception
    left: int


class Steps:
    """Every execution of a step passes here."""

    def __init__(self) -> None:
        self._planned: list[_Planned] = []
        self.lock = threading.Lock()  # plain functions run in threads, several at once
        self._attempts: defaultdict[str, int] = defaultdict(int)
        """Attempts that have ended, by invocation id."""
        self.begun: Counts = defaultdict(int)
        """Executions that have begun."""
        self.failed: Counts = defaultdict(int)
        """Executions that raised, or were cancelled."""
        self.late: Counts = defaultdict(int)
        """Executions that began in their threads when the attempt that had asked for them was over."""

    def plan(self, pattern: str, error: Exception, times: int) -> None:
        """The next ``times`` executions of steps whose names fit will fail."""
        self._planned.append(_Planned(pattern, error, times))

    def is_planned(self, error: BaseException) -> bool:
        """Whether it is a failure that was asked for."""
        return any(error is planned.error for planned in self._planned)

    def executions(self, pattern: str) -> int:
        """How often steps whose names fit were executed."""
        return sum(count for (_, name), count in self.begun.items() if fnmatchcase(name, pattern))

    def attempt_ended(self, invocation_id: str) -> None:
        """What this attempt has asked for and has not begun yet is late. To be called with the lock held."""
        self._attempts[invocation_id] += 1

    def wrap(self, invocation: str, name: str, body: Callable[[], Any], is_async: bool) -> Callable[[], Any]:
        """``Environment.wrap_step``: the body, counted, and failing as planned."""
        step = (invocation, name)
        return self._async_body(step, body) if is_async else self._plain_body(step, body)

    def _async_body(self, step: Step, body: Callable[[], Any]) -> Callable[[], Any]:
        attempt = self._attempts[step[0]]

        async def execute() -> Any:
            try:
                self._begin(step, attempt)
                return await body()
            except BaseException:
                self._fail(step, attempt)
                raise

        return execute

    def _plain_body(self, step: Step, body: Callable[[], Any]) -> Callable[[], Any]:
        attempt = self._attempts[step[0]]

        def execute() -> Any:
            try:
                self._begin(step, attempt)
                return body()
            except BaseException:
                self._fail(step, attempt)
                raise

        return execute

    def _fail(self, step: Step, attempt: int) -> None:
        with self.lock:
            if attempt == self._attempts[step[0]]:
                self.failed[step] += 1

    def _begin(self, step: Step, attempt: int) -> None:
        with self.lock:
            self.begun[step] += 1
            if attempt != self._attempts[step[0]]:
                self.late[step] += 1
            for planned in self._planned:
                if planned.left > 0 and fnmatchcase(step[1], planned.pattern):
                    planned.left -= 1
                    raise planned.error
