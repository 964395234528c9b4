"""Calls and one-way calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from restate_reflect.engine.machine import Engine
from restate_reflect.protocol import pb, wire
from restate_reflect.protocol.messages import MessageType
from restate_reflect.protocol.versions import ProtocolVersion

__all__ = ["CallIds", "Destination", "call", "send"]


class Destination:
    """Whom to call, and how."""

    __slots__ = (
        "callee",
        "handler",
        "headers",
        "idempotency_key",
        "is_plain",
        "key",
        "limit_key",
        "scope",
        "service",
    )

    def __init__(
        self,
        service: str,
        handler: str,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
        scope: str | None = None,
        limit_key: str | None = None,
    ) -> None:
        self.service = service
        self.handler = handler
        self.key = key
        self.headers = headers
        self.idempotency_key = idempotency_key
        self.scope = scope
        self.limit_key = limit_key
        self.is_plain = headers is None and idempotency_key is None and scope is None and limit_key is None
        """Whether there is nothing beside the key; such a call is written by hand."""
        self.callee = wire.callee(service, handler)

    def __str__(self) -> str:
        return f"{self.service}/{self.handler}" if self.key is None else f"{self.service}/{self.key}/{self.handler}"


CallIds: TypeAlias = "tuple[int, int]"
"""Completion ids of a call: of its invocation id, and of its result."""


def call(engine: Engine, destination: Destination, body: bytes, name: str = "") -> CallIds:
    """Calls a handler; the id of its invocation and its result arrive separately."""
    first = engine.next_completion_id(2)
    ids = first, first + 1
    if destination.is_plain and not name:
        payload = wire.call_command(destination.callee, body, destination.key or "", first, first + 1)
    else:
        _require_scopes(engine, destination)
        payload = _with_options(destination, body, ids, name)
    engine.record(MessageType.CALL_COMMAND, payload, name or destination)
    return ids


def _with_options(destination: Destination, body: bytes, ids: CallIds, name: str) -> bytes:
    message = pb.CallCommandMessage(
        parameter=body, invocation_id_notification_idx=ids[0], result_completion_id=ids[1], name=name
    )
    _fill(message, destination)
    return message.SerializeToString()


def send(engine: Engine, destination: Destination, body: bytes, invoke_time: int = 0, name: str = "") -> int:
    """Calls a handler without waiting, at ``invoke_time`` (ms since the epoch; 0: at once)."""
    _require_scopes(engine, destination)
    invocation_id = engine.next_completion_id()
    message = pb.OneWayCallCommandMessage(
        parameter=body, invocation_id_notification_idx=invocation_id, invoke_time=invoke_time, name=name
    )
    _fill(message, destination)
    engine.record(MessageType.ONE_WAY_CALL_COMMAND, message.SerializeToString(), name or str(destination))
    return invocation_id


def _fill(message: pb.CallCommandMessage | pb.OneWayCallCommandMessage, destination: Destination) -> None:
    message.service_name = destination.service
    message.handler_name = destination.handler
    if destination.key is not None:
        message.key = destination.key
    for name, value in (destination.headers or {}).items():
        message.headers.add(key=name, value=value)
    if destination.idempotency_key is not None:
        message.idempotency_key = destination.idempotency_key
    if destination.scope is not None:
        message.scope = destination.scope
    if destination.limit_key is not None:
        message.limit_key = destination.limit_key


def _require_scopes(engine: Engine, destination: Destination) -> None:
    if destination.scope is not None or destination.limit_key is not None:
        engine.require(engine.version.has_scopes, "a scope or limit key", ProtocolVersion.V7)
