"""Timers."""

from __future__ import annotations

from restate_reflect.engine.journal import Command
from restate_reflect.engine.machine import Engine
from restate_reflect.protocol import wire
from restate_reflect.protocol.messages import MessageType

__all__ = ["sleep"]


def sleep(engine: Engine, wake_up_time: int, name: str = "") -> int:
    """Sets a timer for ``wake_up_time`` (ms since the epoch). On replay the recorded time counts."""
    completion_id = engine.next_completion_id()
    engine.record(Command(MessageType.SLEEP_COMMAND, wire.sleep_command(wake_up_time, completion_id, name), name))
    return completion_id
