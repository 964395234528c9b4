"""Which calls may name a scope: those to services, where the experiment is on."""

from __future__ import annotations

import re
from typing import Final

from restate_reflect.definitions import ServiceKind
from restate_reflect.embedded.settings import RuntimeSettings

__all__ = ["ScopeError", "check_scope"]

_VALID: Final = re.compile(r"[A-Za-z0-9_.-]{1,36}")
"""restate-server's rule for such values."""


class ScopeError(ValueError):
    """A scope that can't be: in the words that the server has for callers, and for handlers."""

    def __init__(self, to_callers: str, to_handlers: str | None = None, *, status: int = 400) -> None:
        super().__init__(to_callers)
        self.to_callers = to_callers
        self.to_handlers = to_handlers or to_callers
        self.status = status


def check_scope(settings: RuntimeSettings, scope: str, kind: ServiceKind) -> None:
    """Raises ``ScopeError``."""
    if not settings.scopes:
        raise ScopeError(
            "scoped invocations require vqueues to be enabled",
            "scoped invocations require flow control experimental feature to be enabled",
        )
    if kind is ServiceKind.VIRTUAL_OBJECT:
        raise ScopeError("scope is not supported for Virtual Object targets")
    if kind is ServiceKind.WORKFLOW:
        raise ScopeError("the embedded runtime does not cover workflows in a scope; use restate-server", status=501)
    if _VALID.fullmatch(scope) is None:
        raise ScopeError(f"the provided scope {scope!r} is invalid: 1 to 36 letters, digits, '_', '.' and '-'")
