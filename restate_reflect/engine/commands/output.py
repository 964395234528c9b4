"""The result of the invocation."""

from __future__ import annotations

from restate_reflect.engine.machine import Engine
from restate_reflect.engine.notifications import to_failure
from restate_reflect.errors import TerminalError
from restate_reflect.protocol import pb, wire
from restate_reflect.protocol.messages import MessageType

__all__ = ["output"]


def output(engine: Engine, result: bytes | TerminalError) -> None:
    """Records the result; the attempt can end after it."""
    if isinstance(result, TerminalError):
        engine.require_metadata(result)
        payload = pb.OutputCommandMessage(failure=to_failure(result)).SerializeToString()
    else:
        payload = wire.output_value(result)
    engine.record(MessageType.OUTPUT_COMMAND, payload)
