"""Deployments, services and handlers as the admin API shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from restate_reflect.definitions import HandlerKind, ServiceKind
from restate_reflect.embedded.deployments.catalog import HandlerInfo, Registration, ServiceInfo
from restate_reflect.embedded.deployments.policy import merge_policies
from restate_reflect.embedded.durations import format_duration
from restate_reflect.embedded.http.replies import rfc3339
from restate_reflect.embedded.settings import DEFAULT_RETRY_POLICY, RuntimeSettings
from restate_reflect.options import millis

__all__ = ["deployment_view", "handler_view", "registration_view", "service_view"]

_SERVICE_TYPES: Final = {
    ServiceKind.SERVICE: "Service",
    ServiceKind.VIRTUAL_OBJECT: "VirtualObject",
    ServiceKind.WORKFLOW: "Workflow",
}
_HANDLER_TYPES: Final = {
    HandlerKind.EXCLUSIVE: "Exclusive",
    HandlerKind.SHARED: "Shared",
    HandlerKind.WORKFLOW: "Workflow",
}
_MODES: Final = {"BIDI_STREAM": "BidiStream", "REQUEST_RESPONSE": "RequestResponse"}

_RUN: Final = HandlerKind.WORKFLOW

Described = Mapping[str, Any]


def handler_view(info: HandlerInfo) -> dict[str, Any]:
    """Only what the manifest says; the service has the rest."""
    described = info.manifest
    view: dict[str, Any] = {"name": info.name}
    if info.kind is not None:
        view["ty"] = _HANDLER_TYPES[info.kind]
    view |= _about(described)
    view |= _present(
        described,
        ("idempotency_retention", "idempotencyRetention", format_duration),
        ("journal_retention", "journalRetention", format_duration),
        ("inactivity_timeout", "inactivityTimeout", format_duration),
        ("abort_timeout", "abortTimeout", format_duration),
        ("enable_lazy_state", "enableLazyState", _same),
    )
    view |= {
        "public": info.public,
        "input_description": info.input.description,
        "output_description": info.output.description,
    }
    for name, schema in (("input_json_schema", info.input.schema), ("output_json_schema", info.output.schema)):
        if schema is not None:
            view[name] = schema
    return {**view, "retry_policy": _handler_policy(described)}


def _same(value: Any) -> Any:
    return value


def _present(described: Described, *fields: tuple[str, str, Callable[[Any], Any]]) -> dict[str, Any]:
    return {shown: convert(described[name]) for shown, name, convert in fields if described.get(name) is not None}


def _about(described: Described) -> dict[str, Any]:
    return _present(described, ("documentation", "documentation", _same), ("metadata", "metadata", _same))


def _handler_policy(described: Described) -> dict[str, Any]:
    view = _present(
        described,
        ("initial_interval", "retryPolicyInitialInterval", format_duration),
        ("exponentiation_factor", "retryPolicyExponentiationFactor", _same),
        ("max_interval", "retryPolicyMaxInterval", format_duration),
        ("on_max_attempts", "retryPolicyOnMaxAttempts", str.capitalize),
    )
    return {**view, "max_attempts": described.get("retryPolicyMaxAttempts")}


def service_view(service: ServiceInfo, settings: RuntimeSettings) -> dict[str, Any]:
    """A service with everything that holds for it."""
    described = service.manifest

    def duration(name: str, default: int | None) -> str:
        return format_duration(described.get(name, default) or 0)

    view: dict[str, Any] = {
        "name": service.name,
        "ty": _SERVICE_TYPES[service.kind],
        "handlers": [handler_view(handler) for handler in service.handlers.values()],
        **_about(described),
        "deployment_id": service.deployment,
        "revision": service.revision,
        "public": service.public,
        "idempotency_retention": duration("idempotencyRetention", millis(settings.idempotency_retention)),
    }
    if service.kind is ServiceKind.WORKFLOW:
        view["workflow_completion_retention"] = format_duration(_run_retention(service, settings))
    return view | {
        "journal_retention": duration("journalRetention", millis(settings.journal_retention)),
        "inactivity_timeout": duration("inactivityTimeout", millis(settings.inactivity_timeout)),
        "abort_timeout": duration("abortTimeout", millis(settings.abort_timeout)),
        "enable_lazy_state": described.get("enableLazyState", False),
        "retry_policy": _service_policy(service, settings),
    }


def _run_retention(service: ServiceInfo, settings: RuntimeSettings) -> int:
    runs = (handler.completion_retention for handler in service.handlers.values() if handler.kind is _RUN)
    return next(runs, millis(settings.workflow_retention) or 0)


def _service_policy(service: ServiceInfo, settings: RuntimeSettings) -> dict[str, Any]:
    policy = merge_policies(service.retry_policy, settings.retry_policy, DEFAULT_RETRY_POLICY)
    return {
        "initial_interval": format_duration(policy.initial_interval),
        "exponentiation_factor": policy.factor,
        "max_attempts": policy.max_attempts,
        "max_interval": None if policy.max_interval is None else format_duration(policy.max_interval),
        "on_max_attempts": policy.on_max_attempts.capitalize(),
    }


def registration_view(registration: Registration, settings: RuntimeSettings) -> dict[str, Any]:
    """The answer to a registration."""
    return {
        "id": registration.id,
        "services": [service_view(service, settings) for service in registration.services.values()],
        **_versions(registration),
    }


def deployment_view(registration: Registration, services: list[dict[str, Any]]) -> dict[str, Any]:
    """A deployment, with its services in the shape that is wanted."""
    return {
        "id": registration.id,
        "uri": registration.transport.address,
        "protocol_type": _MODES[registration.protocol_mode],
        "http_version": registration.http_version,
        **_told(registration),
        "created_at": rfc3339(registration.created_at),
        **_versions(registration),
        "services": services,
    }


def _told(registration: Registration) -> dict[str, Any]:
    """By whoever has registered it; nothing is shown of what is not there."""
    remote = registration.transport.remote
    told = {"additional_headers": dict(remote.headers) if remote else {}, "metadata": dict(registration.metadata)}
    return {name: pairs for name, pairs in told.items() if pairs}


def _versions(registration: Registration) -> dict[str, Any]:
    versions: dict[str, Any] = {
        "min_protocol_version": registration.min_version,
        "max_protocol_version": registration.max_version,
    }
    if registration.sdk_version is not None:
        versions["sdk_version"] = registration.sdk_version
    return versions
