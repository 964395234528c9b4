"""Notices handler code that assigns to ``self``: one instance serves all keys and invocations, and no replay mends it.

The attributes are compared before and after each turn of the handler, so what a step (``ctx.run``) assigns on the real
loop meanwhile does not count. Nor does what a step assigns in a thread: a turn beside which one executes is not judged
(a replay is, or the next). Looks at ``vars(instance)`` only: which object an attribute is, not what is in it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from restate_reflect.definitions import HandlerDefinition
from restate_reflect.durable.guards import Guard, GuardWarning
from restate_reflect.durable.step_threads import STEP_THREADS
from restate_reflect.errors import HandlerBugError

__all__ = ["Assignments"]

_GONE = object()
_NONE: Mapping[str, Any] = {}


class Assignments:
    """Watches the instance that one handler runs on."""

    def __init__(self, handler: HandlerDefinition, instance: Any, guard: Guard) -> None:
        self._handler = handler
        self._instance = instance
        self._guard = guard

    def watch(self, turn: Callable[[], None]) -> None:
        """Runs one turn of the handler.

        Raises:
            HandlerBugError: it assigned to ``self``, and the guard is FAIL.
        """
        attributes = getattr(self._instance, "__dict__", _NONE)
        before = dict(attributes) if attributes else _NONE
        was_undisturbed = STEP_THREADS.watch()
        turn()
        if (not before and not attributes) or not was_undisturbed():
            return
        for name in self._assigned(before):
            self._report(name)

    def _assigned(self, before: Mapping[str, Any]) -> list[str]:
        after: Mapping[str, Any] = getattr(self._instance, "__dict__", {})
        changed = [name for name, value in after.items() if before.get(name, _GONE) is not value]
        gone = [name for name in before if name not in after]
        return [name for name in changed + gone if not self._is_cache(name)]

    def _is_cache(self, name: str) -> bool:
        """``functools.cached_property`` keeps its value there; every replay computes the same."""
        return isinstance(getattr(type(self._instance), name, None), cached_property)

    def _report(self, name: str) -> None:
        handler, kind = self._handler, type(self._instance).__name__
        message = (
            f"{handler.qualified_name} ({handler.source}) assigns self.{name}: one {kind} serves all keys and"
            " invocations, possibly in several processes, and a replay assigns again. What belongs to the key goes"
            f" through the context: ctx.set({name.lstrip('_')!r}, …); what belongs to this invocation into a local"
            " variable; dependencies into __init__ or __aenter__."
        )
        if self._guard is Guard.FAIL:
            raise HandlerBugError(message)
        warnings.warn_explicit(GuardWarning(message), None, handler.source.file, handler.source.line)
