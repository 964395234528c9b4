"""Calls and one-way calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from restate_reflect.engine.journal import Command
from restate_reflect.engine.machine import Engine
from restate_reflect.protocol import _pb2 as pb
from restate_reflect.protocol.messages import MessageType
from restate_reflect.protocol.versions import ProtocolVersion

__all__ = ["CallIds", "Destination", "call", "send"]


@dataclass(frozen=True, slots=True)
class Destination:
    """Whom to call, and how."""

    service: str
    handler: str
    key: str | None = None
    headers: Mapping[str, str] | None = None
    idempotency_key: str | None = None
    scope: str | None = None
    limit_key: str | None = None

    def __str__(self) -> str:
        return "/".join(part for part in (self.service, self.key, self.handler) if part is not None)


@dataclass(frozen=True, slots=True)
class CallIds:
    """Completion ids of a call."""

    invocation_id: int
    result: int


def call(engine: Engine, destination: Destination, body: bytes, name: str = "") -> CallIds:
    """Calls a handler; the id of its invocation and its result arrive separately."""
    _require_scopes(engine, destination)
    ids = CallIds(engine.next_completion_id(), engine.next_completion_id())
    message = pb.CallCommandMessage(
        parameter=body, invocation_id_notification_idx=ids.invocation_id, result_completion_id=ids.result, name=name
    )
    _fill(message, destination)
    engine.record(Command(MessageType.CALL_COMMAND, message.SerializeToString(), name or str(destination)))
    return ids


def send(engine: Engine, destination: Destination, body: bytes, invoke_time: int = 0, name: str = "") -> int:
    """Calls a handler without waiting, at ``invoke_time`` (ms since the epoch; 0: at once)."""
    _require_scopes(engine, destination)
    invocation_id = engine.next_completion_id()
    message = pb.OneWayCallCommandMessage(
        parameter=body, invocation_id_notification_idx=invocation_id, invoke_time=invoke_time, name=name
    )
    _fill(message, destination)
    engine.record(Command(MessageType.ONE_WAY_CALL_COMMAND, message.SerializeToString(), name or str(destination)))
    return invocation_id


def _fill(message: pb.CallCommandMessage | pb.OneWayCallCommandMessage, destination: Destination) -> None:
    message.service_name = destination.service
    message.handler_name = destination.handler
    if destination.key is not None:
        message.key = destination.key
    for name, value in (destination.headers or {}).items():
        message.headers.add(key=name, value=value)
    for optional in ("idempotency_key", "scope", "limit_key"):
        value = getattr(destination, optional)
        if value is not None:
            setattr(message, optional, value)


def _require_scopes(engine: Engine, destination: Destination) -> None:
    if destination.scope is not None or destination.limit_key is not None:
        engine.require(engine.version.has_scopes, "a scope or limit key", ProtocolVersion.V7)
