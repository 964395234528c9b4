"""The states of an attempt; each holds only what exists in it.

WaitingStart -> WaitingReplay -> Replaying -> Processing -> Closed
                                              (any state)  -> Closed
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TypeAlias

from restate_reflect.protocol.framing import RawMessage

__all__ = ["Closed", "Processing", "Replaying", "State", "WaitingReplay", "WaitingStart"]


@dataclass(slots=True)
class WaitingStart:
    """Nothing has arrived."""


@dataclass(slots=True)
class WaitingReplay:
    """The journal is arriving; the handler has not started."""

    missing: int
    recorded: deque[RawMessage] = field(default_factory=deque)


@dataclass(slots=True)
class Replaying:
    """The handler runs; its commands are compared with recorded ones."""

    recorded: deque[RawMessage]


@dataclass(slots=True)
class Processing:
    """The handler runs; its commands are new. There is nothing left to compare with."""

    wrote_command: bool = False
    """Whether this attempt has added a command: then the server's retry count, which belongs
    to the last stored entry, says nothing about the run that fails now."""


@dataclass(slots=True)
class Closed:
    """End, Suspension or Error was written; nothing follows."""


State: TypeAlias = WaitingStart | WaitingReplay | Replaying | Processing | Closed
