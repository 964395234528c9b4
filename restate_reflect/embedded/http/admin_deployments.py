"""``/deployments`` of the admin API: register, list, describe, move, remove."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web

from restate_reflect.embedded import ids
from restate_reflect.embedded.deployments.catalog import Registration
from restate_reflect.embedded.deployments.connect import Connect
from restate_reflect.embedded.deployments.refusals import ManifestError
from restate_reflect.embedded.deployments.transport import Deployment, RemoteAddress, TransportError
from restate_reflect.embedded.http.admin_document import EMPTY, Operation, json_of
from restate_reflect.embedded.http.admin_views import deployment_view, registration_view, service_view
from restate_reflect.embedded.http.bodies import api_version, empty, is_text_map, read_json, unfit
from restate_reflect.embedded.http.replies import AdminError, json_reply
from restate_reflect.embedded.runtime import Runtime

__all__ = ["Deployments"]

_FORCES_UNLESS_TOLD: Final = 2
"""The version of the admin API in which a registration replaces what has its address, unless it says otherwise. It
also answers 201 for that, and 409 if nothing is replaced; later ones answer 200 for both."""


@dataclass(frozen=True, slots=True)
class _Wish:
    """The body of a registration."""

    uri: str
    headers: Mapping[str, str]
    metadata: Mapping[str, str]
    use_http_11: bool
    force: bool
    breaking: bool
    dry_run: bool


@dataclass(frozen=True, slots=True)
class _Move:
    """The body of a request to lead a deployment elsewhere."""

    to: RemoteAddress
    overwrite: bool
    dry_run: bool


class Deployments:
    """Requests about deployments."""

    def __init__(self, runtime: Runtime, connect: Connect | None) -> None:
        self._runtime, self._connect = runtime, connect

    def operations(self) -> tuple[Operation, ...]:
        listed, one = json_of("ListDeploymentsResponse"), json_of("DetailedDeploymentResponse")
        registered, tag, each = json_of("RegisterDeploymentResponse"), "deployment", "/deployments/{deployment}"
        wish, move = "RegisterDeploymentRequest", "UpdateDeploymentRequest"
        answers = {200: registered, 201: registered}
        force: dict[str, Any] = {"force": {"type": "boolean", "default": False}}
        return (
            Operation("GET", "/deployments", self.all, "list_deployments", tag, {200: listed}),
            Operation("POST", "/deployments", self.register, "create_deployment", tag, answers, wish),
            Operation("GET", each, self.one, "get_deployment", tag, {200: one}),
            Operation("PATCH", each, self.move, "update_deployment", tag, {200: one}, move),
            Operation("PUT", each, self.put, "replace_deployment", tag, {200: one}, move, deprecated=True),
            Operation("DELETE", each, self.remove, "delete_deployment", tag, {202: EMPTY}, query=force),
        )

    async def all(self, request: web.Request) -> web.StreamResponse:
        """All deployments."""
        views = [deployment_view(each, _revisions(each)) for each in self._runtime.deployments]
        return json_reply(200, {"deployments": views})

    async def one(self, request: web.Request) -> web.StreamResponse:
        """A deployment with its services."""
        return self._described(self._known(request))

    def _known(self, request: web.Request) -> Registration:
        identifier = _identifier(request)
        registration = self._runtime.kernel.catalog.registrations.get(identifier)
        if registration is None:
            raise AdminError(404, f"The requested deployment '{identifier}' does not exist")
        return registration

    def _described(self, registration: Registration) -> web.Response:
        services = [service_view(each, self._runtime.settings) for each in registration.services.values()]
        return json_reply(200, deployment_view(registration, services))

    async def remove(self, request: web.Request) -> web.StreamResponse:
        """Forgets a deployment. Only by force: nobody waits here until it is drained."""
        identifier, force = _identifier(request), request.query.get("force", "false")
        if force not in ("true", "false"):
            text = "Failed to deserialize query string: force: provided string was not `true` or `false`"
            raise web.HTTPBadRequest(text=text)
        if force == "false":
            return empty(501)
        if identifier not in self._runtime.kernel.catalog.registrations:
            raise AdminError(404, f"not found in the schema registry: deployment with id '{identifier}'")
        await self._runtime.unregister(identifier)
        return empty(202)

    # ------------------------------------------------------------ moving

    async def move(self, request: web.Request) -> web.StreamResponse:
        """Leads a deployment to another address: what runs on it goes on there."""
        body, known = await self._body_and_deployment(request)
        remote = known.transport.remote
        if remote is None:
            raise AdminError(501, "this deployment lives in the runtime's process; register its code anew")
        move = _read_move(body, remote)
        if move is None:
            return self._described(known)
        deployment = self._connected(move.to)
        is_used = False
        try:
            moved = await self._moved(deployment, known, move)
            is_used = not move.dry_run
        finally:
            if not is_used:
                await deployment.close()
        if is_used:
            await known.transport.close()
        return self._described(moved)

    async def _moved(self, deployment: Deployment, known: Registration, move: _Move) -> Registration:
        with _told(move.to.uri):
            return await self._runtime.move(known, deployment, overwrite=move.overwrite, dry_run=move.dry_run)

    async def _body_and_deployment(self, request: web.Request) -> tuple[dict[str, Any], Registration]:
        """The server looks at the form of both before it looks for the deployment."""
        _identifier(request)
        return await read_json(request, "UpdateDeploymentRequest"), self._known(request)

    async def put(self, request: web.Request) -> web.StreamResponse:
        """As PATCH, in the second version of the API."""
        _identifier(request)
        await read_json(request, "UpdateDeploymentRequest")
        if api_version(request) != _FORCES_UNLESS_TOLD:
            raise AdminError(405, "PUT deployment is deprecated, use PATCH instead")
        return await self.move(request)

    # ------------------------------------------------------------ registering

    async def register(self, request: web.Request) -> web.StreamResponse:
        """Discovers the services at an address; new requests to them go there."""
        version = api_version(request)
        wish = _read_wish(await read_json(request, "RegisterDeploymentRequest"), version)
        known = next((each for each in self._runtime.deployments if each.transport.address == wish.uri), None)
        if known is None:
            return self._registered(await self._register(wish, None), 201)
        if wish.force:
            return self._registered(await self._register(wish, known), 201 if version == _FORCES_UNLESS_TOLD else 200)
        if version == _FORCES_UNLESS_TOLD:
            raise AdminError(409, f"Conflict: deployment {known.id} already exists")
        return self._registered(known, 200)

    async def _register(self, wish: _Wish, known: Registration | None) -> Registration:
        deployment = self._connected(RemoteAddress(wish.uri, wish.headers, wish.use_http_11))
        is_used = False
        try:
            registration = await self._discovered(deployment, wish, known)
            is_used = not wish.dry_run
        finally:
            if not is_used:
                await deployment.close()
        if known is not None and is_used:
            await known.transport.close()
        return registration

    def _connected(self, to: RemoteAddress) -> Deployment:
        if self._connect is None:
            raise AdminError(501, "this embedded runtime serves only its own process; use restate-server")
        try:
            return self._connect(to.uri, to.headers, to.use_http_11)
        except TransportError as error:
            raise AdminError(400, str(error)) from None

    async def _discovered(self, deployment: Deployment, wish: _Wish, known: Registration | None) -> Registration:
        with _told(wish.uri):
            return await self._runtime.register(
                deployment,
                deployment_id=known.id if known else None,
                breaking=wish.breaking or wish.force,
                dry_run=wish.dry_run,
                metadata=wish.metadata,
            )

    def _registered(self, registration: Registration, status: int) -> web.Response:
        view = registration_view(registration, self._runtime.settings)
        return json_reply(status, view, {"location": f"deployments/{registration.id}"})


@contextmanager
def _told(uri: str) -> Iterator[None]:
    """What a discovery fails with, in restate-server's words."""
    try:
        yield
    except TransportError as error:
        raise _coded(500, f"error when calling '{uri}': {error}", "META0003", twice=True) from None
    except ManifestError as error:
        raise _coded(error.status, error.told, error.code, twice=error.status == 500) from None


