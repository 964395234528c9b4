"""The states of an attempt.

WAITING_START -> WAITING_REPLAY -> REPLAYING -> PROCESSING -> CLOSED
                                                (any state)  -> CLOSED

Numbers, as the machine asks for its state with every command and notification: objects that hold what belongs to a
state cost an attempt three of them, and an attribute of an attribute at every look.
"""

from __future__ import annotations

from typing import Final

__all__ = ["CLOSED", "PROCESSING", "REPLAYING", "WAITING_REPLAY", "WAITING_START"]

WAITING_START: Final = 0
"""Nothing has arrived."""

WAITING_REPLAY: Final = 1
"""The journal is arriving; the handler has not started."""

REPLAYING: Final = 2
"""The handler runs; its commands are compared with recorded ones."""

PROCESSING: Final = 3
"""The handler runs; its commands are new. There is nothing left to compare with."""

CLOSED: Final = 4
"""End, Suspension or Error was written; nothing follows."""
