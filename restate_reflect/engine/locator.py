"""Whom the machine asks when something is wrong: where the user's code stands, and what may be said of it."""

from __future__ import annotations

from typing import Final, Protocol

from restate_reflect.engine.ending import AttemptError
from restate_reflect.engine.journal import Mismatch, plain

__all__ = ["NOWHERE", "Locator"]


class Locator(Protocol):
    """Asked for errors only (and for the places of commands, where they are noted for one)."""

    def locate(self) -> str:
        """Where in the user's source the current call stands."""
        ...

    def place(self) -> object:
        """The same, cheap to make; ``str`` shows it."""
        ...

    def explain(self, mismatch: Mismatch) -> str:
        """The text of the error for it."""
        ...

    def disclosed(self, error: AttemptError) -> AttemptError:
        """What of it may leave the process."""
        ...


class _Nowhere:
    """Knows nothing but the wire."""

    def locate(self) -> str:
        return "unknown"

    def place(self) -> object:
        return None

    def explain(self, mismatch: Mismatch) -> str:
        return plain(mismatch)

    def disclosed(self, error: AttemptError) -> AttemptError:
        return error


NOWHERE: Final = _Nowhere()
