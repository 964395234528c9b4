"""Journal entries as restate-server's table ``sys_journal`` shows them in its column ``entry_json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from google.protobuf.message import Message

from restate_reflect.embedded import ids
from restate_reflect.embedded.query.sandbox.journal_lite import lite_command, lite_notification
from restate_reflect.protocol import pb
from restate_reflect.protocol.framing import is_command
from restate_reflect.protocol.messages import MessageType, command_classes

__all__ = ["ReadEntry", "as_json", "read_entry", "words"]

Json = dict[str, Any]


class ReadEntry(NamedTuple):
    """An entry in the words of the server."""

    type: str
    """``Command: Call``, ``Notification: Sleep``."""
    name: str | None
    """Of a command, as the handler gave it."""
    kind: str
    message: Any


def read_entry(number: int, payload: bytes) -> ReadEntry:
    """Of a message type and its content."""
    kind = words(number) or str(number)
    if not is_command(number):
        return ReadEntry(f"Notification: {kind}", None, kind, pb.Notification.FromString(payload))
    message: Any = command_classes()[number].FromString(payload)
    name = message.entry_name if number == MessageType.SEND_SIGNAL_COMMAND else message.name
    return ReadEntry(f"Command: {kind}", name or "", kind, message)


def as_json(entry: ReadEntry, callee: tuple[str | None, Mapping[str, Any]]) -> tuple[str, str]:
    """Columns ``entry_json``, and ``entry_lite_json``, which is without what handlers have given and got.

    ``callee`` is the invocation id and target of a call.
    """
    kind = entry.kind
    if entry.name is not None:
        content = _command(entry.message, callee) | {"name": entry.name}
        lite = _compact({"Command": {kind: lite_command(kind, content)}})
        return _compact({"Command": {kind: content}}), lite
    content = _notification(entry.message)
    layered = {kind: content} if kind == "Signal" else {"Completion": {kind: content}}
    return _compact({"Notification": layered}), _compact({"Notification": lite_notification(kind, content)})


_compact: Final = json.JSONEncoder(separators=(",", ":")).encode


@cache
def words(number: int) -> str | None:
    """``GET_EAGER_STATE_COMMAND`` -> ``GetEagerState``; ``None`` for a type of a newer protocol."""
    try:
        parts = MessageType(number).name.split("_")[:-1]
    except ValueError:
        return None
    return "".join(part.capitalize() for part in parts)


_RENAMED: Final = {
    "awakeable_id": "id",
    "completion_value": "value",
    "completion_failure": "value",
    "invocation_id_notification_idx": "invocation_id_completion_id",
}
_CALLS: Final = ("service_name", "handler_name", "key", "parameter", "headers", "idempotency_key", "scope", "limit_key")


def _command(message: Message, callee: tuple[str | None, Mapping[str, Any]]) -> Json:
    kind = type(message).__name__
    fields = {field.name: value for field, value in message.ListFields() if field.name not in ("name", "entry_name")}
    match kind:
        case "InputCommandMessage":
            return {"headers": _headers(fields), "payload": _bytes(fields.get("value"))}
        case "OutputCommandMessage":
            return {"result": _result(message)}
        case "CallCommandMessage" | "OneWayCallCommandMessage":
            return _call(fields, callee)
        case "SendSignalCommandMessage":
            which = message.WhichOneof("signal_id") if _has_oneof(message, "signal_id") else None
            identifier = {"Name": fields.get("name")} if which == "name" else {"Index": fields.get("idx")}
            target = fields.get("target_invocation_id")
            return {"target_invocation_id": target, "signal_id": identifier, "result": _result(message)}
        case "AttachInvocationCommandMessage" | "GetInvocationOutputCommandMessage":
            return {"target": _target(fields), "completion_id": fields.get("result_completion_id")}
        case _:
            return _other(message, fields, kind)


def _other(message: Message, fields: Json, kind: str) -> Json:
    """Commands whose fields are named almost alike."""
    content: Json = {}
    for name, value in fields.items():
        shown = _RENAMED.get(name, "completion_id" if name == "result_completion_id" else name)
        content[shown] = value.decode(errors="replace") if isinstance(value, bytes) else value
    if kind == "GetEagerStateKeysCommandMessage":
        return {"state_keys": [key.decode(errors="replace") for key in message.value.keys]}  # type: ignore[attr-defined]
    if kind == "SetStateCommandMessage":
        content["value"] = _bytes(fields.get("value"))
    elif kind in ("GetEagerStateCommandMessage", "CompleteAwakeableCommandMessage"):
        for name in ("void", "value", "failure"):
            content.pop(name, None)
        content["result"] = _result(message)
    elif kind == "CompletePromiseCommandMessage":
        content["value"] = _result(message)
    return content


def _call(fields: Json, callee: tuple[str | None, Mapping[str, Any]]) -> Json:
    identifier, target = callee
    request = {
        "invocation_id": identifier,
        "invocation_target": target,
        "parameter": list(fields.get("parameter", b"")),
        "headers": _headers(fields),
        "idempotency_key": fields.get("idempotency_key"),
    }
    if fields.get("limit_key"):
        request["limit_key"] = fields["limit_key"]
    rest = {_RENAMED.get(name, name): value for name, value in fields.items() if name not in _CALLS}
    return {"request": request, **rest}


def _target(fields: Json) -> Json:
    if (workflow := fields.get("workflow_target")) is not None:
        key = workflow.workflow_key
        return {"Workflow": {"service_name": workflow.workflow_name, "key": key, **_place(workflow, key)}}
    if (request := fields.get("idempotent_request_target")) is not None:
        return {
            "IdempotentRequest": {
                "service_name": request.service_name,
                "service_key": request.service_key or None,
                "service_handler": request.handler_name,
                "idempotency_key": request.idempotency_key,
                **_place(request, request.service_key or request.idempotency_key),
            }
        }
    return {"InvocationId": fields.get("invocation_id")}


def _place(target: Any, key: str) -> Json:
    scope = target.scope or None
    return {"scope": scope, "partition_key": ids.key_partition(scope or key)}


def _notification(message: Any) -> Json:
    which = message.WhichOneof("id")
    if which == "signal_id":
        return {"id": {"Index": message.signal_id}, "result": _result(message)}
    if which == "signal_name":
        return {"id": {"Name": message.signal_name}, "result": _result(message)}
    content: Json = {"completion_id": message.completion_id}
    match message.WhichOneof("result"):
        case "invocation_id":
            return content | {"invocation_id": message.invocation_id}
        case "state_keys":
            return content | {"state_keys": [key.decode(errors="replace") for key in message.state_keys.keys]}
        case _:
            return content | {"result": _result(message)}


def _result(message: Any) -> Any:
    """``Success`` with bytes as numbers, ``Failure``, or ``Void``."""
    for name in ("failure", "completion_failure"):
        if _has(message, name):
            failure = getattr(message, name)
            told = {"code": failure.code, "message": failure.message}
            metadata = [{"key": each.key, "value": each.value} for each in failure.metadata]
            return {"Failure": {**told, **({"metadata": metadata} if metadata else {})}}
    for name in ("value", "completion_value"):
        if _has(message, name):
            return {"Success": list(getattr(message, name).content)}
    return "Void"


def _has(message: Any, name: str) -> bool:
    return name in message.DESCRIPTOR.fields_by_name and message.HasField(name)


def _has_oneof(message: Message, name: str) -> bool:
    return name in message.DESCRIPTOR.oneofs_by_name


def _headers(fields: Json) -> list[Json]:
    return [{"name": header.key, "value": header.value} for header in fields.get("headers", ())]


def _bytes(value: Any) -> list[int]:
    return [] if value is None else list(value.content)
