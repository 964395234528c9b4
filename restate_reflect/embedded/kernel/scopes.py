"""Which scopes and limit keys there can be, and which handlers may be called in a scope: the rules of restate-server.

Calls from handlers are checked one by one in ``commands``, as restate-server has another order for them.
"""

from __future__ import annotations

import re
from typing import Final

from restate_reflect.definitions import ServiceKind
from restate_reflect.embedded.settings import RuntimeSettings

__all__ = [
    "ScopeError",
    "check_call",
    "check_kind",
    "check_scope",
    "check_scopes_are_on",
    "checked_limit_key",
    "problem_of",
]

_MOST: Final = 36
"""Bytes."""
_MOST_PARTS: Final = 2
_VALID: Final = re.compile(r"[A-Za-z0-9_.-]*")


class ScopeError(ValueError):
    """A scope or limit key that can't be: in the words that the server has for callers, and for handlers.

    Attributes:
        doc_code: Restate's own code, which handlers' failures have.
    """

    def __init__(self, to_callers: str, to_handlers: str | None = None, doc_code: str = "RT0024") -> None:
        super().__init__(to_callers)
        self.to_callers = to_callers
        self.to_handlers = to_handlers or to_callers
        self.doc_code = doc_code


def check_scope(scope: str) -> None:
    """Raises ``ScopeError`` for a text that names none."""
    problem = problem_of(scope)
    if problem is not None:
        raise ScopeError(f"bad scope value: {problem}", f"the provided scope '{scope}' is invalid: {problem}")


def check_scopes_are_on(settings: RuntimeSettings) -> None:
    """Raises ``ScopeError`` where the experiment is off."""
    if not settings.scopes:
        raise ScopeError(
            "scoped invocations require vqueues to be enabled",
            "scoped invocations require flow control experimental feature to be enabled",
        )


def check_kind(settings: RuntimeSettings, kind: ServiceKind) -> None:
    """Raises ``ScopeError`` where such a service can't be called in a scope."""
    if kind is ServiceKind.VIRTUAL_OBJECT and not settings.scoped_virtual_objects:
        raise ScopeError("scope is not supported for Virtual Object targets", doc_code="RT0017")


def check_call(settings: RuntimeSettings, scope: str, kind: ServiceKind) -> None:
    """Raises ``ScopeError`` where such a service can't be called from outside in this scope."""
    check_scope(scope)
    check_scopes_are_on(settings)
    check_kind(settings, kind)


def checked_limit_key(text: str) -> str | None:
    """A limit key as handlers are told it; ``None`` for an empty one.

    Raises:
        ScopeError: It is none.
    """
    parts = text.removesuffix("/").split("/") if text else []
    problems = [f"invalid limit-key component: {found}" for found in map(problem_of, parts[:_MOST_PARTS]) if found]
    if len(parts) > _MOST_PARTS:
        problems.append(f"too many path components in the given limit-key (max {_MOST_PARTS})")
    for problem in problems:
        raise ScopeError(f"invalid limit-key: {problem}", f"the provided limit key '{text}' is invalid: {problem}")
    return "/".join(parts) or None


def problem_of(value: str) -> str | None:
    """What is wrong with a scope, or with a part of a limit key."""
    size = len(value.encode(errors="replace"))
    if size == 0:
        return "value cannot be empty"
    if size > _MOST:
        return f"value too long: {size} bytes (max {_MOST})"
    return None if _VALID.fullmatch(value) else "value contains characters outside the allowed set [a-zA-Z0-9_.-]"
