"""Signals to other invocations, cancellation among them."""

from __future__ import annotations

from restate_reflect.engine.machine import Engine
from restate_reflect.engine.notifications import CANCEL_SIGNAL, to_failure
from restate_reflect.errors import TerminalError
from restate_reflect.protocol import pb
from restate_reflect.protocol.messages import MessageType

__all__ = ["cancel", "send"]


def send(engine: Engine, invocation_id: str, name: str, result: bytes | TerminalError) -> None:
    """Sends a named signal with a value or a failure."""
    message = pb.SendSignalCommandMessage(target_invocation_id=invocation_id, name=name)
    if isinstance(result, TerminalError):
        engine.require_metadata(result)
        message.failure.CopyFrom(to_failure(result))
    else:
        message.value.CopyFrom(pb.Value(content=result))
    engine.record(MessageType.SEND_SIGNAL_COMMAND, message.SerializeToString(), name)


def cancel(engine: Engine, invocation_id: str) -> None:
    """Asks an invocation to cancel itself."""
    message = pb.SendSignalCommandMessage(target_invocation_id=invocation_id, idx=CANCEL_SIGNAL, void=pb.Void())
    engine.record(MessageType.SEND_SIGNAL_COMMAND, message.SerializeToString(), "cancel")
