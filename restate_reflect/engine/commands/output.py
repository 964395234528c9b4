"""The result of the invocation."""

from __future__ import annotations

from typing import Final

from restate_reflect.engine.machine import Engine
from restate_reflect.engine.notifications import to_failure
from restate_reflect.errors import TerminalError
from restate_reflect.protocol import pb, wire
from restate_reflect.protocol.messages import MessageType

__all__ = ["output"]

# A plain number: each look-up of an enum's member costs 0.1 µs.
_OUTPUT: Final = int(MessageType.OUTPUT_COMMAND)


def output(engine: Engine, result: bytes | TerminalError) -> None:
    """Records the result; the attempt can end after it."""
    if isinstance(result, TerminalError):
        engine.require_metadata(result)
        payload = pb.OutputCommandMessage(failure=to_failure(result)).SerializeToString()
    else:
        payload = wire.output_value(result)
    engine.record(_OUTPUT, payload)
