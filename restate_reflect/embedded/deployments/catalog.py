"""Deployments, services and handlers, as manifests describe them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from restate_reflect.definitions import HandlerKind, ServiceKind
from restate_reflect.embedded.deployments.checks import (
    check_handler,
    check_manifest,
    check_service,
    check_visibility,
)
from restate_reflect.embedded.deployments.numbers import check_numbers
from restate_reflect.embedded.deployments.policy import InvocationRetryPolicy, merge_policies
from restate_reflect.embedded.deployments.refusals import KindChangedError, ManifestError
from restate_reflect.embedded.deployments.rules import InputRules, OutputRules, input_rules, output_rules
from restate_reflect.embedded.deployments.schemas import check_schemas
from restate_reflect.embedded.deployments.transport import Deployment
from restate_reflect.embedded.settings import DEFAULT_RETRY_POLICY, RuntimeSettings
from restate_reflect.options import RetryPolicy, millis
from restate_reflect.protocol.versions import MAXIMUM, MINIMUM, ProtocolVersion

__all__ = ["Catalog", "HandlerInfo", "ManifestError", "Registration", "Retention", "ServiceInfo"]


@dataclass(frozen=True, slots=True)
class Retention:
    """Milliseconds."""

    completion: int
    journal: int


@dataclass(frozen=True, slots=True)
class HandlerInfo:
    """A handler with everything the runtime needs to know, nothing left open. Milliseconds."""

    name: str
    kind: HandlerKind | None
    public: bool
    lazy_state: bool
    input: InputRules
    output: OutputRules
    inactivity_timeout: int
    abort_timeout: int
    completion_retention: int
    journal_retention: int
    retry_policy: InvocationRetryPolicy
    manifest: Mapping[str, Any]

    def retention(self, has_idempotency_key: bool) -> Retention:
        """How long to keep what: a journal never outlives its completion."""
        if self.kind is HandlerKind.WORKFLOW or has_idempotency_key:
            return Retention(self.completion_retention, min(self.journal_retention, self.completion_retention))
        return Retention(self.journal_retention, self.journal_retention)


@dataclass(frozen=True, slots=True)
class ServiceInfo:
    """A service as one deployment has it."""

    name: str
    kind: ServiceKind
    handlers: Mapping[str, HandlerInfo]
    revision: int
    deployment: str
    public: bool
    manifest: Mapping[str, Any]

    @property
    def retry_policy(self) -> RetryPolicy:
        """As far as the service itself says."""
        return _policy(self.manifest)


@dataclass(frozen=True, slots=True)
class Registration:
    """A deployment that was discovered."""

    id: str
    transport: Deployment
    services: Mapping[str, ServiceInfo]
    min_version: int
    max_version: int
    protocol_mode: str
    created_at: int
    manifest: Mapping[str, Any]
    sdk_version: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Told by whoever has registered it."""
    is_remembered: bool = True
    """Whether a restart of the runtime finds it again; not so for what only lives as long as it."""

    def moved(self, found: Registration, *, overwrite: bool) -> Registration:
        """This one at another place, where that was found; a service keeps its revision."""
        if not overwrite:
            return replace(found, services=self.services, manifest=self.manifest, metadata=self.metadata)
        revisions = {name: known.revision for name, known in self.services.items()}
        services = {name: replace(each, revision=revisions.get(name, 1)) for name, each in found.services.items()}
        return replace(found, services=services, metadata=self.metadata)

    @property
    def http_version(self) -> str:
        """In which its requests are made."""
        remote = self.transport.remote
        return "HTTP/1.1" if remote is not None and remote.use_http_11 else "HTTP/2.0"

    def negotiate(self, maximum: ProtocolVersion) -> ProtocolVersion | None:
        """The newest version that both sides speak."""
        version = min(self.max_version, maximum)
        return ProtocolVersion(version) if version >= max(self.min_version, MINIMUM) else None


