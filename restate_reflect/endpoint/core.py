"""The endpoint without a transport: which request is answered how.

HTTP/2, aiohttp, ASGI and AWS Lambda bring requests; this decides. Paths may have any prefix.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, get_args

from restate_reflect.definitions import HandlerDefinition, ServiceDefinition
from restate_reflect.durable.attempt import Attempt
from restate_reflect.durable.environment import Environment, Sink
from restate_reflect.durable.guards import Guard
from restate_reflect.durable.routes import Plan
from restate_reflect.endpoint.hosts import is_this_machine
from restate_reflect.endpoint.identity import IdentityError, IdentityVerifier
from restate_reflect.endpoint.limits import DEFAULT_LIMITS, EndpointLimits
from restate_reflect.endpoint.resources import DISCOVER, HEALTH, KNOWN_METHODS, SERVER, Resource, find_resource
from restate_reflect.engine.ending import AttemptError
from restate_reflect.http2.encoder import response_block
from restate_reflect.interceptors import combined, hooks_of
from restate_reflect.manifest import build_manifest, content_type, negotiate
from restate_reflect.options import ErrorDetails
from restate_reflect.protocol.versions import MAXIMUM, MINIMUM, ProtocolVersion
from restate_reflect.reflection import TargetDirectory, reflect_all

if TYPE_CHECKING:  # loaded where there is a chain
    from restate_reflect.durable.translated import TranslatedAttempt
    from restate_reflect.payloads import Chain

__all__ = ["SERVER_HEADER", "Accepted", "Answer", "Core", "ProtocolMode", "core_of", "refuse_oversized", "text_answer"]

ProtocolMode = Literal["BIDI_STREAM", "REQUEST_RESPONSE"]


def _installed_version() -> str:
    try:
        return version("restate-reflect")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "0.0.0"


SERVER_HEADER: Final = ("x-restate-server", f"restate-reflect/{_installed_version()}")


class Answer(NamedTuple):
    """A complete response, but for the date, which belongs to whoever speaks HTTP."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(slots=True, eq=False)
class Accepted:
    """An invocation that may start; its response has status 200 and these headers."""

    plan: Plan
    version: ProtocolVersion
    headers: tuple[tuple[str, str], ...]
    block: bytes
    """The response's head in HTTP/2: made once, as all of a handler's are the same."""


