"""State of virtual objects and workflows."""

from __future__ import annotations

from restate_reflect.engine.eager_state import Unknown
from restate_reflect.engine.journal import decode
from restate_reflect.engine.machine import Engine
from restate_reflect.engine.notifications import read_keys
from restate_reflect.protocol import pb, wire
from restate_reflect.protocol.framing import RawMessage
from restate_reflect.protocol.messages import MessageType

__all__ = ["clear", "clear_all", "get", "keys", "set_"]


def get(engine: Engine, key: str) -> bytes | int | None:
    """Reads one key: its value at once if the state is known here, else the completion id under which it will come."""
    completion_id = engine.next_completion_id()
    encoded = key.encode()
    recorded = engine.peek_recorded()
    if recorded is None:
        value = engine.eager_state.get(key)
        if isinstance(value, Unknown):
            _record_lazy_get(engine, encoded, completion_id)
            return completion_id
        _record_eager_get(engine, encoded, value)
        return value
    if recorded.type != MessageType.GET_EAGER_STATE_COMMAND:
        _record_lazy_get(engine, encoded, completion_id)
        return completion_id
    value = engine.read_recorded(recorded, _recorded_value)
    _record_eager_get(engine, encoded, value)
    return value


def _recorded_value(recorded: RawMessage) -> bytes | None:
    read = decode(recorded.type, recorded.payload)
    assert isinstance(read, pb.GetEagerStateCommandMessage)
    return read.value.content if read.WhichOneof("result") == "value" else None


def _record_eager_get(engine: Engine, key: bytes, value: bytes | None) -> None:
    engine.record(MessageType.GET_EAGER_STATE_COMMAND, wire.eager_state(key, value))


def _record_lazy_get(engine: Engine, key: bytes, completion_id: int) -> None:
    message = pb.GetLazyStateCommandMessage(key=key, result_completion_id=completion_id)
    engine.record(MessageType.GET_LAZY_STATE_COMMAND, message.SerializeToString())


def keys(engine: Engine) -> list[str] | int:
    """The keys that are set, at once or as ``get`` says."""
    completion_id = engine.next_completion_id()
    recorded = engine.peek_recorded()
    if recorded is None:
        known = engine.eager_state.keys()
        if isinstance(known, Unknown):
            _record_lazy_keys(engine, completion_id)
            return completion_id
        _record_eager_keys(engine, known)
        return known
    if recorded.type != MessageType.GET_EAGER_STATE_KEYS_COMMAND:
        _record_lazy_keys(engine, completion_id)
        return completion_id
    known = engine.read_recorded(recorded, _recorded_keys)
    _record_eager_keys(engine, known)
    return known


def _recorded_keys(recorded: RawMessage) -> list[str]:
    read = decode(recorded.type, recorded.payload)
    assert isinstance(read, pb.GetEagerStateKeysCommandMessage)
    return read_keys(read.value)


def _record_eager_keys(engine: Engine, known: list[str]) -> None:
    message = pb.GetEagerStateKeysCommandMessage(value=pb.StateKeys(keys=[key.encode() for key in known]))
    engine.record(MessageType.GET_EAGER_STATE_KEYS_COMMAND, message.SerializeToString())


def _record_lazy_keys(engine: Engine, completion_id: int) -> None:
    message = pb.GetLazyStateKeysCommandMessage(result_completion_id=completion_id)
    engine.record(MessageType.GET_LAZY_STATE_KEYS_COMMAND, message.SerializeToString())


def set_(engine: Engine, key: str, value: bytes) -> None:
    """Sets one key."""
    engine.record(MessageType.SET_STATE_COMMAND, wire.set_state(key.encode(), value))
    engine.eager_state.set(key, value)


def clear(engine: Engine, key: str) -> None:
    """Removes one key."""
    message = pb.ClearStateCommandMessage(key=key.encode())
    engine.record(MessageType.CLEAR_STATE_COMMAND, message.SerializeToString())
    engine.eager_state.clear(key)


def clear_all(engine: Engine) -> None:
    """Removes every key."""
    engine.record(MessageType.CLEAR_ALL_STATE_COMMAND, b"")
    engine.eager_state.clear_all()
