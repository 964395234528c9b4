"""Failures injected into steps, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, NoReturn

from restate_reflect.durable.runs import is_async_callable

__all__ = ["StepFailures"]


@dataclass(slots=True)
class _Planned:
    pattern: str
    error: Exception
    left: int


class StepFailures:
    """What goes wrong in which step, and how often."""

    def __init__(self) -> None:
        self._planned: list[_Planned] = []

    def plan(self, pattern: str, error: Exception, times: int) -> None:
        self._planned.append(_Planned(pattern, error, times))

    def wrap(self, name: str, body: Callable[[], Any]) -> Callable[[], Any]:
        """The body, failing as planned when it is executed (``Environment.wrap_step``)."""
        if not any(fnmatchcase(name, planned.pattern) for planned in self._planned):
            return body
        return self._async_body(name, body) if is_async_callable(body) else self._plain_body(name, body)

    def _async_body(self, name: str, body: Callable[[], Any]) -> Callable[[], Any]:
        async def execute() -> Any:
            self._fail_if_planned(name)
            return await body()

        return execute

    def _plain_body(self, name: str, body: Callable[[], Any]) -> Callable[[], Any]:
        def execute() -> Any:
            self._fail_if_planned(name)
            return body()

        return execute

    def _fail_if_planned(self, name: str) -> None:
        for planned in self._planned:
            if planned.left > 0 and fnmatchcase(name, planned.pattern):
                planned.left -= 1
                _raise(planned.error)


def _raise(error: Exception) -> NoReturn:
    raise error
