"""Timers."""

from __future__ import annotations

from restate_reflect.engine.machine import Engine
from restate_reflect.protocol import pb
from restate_reflect.protocol.messages import MessageType

__all__ = ["sleep"]


def sleep(engine: Engine, wake_up_time: int, name: str = "") -> int:
    """Sets a timer for ``wake_up_time`` (ms since the epoch). On replay the recorded time counts."""
    completion_id = engine.next_completion_id()
    message = pb.SleepCommandMessage(wake_up_time=wake_up_time, result_completion_id=completion_id, name=name)
    engine.record(MessageType.SLEEP_COMMAND, message.SerializeToString(), name)
    return completion_id