def _coded(status: int, message: str, code: str | None, *, twice: bool) -> AdminError:
    """With the code in the message, as restate-server has it: errors of a discovery pass through two hands there."""
    prefix = "" if code is None else f"[{code}] " * (2 if twice else 1)
    return AdminError(status, f"{prefix}{message}", code)


def _identifier(request: web.Request) -> str:
    identifier = request.match_info["deployment"]
    try:
        ids.check_deployment_id(identifier)
    except ids.DeploymentIdError as error:
        text = f"Invalid URL: Cannot parse `deployment` with value `{identifier}`: {error}"
        raise web.HTTPBadRequest(text=text) from None
    return identifier


def _revisions(registration: Registration) -> list[dict[str, Any]]:
    return [{"name": each.name, "revision": each.revision} for each in registration.services.values()]


def _read_wish(body: Mapping[str, Any], version: int) -> _Wish:
    if "arn" in body and "uri" not in body:
        raise AdminError(501, "the embedded runtime does not cover AWS Lambda; use restate-server")
    headers, metadata, force = body.get("additional_headers"), body.get("metadata", {}), body.get("force")
    flags = [body.get(name, False) for name in ("use_http_11", "breaking", "dry_run")]
    fits = (
        isinstance(body.get("uri"), str)
        and (headers is None or is_text_map(headers))
        and isinstance(metadata, dict)
        and all(isinstance(value, str) for value in metadata.values())
        and all(isinstance(flag, bool) for flag in flags)
        and (force is None or isinstance(force, bool))
    )
    if not fits:
        raise unfit("data did not match any variant of untagged enum RegisterDeploymentRequest")
    if body.get("auth") is not None:
        raise AdminError(501, "the embedded runtime does not cover tokens of cloud providers; use restate-server")
    forced = version == _FORCES_UNLESS_TOLD if force is None else force
    return _Wish(_absolute(body["uri"]), headers or {}, metadata, flags[0], forced, flags[1], flags[2])