class Core:
    """Services, and what is needed to run their handlers."""

    def __init__(
        self,
        services: Iterable[ServiceDefinition],
        *,
        identity_keys: Sequence[str] = (),
        limits: EndpointLimits = DEFAULT_LIMITS,
        guard: Guard = Guard.OFF,
        executor: Executor | None = None,
        max_protocol_version: ProtocolVersion = MAXIMUM,
        error_details: ErrorDetails = "full",
        interceptors: Iterable[object] = (),
        payloads: Chain | Iterable[object] = (),
    ) -> None:
        """Args:
        identity_keys: Public keys (``publickeyv1_…``); if any, unsigned requests get a 401.
        executor: For steps that are plain functions; ``None``: the event loop's default.
        max_protocol_version: Newest service protocol version to offer.
        error_details: Of services and handlers whose options do not say it.
        interceptors: Around those of the services, outermost first.
        payloads: What is done to payloads, in the order of writing.

        Raises:
            TypeError: Something is no interceptor, or no codec of payloads.
            ValueError: The order of these codecs would defeat one of them.
        """
        self.payloads = None if payloads == () else _chain_of(payloads)
        self.services = {service.name: service for service in services}
        everywhere = hooks_of(interceptors)
        self._hooks = {
            service.name: combined(everywhere, hooks_of(service.options.interceptors or ()))
            for service in self.services.values()
        }
        self.limits = limits
        self.max_protocol_version = max_protocol_version
        self._identity = IdentityVerifier(identity_keys) if identity_keys else None
        self._guard = guard
        self._executor = executor
        self._error_details: ErrorDetails = error_details
        self._directory = TargetDirectory(self.services.values())
        self._names = frozenset(self.services)
        self._environment: Environment[Attempt] | None = None
        self.local_only = False
        """Whether requests must name this machine in ``Host``: for an endpoint beside a browser. To be set before the
        first request."""
        self.described: Callable[[ServiceDefinition], ServiceDefinition] | None = None
        """What a service is in the manifest, if that is not itself: ``manifest.patient``, say."""
        self.on_answer: Callable[[str, str, int], object] | None = None
        """Told of every request that starts no attempt: method, path and status."""
        self.accepted: dict[str | None, dict[str, Accepted]] = {}
        """By content type and path, of requests that need no signature: what ``answer`` has found before."""

    # ------------------------------------------------------------ requests

    def answer(self, method: str, path: str, headers: Mapping[str, str], mode: ProtocolMode) -> Answer | Accepted:
        """Decides on a request by its head alone; its body need not be read for an ``Answer``.

        ``path`` is as it was sent, ``headers`` have lower-case names; a query string is ignored. One that was accepted
        before, by a path without query, is two look-ups (0.2 µs instead of 2).
        """
        if method == "POST" and "content-encoding" not in headers:
            by_path = self.accepted.get(headers.get("content-type"))
            known = None if by_path is None else by_path.get(path)
            if known is not None:
                return known
        decision = self._decide(method, path.partition("?")[0], headers, mode)
        if self.on_answer is not None and isinstance(decision, Answer):
            self.on_answer(method, path, decision.status)
        if method == "HEAD" and isinstance(decision, Answer):
            return decision._replace(body=b"")  # RFC 9110 section 9.3.2: the headers of GET, content-length included
        return decision

    def _decide(self, method: str, path: str, headers: Mapping[str, str], mode: ProtocolMode) -> Answer | Accepted:
        if method not in KNOWN_METHODS:
            return text_answer(501, f"the method {method[:32]!r} is not implemented here")
        if self.local_only and not is_this_machine(headers.get("host", "")):
            return text_answer(403, f"asked for as {headers.get('host')!r}; this endpoint answers to localhost only")
        resource = find_resource(path)
        refusal = None if resource is HEALTH or resource is SERVER else self._refuse_unsigned(headers, path)
        if refusal is not None:
            return refusal
        if resource is None:
            return text_answer(
                404, f"nothing at {path}; there are /discover, /health and /invoke/{{service}}/{{handler}}"
            )
        if method not in resource.methods:
            return text_answer(405, f"use {resource.methods[0]}", ("allow", resource.allow))
        if method == "OPTIONS":
            return Answer(204, (("allow", resource.allow), SERVER_HEADER), b"")
        if resource is HEALTH:
            return text_answer(200, "ok")
        if resource is DISCOVER:
            return self._discover(headers.get("accept"), mode)
        return self._accept(path, resource, headers)

    def _refuse_unsigned(self, headers: Mapping[str, str], path: str) -> Answer | None:
        if self._identity is None:
            return None
        try:
            self._identity.verify(headers, path)
        except IdentityError as error:
            return text_answer(401, str(error), _CHALLENGE)
        return None

    def _discover(self, accept: str | None, mode: ProtocolMode) -> Answer:
        manifest_version = negotiate(accept)
        if manifest_version is None:
            return text_answer(415, f"no known manifest version in accept: {accept}")
        manifest = build_manifest(
            map(self.described, self.services.values()) if self.described else self.services.values(),
            version=manifest_version,
            protocol_mode=mode,
            min_protocol_version=MINIMUM,
            max_protocol_version=self.max_protocol_version,
        )
        return _answer(200, content_type(manifest_version), json.dumps(manifest).encode())

    def _accept(self, path: str, resource: Resource, head: Mapping[str, str]) -> Answer | Accepted:
        found = self._find(resource.service, resource.handler)
        if isinstance(found, Answer):
            return found
        requested = head.get("content-type")
        protocol = ProtocolVersion.from_content_type(requested)
        if protocol is None or protocol > self.max_protocol_version:
            return text_answer(415, _unsupported(requested, self.max_protocol_version))
        coding = head.get("content-encoding", "identity")
        if coding.lower() != "identity":
            why = f"content-encoding {coding[:32]!r} is not understood here; restate-server sends journals as they are"
            return text_answer(415, why, ("accept-encoding", "identity"))
        headers = (("content-type", protocol.content_type), SERVER_HEADER)
        accepted = Accepted(Plan(*found, self._hooks[found[0].name]), protocol, headers, response_block(200, headers))
        by_path = self.accepted.setdefault(requested, {})
        if (
            self._identity is None and not self.local_only and len(by_path) < 10_000
        ):  # paths come from the peer, prefixes included
            by_path[path] = accepted
        return accepted

    def _find(self, service_name: str, handler_name: str) -> tuple[ServiceDefinition, HandlerDefinition] | Answer:
        service = self.services.get(service_name)
        if service is None:
            return text_answer(404, f"no service {service_name!r} here; served are {', '.join(sorted(self.services))}")
        handler = service.handlers.get(handler_name)
        if handler is None:
            known = ", ".join(service.handlers)
            return text_answer(404, f"service {service_name!r} has no handler {handler_name!r}; it has {known}")
        return service, handler

    # ------------------------------------------------------------ attempts

    def start(self, accepted: Accepted, sink: Sink, headers: Mapping[str, str]) -> Attempt | TranslatedAttempt:
        """Begins an attempt; must be called on the running event loop."""
        if self.payloads is None:
            return Attempt(accepted.plan, accepted.version, sink, self.environment, headers)
        from restate_reflect.durable.translated import translated

        return translated(
            accepted.plan,
            accepted.version,
            sink,
            self.environment,
            headers,
            self.payloads,
            services=self._names,
            max_message_bytes=self.limits.max_message_bytes,
        )

    @property
    def environment(self) -> Environment[Attempt]:
        """Shared by all attempts; bound to the event loop that is running at its first use."""
        loop = asyncio.get_running_loop()
        if self._environment is None or self._environment.loop is not loop:
            self._environment = Environment(
                self._directory,
                loop,
                self._executor,
                self._guard,
                max_message_bytes=self._max_plain_message_bytes(),
                error_details=self._error_details,
            )
        return self._environment

    def _max_plain_message_bytes(self) -> int:
        """A message whose payload was decoded may be longer than what the server sends."""
        more = 0 if self.payloads is None else max(self.payloads.max_bytes, self._max_input_bytes())
        return self.limits.max_message_bytes + more

    def _max_input_bytes(self) -> int:
        return max(
            (each.max_input_bytes(handler) for each in self.services.values() for handler in each.handlers.values()),
            default=0,
        )

    async def drain(self, timeout: float) -> None:
        """Lets attempts finish or suspend; those left after ``timeout`` seconds are interrupted."""
        attempts = self.environment.attempts
        self.environment.draining = True
        try:
            for attempt in list(attempts):
                attempt.drain()
            await self.environment.wait_until_idle(timeout)
        finally:
            self.environment.draining = False
        for attempt in list(attempts):
            attempt.interrupt("the endpoint is shutting down")


