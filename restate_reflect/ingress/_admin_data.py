"""What the admin API answers, as plain data. ``raw`` holds everything, also what newer servers add."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

from pydantic_core import from_json

from restate_reflect.definitions import HandlerKind, ServiceKind

__all__ = [
    "Deployment",
    "Failure",
    "HandlerInfo",
    "InvocationInfo",
    "JournalEntry",
    "Registration",
    "ServerVersion",
    "ServiceInfo",
    "deployment",
    "invocation",
    "journal_entry",
    "moment",
    "registration",
    "service",
    "version",
]

Json: TypeAlias = Mapping[str, Any]
# The admin API writes VirtualObject where the manifest writes VIRTUAL_OBJECT.
_KINDS = {kind.value.replace("_", "").lower(): kind for kind in ServiceKind}


@dataclass(frozen=True, slots=True)
class HandlerInfo:
    """A handler of a registered service."""

    name: str
    kind: HandlerKind | None
    public: bool
    documentation: str | None
    input_schema: Any
    """JSON Schema; ``None`` if the input is empty or no JSON."""
    output_schema: Any
    input_description: str
    """The server's words, such as ``JSON integer`` or ``none``."""
    output_description: str
    metadata: Mapping[str, str]
    raw: Json = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class ServiceInfo:
    """A registered service, in its newest revision."""

    name: str
    kind: ServiceKind
    handlers: Mapping[str, HandlerInfo]
    """By name, sorted: the server gives them in no order."""
    deployment_id: str
    revision: int
    public: bool
    documentation: str | None
    metadata: Mapping[str, str]
    raw: Json = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Registration:
    """The answer to a registration."""

    id: str
    services: tuple[ServiceInfo, ...]
    min_protocol_version: int
    max_protocol_version: int
    sdk_version: str | None
    raw: Json = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Deployment:
    """A registered deployment."""

    id: str
    url: str
    """Its URL, or the ARN of a Lambda function."""
    created_at: datetime
    services: Mapping[str, int]
    """Revisions by service name."""
    min_protocol_version: int
    max_protocol_version: int
    http_version: str | None
    bidirectional: bool
    """Whether streams go both ways; ``False`` means request-response."""
    sdk_version: str | None
    metadata: Mapping[str, str]
    additional_headers: Mapping[str, str]
    raw: Json = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Failure:
    """The error of the last attempt."""

    message: str
    code: str | None
    """Restate's own code, such as ``RT0016``."""
    command: str | None
    """The journal command it is about: type and name."""


@dataclass(frozen=True, slots=True)
class InvocationInfo:
    """A row of ``sys_invocation``."""

    id: str
    target: str
    """``Service/handler`` or ``Service/key/handler``."""
    service: str
    handler: str
    key: str | None
    kind: ServiceKind
    status: str
    """``pending``, ``scheduled``, ``ready``, ``running``, ``backing-off``, ``suspended``, ``paused``, ``completed``."""
    created_at: datetime
    modified_at: datetime
    completed_at: datetime | None
    scheduled_start_at: datetime | None
    next_retry_at: datetime | None
    retry_count: int
    """Attempts since the invocation last made progress, the one under way included."""
    last_failure: Failure | None
    success: bool | None
    """How it ended; ``None`` while it has not."""
    failure: str | None
    """The terminal failure, as ``[code] message``."""
    idempotency_key: str | None
    deployment_id: str | None
    protocol_version: int | None
    journal_size: int
    invoked_by: str
    invoked_by_id: str | None
    invoked_by_target: str | None
    raw: Json = field(repr=False, compare=False)

    @classmethod
    def from_row(cls, row: Json) -> InvocationInfo:
        """A row of ``SELECT * FROM sys_invocation``."""
        return invocation(row)


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A row of ``sys_journal``."""

    index: int
    type: str
    """``Command: Call``, ``Notification: Sleep`` and so on."""
    name: str
    """The name that the handler gave, if any."""
    appended_at: datetime | None
    content: Any
    """The entry as JSON; payloads are lists of byte values."""
    raw: Json = field(repr=False, compare=False)

    @classmethod
    def from_row(cls, row: Json) -> JournalEntry:
        """A row of ``sys_journal``; of its columns ``index`` and ``entry_type`` must be there."""
        return journal_entry(row)


@dataclass(frozen=True, slots=True)
class ServerVersion:
    """The server's version, and what is switched on in it."""

    version: str
    min_admin_api_version: int
    max_admin_api_version: int
    ingress_url: str | None
    features: Mapping[str, bool]


