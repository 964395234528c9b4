"""Durable promises of workflows."""

from __future__ import annotations

from restate_reflect.engine.machine import Engine
from restate_reflect.engine.notifications import to_failure
from restate_reflect.errors import TerminalError
from restate_reflect.protocol import pb
from restate_reflect.protocol.messages import MessageType

__all__ = ["complete", "get", "peek"]


def get(engine: Engine, key: str) -> int:
    """Waits for the promise."""
    completion_id = engine.next_completion_id()
    message = pb.GetPromiseCommandMessage(key=key, result_completion_id=completion_id)
    engine.record(MessageType.GET_PROMISE_COMMAND, message.SerializeToString(), key)
    return completion_id


def peek(engine: Engine, key: str) -> int:
    """Looks at the promise; void while it is open."""
    completion_id = engine.next_completion_id()
    message = pb.PeekPromiseCommandMessage(key=key, result_completion_id=completion_id)
    engine.record(MessageType.PEEK_PROMISE_COMMAND, message.SerializeToString(), key)
    return completion_id


def complete(engine: Engine, key: str, result: bytes | TerminalError) -> int:
    """Resolves or rejects the promise; fails if it was completed before."""
    completion_id = engine.next_completion_id()
    message = pb.CompletePromiseCommandMessage(key=key, result_completion_id=completion_id)
    if isinstance(result, TerminalError):
        engine.require_metadata(result)
        message.completion_failure.CopyFrom(to_failure(result))
    else:
        message.completion_value.CopyFrom(pb.Value(content=result))
    engine.record(MessageType.COMPLETE_PROMISE_COMMAND, message.SerializeToString(), key)
    return completion_id
