"""Flow-control arithmetic (RFC 9113 sections 5.2 and 6.9).

A window is a plain ``int`` kept by its owner: what may still be sent. The peer's credit can fall
below zero when it lowers SETTINGS_INITIAL_WINDOW_SIZE; nothing is sent then until it is positive.

Receive windows are topped up when less than half is left. So a peer that stops for each grant still
has half a window to send meanwhile, and grants cost one WINDOW_UPDATE per half window, not one per frame.
"""

from __future__ import annotations

from typing import Final

__all__ = ["DEFAULT_WINDOW", "MAX_WINDOW", "low_mark", "overflows"]

DEFAULT_WINDOW: Final = 65_535
MAX_WINDOW: Final = 0x7FFFFFFF


def low_mark(size: int) -> int:
    """A receive window is topped up when less than this is left of it; never 0, or an empty window would stay so."""
    return (size + 1) // 2


def overflows(window: int, increment: int) -> bool:
    """Whether the peer granted more than a window can hold (section 6.9.1)."""
    return window + increment > MAX_WINDOW