def _read_move(body: Mapping[str, Any], remote: RemoteAddress) -> _Move | None:
    """``None``: it asks for neither address nor headers, or can't be read; restate-server changes nothing then."""
    if "arn" in body and "uri" not in body:
        raise AdminError(501, "the embedded runtime does not cover AWS Lambda; use restate-server")
    uri, headers, use_http_11 = body.get("uri"), body.get("additional_headers"), body.get("use_http_11")
    flags = [body.get(name, False) for name in ("overwrite", "dry_run")]
    fits = (
        (uri is None or isinstance(uri, str))
        and (headers is None or is_text_map(headers))
        and (use_http_11 is None or isinstance(use_http_11, bool))
        and all(isinstance(flag, bool) for flag in flags)
    )
    if not fits or (uri is None and headers is None):
        return None
    to = RemoteAddress(
        remote.uri if uri is None else _absolute(uri),
        remote.headers if headers is None else headers,
        remote.use_http_11 if uri is None else bool(use_http_11),  # it is asked for with an address
    )
    return _Move(to, overwrite=flags[0], dry_run=flags[1])


def _absolute(uri: str) -> str:
    """With a slash at the end, so that one place has one address."""
    try:
        parts = urlsplit(uri)
        if not uri or uri.endswith("://") or not uri.isprintable() or " " in uri:
            raise ValueError(uri)
    except ValueError:  # brackets, ports, and what else can't be in one
        raise unfit("data did not match any variant of untagged enum RegisterDeploymentRequest") from None
    if "://" not in uri or not parts.scheme or not parts.netloc:
        raise AdminError(
            400,
            f"The request field 'uri' is invalid. Reason: The provided uri {uri} is not absolute, only absolute URIs"
            " can be used.",
        )
    return uri if uri.endswith("/") else f"{uri}/"