@dataclass(slots=True)
class Catalog:
    """What is registered; the latest deployment of a service gets its new invocations."""

    settings: RuntimeSettings
    registrations: dict[str, Registration] = field(default_factory=dict)
    services: dict[str, ServiceInfo] = field(default_factory=dict)

    def add(self, identifier: str, transport: Deployment, manifest: Mapping[str, Any], now: int) -> Registration:
        """Registers a deployment.

        Raises:
            ManifestError: It can't be.
        """
        registration = self.read(identifier, transport, manifest, now)
        self.put(registration)
        return registration

    def put(self, registration: Registration) -> None:
        """Registers what was read, in the place of what had its id."""
        self.registrations[registration.id] = registration
        self._index()

    def remove(self, identifier: str) -> None:
        """Forgets a deployment; services it was the latest of go back to the one before."""
        del self.registrations[identifier]
        self._index()

    def _index(self) -> None:
        """Of each service the latest revision."""
        self.services.clear()
        for registration in self.registrations.values():
            for name, service in registration.services.items():
                known = self.services.get(name)
                if known is None or service.revision >= known.revision:
                    self.services[name] = service

    def change(self, service: ServiceInfo, options: Mapping[str, Any]) -> Registration:
        """Its deployment, with other options of the service than its manifest has, until it is registered anew.

        Args:
            options: By their names in manifests; what a handler says itself still holds for it.
        """
        registration = self.registrations[service.deployment]
        described = {**service.manifest, **options}
        changed = replace(self._service(described, service.deployment), revision=service.revision)
        others = [each for each in registration.manifest["services"] if each["name"] != service.name]
        found = replace(
            registration,
            services={**registration.services, service.name: changed},
            manifest={**registration.manifest, "services": [*others, described]},
        )
        self.put(found)
        return found

    def handler(self, service: str, handler: str) -> HandlerInfo | None:
        """A handler of the latest revision."""
        info = self.services.get(service)
        return None if info is None else info.handlers.get(handler)

    def choose(self, service: str, pinned: str | None) -> Registration | None:
        """The pinned deployment; if it is gone, or there is none, the latest with that service."""
        if pinned is not None and pinned in self.registrations:
            return self.registrations[pinned]
        info = self.services.get(service)
        return None if info is None else self.registrations[info.deployment]

    def read(
        self,
        identifier: str,
        transport: Deployment,
        manifest: Mapping[str, Any],
        now: int,
        *,
        breaking: bool = False,
        recalled: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> Registration:
        """What would be registered.

        Args:
            breaking: Whether a service may be of another kind than it was.
            recalled: Whether it was registered before: with the options that were changed since.
            metadata: Kept with it.

        Raises:
            ManifestError: It can't be.
        """
        try:
            check_manifest(manifest)
            registration = Registration(
                identifier,
                transport,
                {described["name"]: self._service(described, identifier) for described in manifest["services"]},
                manifest["minProtocolVersion"],
                manifest["maxProtocolVersion"],
                manifest["protocolMode"],
                now,
                manifest,
                transport.sdk_version,
                dict(metadata or {}),
            )
        except ManifestError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ManifestError.undecodable(f"the manifest of {transport} is malformed: {error!r}") from error
        self._check_versions(registration)
        if not breaking:
            self._check_kinds(registration)
        if not recalled:
            for described in manifest["services"]:
                check_visibility(described)
        return registration

    def _check_versions(self, registration: Registration) -> None:
        lowest, highest, ours = registration.min_version, registration.max_version, self.settings.max_protocol_version
        if registration.negotiate(ours) is None:
            raise ManifestError(
                f"{registration.transport} speaks service protocol V{lowest} to V{highest}; here"
                f" it is V{MINIMUM.value} to V{ours.value}. Use another SDK version.",
                code="META0012",
                told=(
                    f"unsupported service protocol versions: [{lowest}, {highest}]. Supported versions by this runtime"
                    f" are [{MINIMUM.value}, {MAXIMUM.value}]. Please upgrade the SDK and try registering again."
                ),
            )

    def _check_kinds(self, registration: Registration) -> None:
        for service in registration.services.values():
            known = self.services.get(service.name)
            if known is not None and known.kind is not service.kind:
                raise KindChangedError(service.name, known.kind.value, service.kind.value, str(registration.transport))

    def _service(self, described: Mapping[str, Any], deployment: str) -> ServiceInfo:
        name, kind = described["name"], ServiceKind(described["ty"])
        check_service(described)
        check_numbers(described)
        known = self.services.get(name)
        handlers = {each["name"]: self._handler(each, described, kind) for each in described["handlers"]}
        revision = 1 if known is None else known.revision + 1
        public = not described.get("ingressPrivate", False)
        return ServiceInfo(name, kind, handlers, revision, deployment, public, described)

    def _handler(self, described: Mapping[str, Any], service: Mapping[str, Any], kind: ServiceKind) -> HandlerInfo:
        known = _recent.get(id(described))
        if known is not None and known[0] is service and known[1] is self.settings and known[2].manifest is described:
            return known[2]
        if len(_recent) >= _MOST_REMEMBERED:
            _recent.clear()
        found = self._read_handler(described, service, kind)
        _recent[id(described)] = service, self.settings, found
        return found

    def _read_handler(self, described: Mapping[str, Any], service: Mapping[str, Any], kind: ServiceKind) -> HandlerInfo:
        settings = self.settings
        check_numbers(described)
        check_handler(described, kind)
        check_schemas(described, service["name"])

        def option(name: str, default: Any) -> Any:
            return next((each[name] for each in (described, service) if each.get(name) is not None), default)

        handler_kind = HandlerKind(described["ty"]) if described.get("ty") else _default_kind(kind)
        idempotency = option("idempotencyRetention", millis(settings.idempotency_retention))
        workflow = option("workflowCompletionRetention", millis(settings.workflow_retention))
        return HandlerInfo(
            name=described["name"],
            kind=handler_kind,
            public=not option("ingressPrivate", False),
            lazy_state=option("enableLazyState", False),
            input=input_rules(described.get("input")),
            output=output_rules(described.get("output")),
            inactivity_timeout=option("inactivityTimeout", millis(settings.inactivity_timeout)),
            abort_timeout=option("abortTimeout", millis(settings.abort_timeout)),
            completion_retention=workflow if handler_kind is HandlerKind.WORKFLOW else idempotency,
            journal_retention=option("journalRetention", millis(settings.journal_retention)),
            retry_policy=merge_policies(
                _policy(described), _policy(service), settings.retry_policy, DEFAULT_RETRY_POLICY
            ),
            manifest=described,
        )


_recent: Final[dict[int, tuple[Mapping[str, Any], RuntimeSettings, HandlerInfo]]] = {}
"""The latest handlers that were read, by the identity of what describes them: a crash matrix registers one and the same
manifest dozens of times, which took 4 % of its time."""
_MOST_REMEMBERED: Final = 256


def _default_kind(kind: ServiceKind) -> HandlerKind | None:
    """A handler without a kind has the one that its service's kind suggests, as on the server."""
    return {ServiceKind.VIRTUAL_OBJECT: HandlerKind.EXCLUSIVE, ServiceKind.WORKFLOW: HandlerKind.SHARED}.get(kind)


def _policy(described: Mapping[str, Any]) -> RetryPolicy:
    """The retry options of a service or handler in the manifest."""

    def read(name: str) -> Any:
        return described.get(f"retryPolicy{name}")

    initial, longest, on_max = read("InitialInterval"), read("MaxInterval"), read("OnMaxAttempts")
    return RetryPolicy(
        initial_interval=None if initial is None else initial / 1000,
        factor=read("ExponentiationFactor"),
        max_interval=None if longest is None else longest / 1000,
        max_attempts=read("MaxAttempts"),
        on_max_attempts="kill" if on_max == "KILL" else "pause" if on_max else None,
    )
