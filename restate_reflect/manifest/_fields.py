"""The one table of manifest fields: name, since which manifest version, how it is read.

Versions (`discovery.proto` and the history of `endpoint_manifest_schema.json` in restatedev/restate; a field that
is newer than what was agreed on is left out): V1 services, handlers, payloads. V2 documentation, metadata.
V3 timeouts, retentions, lazy state, ingress visibility. V4 retry policy (and Lambda compression, which is the
transport's to announce).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from restate_reflect.definitions import HandlerDefinition, HandlerKind, ServiceDefinition
from restate_reflect.options import HandlerOptions, RetryPolicy, ServiceOptions, millis

__all__ = ["HANDLER_FIELDS", "SERVICE_FIELDS", "HandlerView", "ManifestField"]

Options = ServiceOptions | HandlerOptions


class HandlerView(NamedTuple):
    """A handler with its service: some handler fields come from service options."""

    service: ServiceDefinition
    handler: HandlerDefinition


class ManifestField(NamedTuple):
    """One field; ``read`` gives ``None`` when it is not set."""

    name: str
    since: int
    read: Callable[[Any], Any]
    option: str
    """What the user calls it."""


def _option(name: str, since: int, option: str, read: Callable[[Options], Any]) -> tuple[ManifestField, ManifestField]:
    """The field for services and for handlers."""
    of_service = ManifestField(name, since, lambda service: read(service.options), option)
    return of_service, ManifestField(name, since, lambda view: read(view.handler.options), option)


def _retry(name: str, option: str, read: Callable[[RetryPolicy], Any]) -> tuple[ManifestField, ManifestField]:
    def read_policy(options: Options) -> Any:
        return None if options.retry_policy is None else read(options.retry_policy)

    return _option(name, 4, f"retry_policy.{option}", read_policy)


def _workflow_retention(view: HandlerView) -> int | None:
    """The manifest has it on the run handler only; the service option is meant for that one."""
    if view.handler.kind is not HandlerKind.WORKFLOW:
        return None
    own = view.handler.options.workflow_retention
    return millis(view.service.options.workflow_retention if own is None else own)


_SHARED = (
    _option("metadata", 2, "metadata", lambda o: dict(o.metadata) or None),
    _option("inactivityTimeout", 3, "inactivity_timeout", lambda o: millis(o.inactivity_timeout)),
    _option("abortTimeout", 3, "abort_timeout", lambda o: millis(o.abort_timeout)),
    _option("journalRetention", 3, "journal_retention", lambda o: millis(o.journal_retention)),
    _option("idempotencyRetention", 3, "idempotency_retention", lambda o: millis(o.idempotency_retention)),
    _option("enableLazyState", 3, "lazy_state", lambda o: o.lazy_state),
    _option("ingressPrivate", 3, "ingress_private", lambda o: o.ingress_private),
    _retry("retryPolicyInitialInterval", "initial_interval", lambda p: millis(p.initial_interval)),
    _retry("retryPolicyMaxInterval", "max_interval", lambda p: millis(p.max_interval)),
    _retry("retryPolicyMaxAttempts", "max_attempts", lambda p: p.max_attempts),
    _retry("retryPolicyExponentiationFactor", "factor", lambda p: p.factor),
    _retry("retryPolicyOnMaxAttempts", "on_max_attempts", lambda p: p.on_max_attempts and p.on_max_attempts.upper()),
)

SERVICE_FIELDS = (
    ManifestField("documentation", 2, lambda service: service.documentation, "docstring"),
    *(of_service for of_service, _ in _SHARED),
)
HANDLER_FIELDS = (
    ManifestField("documentation", 2, lambda view: view.handler.documentation, "docstring"),
    *(of_handler for _, of_handler in _SHARED),
    ManifestField("workflowCompletionRetention", 3, _workflow_retention, "workflow_retention"),
)
