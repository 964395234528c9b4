"""Records as JSON, for stores on disk. Values stay out of it: they are bytes, and may be large."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import asdict, fields
from operator import attrgetter
from typing import Any, Final

from restate_reflect.definitions import HandlerKind, ServiceKind
from restate_reflect.embedded.kernel.bounds import no_later
from restate_reflect.embedded.kernel.records import FailedAttempt, Failure, Invocation, Listener, Status, Target
from restate_reflect.embedded.kernel.store import Promise

__all__ = ["dump_invocation", "dump_promise", "load_invocation", "load_promise"]

_PLAIN: Final = tuple(
    field.name
    for field in fields(Invocation)
    if field.name
    not in {"target", "status", "listeners", "awaiting", "last_failure", "value", "failure", "failed_attempts"}
)
"""Fields that JSON knows as they are."""
_read_plain: Final = attrgetter(*_PLAIN)
_read_target: Final = attrgetter(
    "target.service", "target.handler", "target.key", "target.service_kind", "target.handler_kind"
)
# Enums' own look-ups are Python code; with them and a new encoder for each record it takes twice the time.
_STATUSES: Final = {id(status): status.value for status in Status}
_KINDS: Final = {id(kind): kind.value for kinds in (ServiceKind, HandlerKind) for kind in kinds}
_encode: Final = json.JSONEncoder(separators=(",", ":")).encode


def dump_invocation(invocation: Invocation) -> str:
    """Everything but ``value``; fields at ``None`` are left out."""
    plain = zip(_PLAIN, _read_plain(invocation), strict=True)
    data: dict[str, Any] = {name: value for name, value in plain if value is not None}
    service, handler, key, service_kind, handler_kind = _read_target(invocation)
    data["target"] = [service, handler, key, _KINDS[id(service_kind)], _KINDS.get(id(handler_kind))]
    data["status"] = _STATUSES[id(invocation.status)]
    data["listeners"] = invocation.listeners
    if invocation.target.scope is not None:
        data["scope"] = invocation.target.scope
    if invocation.awaiting is not None:
        data["awaiting"] = b64encode(invocation.awaiting).decode()
    for name in ("last_failure", "failure"):
        failure: Failure | None = getattr(invocation, name)
        if failure is not None:
            data[name] = asdict(failure)
    if invocation.failed_attempts:
        data["failed_attempts"] = [[at, after, asdict(failure)] for at, after, failure in invocation.failed_attempts]
    return _encode(data)


def load_invocation(text: str, value: bytes | None) -> Invocation:
    """The record that was dumped."""
    data: dict[str, Any] = json.loads(text)
    service, handler, key, service_kind, handler_kind = data.pop("target")
    kind = None if handler_kind is None else HandlerKind(handler_kind)
    data["target"] = Target(service, handler, key, ServiceKind(service_kind), kind, data.pop("scope", None))
    data["status"] = Status(data["status"])
    data["listeners"] = [Listener(*each) for each in data["listeners"]]
    for name in ("execution_time", "retry_at"):
        if name in data:
            data[name] = no_later(data[name])  # earlier versions stored whatever was asked for
    if "awaiting" in data:
        data["awaiting"] = b64decode(data["awaiting"])
    for name in ("last_failure", "failure"):
        if name in data:
            data[name] = Failure(**data[name])
    failed = data.pop("failed_attempts", ())
    data["failed_attempts"] = [FailedAttempt(at, after, Failure(**failure)) for at, after, failure in failed]
    return Invocation(**data, value=value)


def dump_promise(promise: Promise) -> str:
    failure = None if promise.failure is None else asdict(promise.failure)
    return json.dumps({"completed": promise.completed, "failure": failure, "waiting": promise.waiting})


def load_promise(text: str, value: bytes | None) -> Promise:
    data = json.loads(text)
    failure = None if data["failure"] is None else Failure(**data["failure"])
    return Promise(data["completed"], value, failure, [(each[0], each[1]) for each in data["waiting"]])