def core_of(
    services: Sequence[object],
    *,
    identity_keys: Sequence[str] = (),
    limits: EndpointLimits = DEFAULT_LIMITS,
    guard: Guard | str = Guard.OFF,
    executor: Executor | None = None,
    max_protocol_version: int = MAXIMUM,
    error_details: ErrorDetails = "message",
    interceptors: Iterable[object] = (),
    payloads: Chain | Iterable[object] = (),
) -> Core:
    """From classes, instances or definitions, and options as ``endpoint(...)`` takes them; a core stands for itself.

    Raises:
        ReflectionError: With every problem of every class.
        TypeError: Something is no interceptor, or no codec of payloads.
        ValueError: The order of these codecs would defeat one of them.
    """
    if len(services) == 1 and isinstance(services[0], Core):
        return services[0]
    if error_details not in get_args(ErrorDetails):
        raise ValueError(f"error_details is {error_details!r}; there are {', '.join(get_args(ErrorDetails))}")
    return Core(
        reflect_all(services),
        identity_keys=identity_keys,
        limits=limits,
        guard=Guard(guard),
        executor=executor,
        max_protocol_version=ProtocolVersion(max_protocol_version),
        error_details=error_details,
        interceptors=interceptors,
        payloads=payloads,
    )


def refuse_oversized(attempt: Attempt | TranslatedAttempt) -> None:
    """Ends an attempt whose request exceeds ``EndpointLimits.max_request_bytes``."""
    message = "the request exceeds EndpointLimits.max_request_bytes. Raise it, or keep journals smaller."
    attempt.engine.fail(AttemptError(413, message))
    attempt.interrupt(message)  # writes that failure: the first one counts


def _chain_of(payloads: Chain | Iterable[object]) -> Chain | None:
    from restate_reflect.payloads import chain_of  # with hashlib and more, which few need

    return chain_of(payloads)


_CHALLENGE: Final = ("www-authenticate", "Restate-Signature")
"""RFC 9110 section 11.6.1 wants one with each 401."""


def text_answer(status: int, text: str, *headers: tuple[str, str]) -> Answer:
    """For people."""
    return _answer(status, "text/plain; charset=utf-8", text.encode(errors="backslashreplace"), *headers)


def _answer(status: int, kind: str, body: bytes, *headers: tuple[str, str]) -> Answer:
    length = ("content-length", str(len(body)))
    return Answer(status, (("content-type", kind), length, *headers, SERVER_HEADER), body)


def _unsupported(requested: str | None, maximum: ProtocolVersion) -> str:
    return (
        f"content-type {requested!r} is not a service protocol version spoken here"
        f" ({MINIMUM.content_type} to {maximum.content_type}). Register the deployment again."
    )
