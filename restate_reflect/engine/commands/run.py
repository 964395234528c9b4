"""Side effects."""

from __future__ import annotations

from restate_reflect.engine.machine import Engine
from restate_reflect.protocol import wire
from restate_reflect.protocol.messages import MessageType

__all__ = ["run"]


def run(engine: Engine, name: str) -> int:
    """Announces a side effect; its result is offered with ``Engine.propose_run``."""
    completion_id = engine.next_completion_id()
    engine.record(MessageType.RUN_COMMAND, wire.run_command(completion_id, name), name)
    return completion_id
