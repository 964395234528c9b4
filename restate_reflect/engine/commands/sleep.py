"""Timers."""

from __future__ import annotations

from typing import Final

from restate_reflect.engine.machine import Engine
from restate_reflect.protocol import wire
from restate_reflect.protocol.messages import MessageType

__all__ = ["sleep"]

# A plain number: each look-up of an enum's member costs 0.1 µs.
_SLEEP: Final = int(MessageType.SLEEP_COMMAND)


def sleep(engine: Engine, wake_up_time: int, name: str = "") -> int:
    """Sets a timer for ``wake_up_time`` (ms since the epoch). On replay the recorded time counts."""
    completion_id = engine.next_completion_id()
    engine.record(_SLEEP, wire.sleep_command(wake_up_time, completion_id, name), name)
    return completion_id
