"""Awakeables: results that somebody outside delivers by id."""

from __future__ import annotations

import base64

from restate_reflect.engine.machine import Engine
from restate_reflect.engine.notifications import SignalIndex, to_failure
from restate_reflect.errors import TerminalError
from restate_reflect.protocol import pb
from restate_reflect.protocol.messages import MessageType

__all__ = ["complete", "create"]

_PREFIX = "sign_1"
"""As the server parses it (the protocol text still shows ``prom_1``, the form before V5)."""


def create(engine: Engine) -> tuple[str, SignalIndex]:
    """A new awakeable: its public id, and the signal under which its result arrives. Not a command."""
    index = engine.next_signal_index()
    raw = engine.started.id + index.to_bytes(4, "big")
    return _PREFIX + base64.urlsafe_b64encode(raw).rstrip(b"=").decode(), SignalIndex(index)


def complete(engine: Engine, awakeable_id: str, result: bytes | TerminalError) -> None:
    """Resolves or rejects an awakeable of any invocation."""
    message = pb.CompleteAwakeableCommandMessage(awakeable_id=awakeable_id)
    if isinstance(result, TerminalError):
        engine.require_metadata(result)
        message.failure.CopyFrom(to_failure(result))
    else:
        message.value.CopyFrom(pb.Value(content=result))
    engine.record(MessageType.COMPLETE_AWAKEABLE_COMMAND, message.SerializeToString())