def service(raw: Json) -> ServiceInfo:
    handlers = sorted((_handler(each) for each in raw["handlers"]), key=lambda handler: handler.name)
    return ServiceInfo(
        name=raw["name"],
        kind=_kind(raw["ty"]),
        handlers={handler.name: handler for handler in handlers},
        deployment_id=raw["deployment_id"],
        revision=raw["revision"],
        public=raw.get("public", True),
        documentation=raw.get("documentation"),
        metadata=raw.get("metadata") or {},
        raw=raw,
    )


def _handler(raw: Json) -> HandlerInfo:
    kind = raw.get("ty")
    return HandlerInfo(
        name=raw["name"],
        kind=None if kind is None else HandlerKind[kind.upper()],
        public=raw.get("public", True),
        documentation=raw.get("documentation"),
        input_schema=raw.get("input_json_schema"),
        output_schema=raw.get("output_json_schema"),
        input_description=raw["input_description"],
        output_description=raw["output_description"],
        metadata=raw.get("metadata") or {},
        raw=raw,
    )


def registration(raw: Json) -> Registration:
    return Registration(
        id=raw["id"],
        services=tuple(service(each) for each in raw["services"]),
        min_protocol_version=raw.get("min_protocol_version", 0),
        max_protocol_version=raw.get("max_protocol_version", 0),
        sdk_version=raw.get("sdk_version"),
        raw=raw,
    )


def deployment(raw: Json) -> Deployment:
    return Deployment(
        id=raw["id"],
        url=raw.get("uri") or raw["arn"],
        created_at=moment(raw["created_at"]),
        services={each["name"]: each["revision"] for each in raw["services"]},
        min_protocol_version=raw["min_protocol_version"],
        max_protocol_version=raw["max_protocol_version"],
        http_version=raw.get("http_version"),
        bidirectional=raw.get("protocol_type") == "BidiStream",
        sdk_version=raw.get("sdk_version"),
        metadata=raw.get("metadata") or {},
        additional_headers=raw.get("additional_headers") or {},
        raw=raw,
    )


def invocation(raw: Json) -> InvocationInfo:
    result = raw.get("completion_result")
    return InvocationInfo(
        id=raw["id"],
        target=raw["target"],
        service=raw["target_service_name"],
        handler=raw["target_handler_name"],
        key=raw.get("target_service_key"),
        kind=_kind(raw["target_service_ty"]),
        status=raw["status"],
        created_at=moment(raw["created_at"]),
        modified_at=moment(raw["modified_at"]),
        completed_at=_time(raw, "completed_at"),
        scheduled_start_at=_time(raw, "scheduled_start_at"),
        next_retry_at=_time(raw, "next_retry_at"),
        retry_count=raw.get("retry_count") or 0,
        last_failure=_failure(raw),
        success=None if result is None else result == "success",
        failure=raw.get("completion_failure"),
        idempotency_key=raw.get("idempotency_key"),
        deployment_id=raw.get("pinned_deployment_id"),
        protocol_version=raw.get("pinned_service_protocol_version"),
        journal_size=raw.get("journal_size") or 0,
        invoked_by=raw.get("invoked_by") or "",
        invoked_by_id=raw.get("invoked_by_id"),
        invoked_by_target=raw.get("invoked_by_target"),
        raw=raw,
    )


def _failure(raw: Json) -> Failure | None:
    if (message := raw.get("last_failure")) is None:
        return None
    words = (raw.get("last_failure_related_command_type"), raw.get("last_failure_related_command_name"))
    return Failure(message, raw.get("last_failure_error_code"), " ".join(word for word in words if word) or None)


def journal_entry(raw: Json) -> JournalEntry:
    content = raw.get("entry_json")
    return JournalEntry(
        index=raw["index"],
        type=raw["entry_type"],
        name=raw.get("name") or "",
        appended_at=_time(raw, "appended_at"),
        content=None if content is None else from_json(content),
        raw=raw,
    )


def version(raw: Json) -> ServerVersion:
    return ServerVersion(
        version=raw["version"],
        min_admin_api_version=raw["min_admin_api_version"],
        max_admin_api_version=raw["max_admin_api_version"],
        ingress_url=(raw.get("ingress_endpoint") or "").rstrip("/") or None,
        features=raw.get("features") or {},
    )


def _kind(word: str) -> ServiceKind:
    return _KINDS[word.replace("_", "").lower()]


def _time(raw: Json, name: str) -> datetime | None:
    value = raw.get(name)
    return None if value is None else moment(value)


def moment(text: str) -> datetime:
    """A time as servers write it; after the year 9999, which ``datetime`` has not, its last moment."""
    return datetime.max.replace(tzinfo=UTC) if text.startswith("+") else datetime.fromisoformat(text)
