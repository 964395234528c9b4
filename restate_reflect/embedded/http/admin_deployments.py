"""``/deployments`` of the admin API: register, list, describe, remove."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web

from restate_reflect.embedded import ids
from restate_reflect.embedded.deployments.catalog import Registration
from restate_reflect.embedded.deployments.connect import Connect
from restate_reflect.embedded.deployments.refusals import ManifestError
from restate_reflect.embedded.deployments.transport import Deployment, TransportError
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


class Deployments:
    """Requests about deployments."""

    def __init__(self, runtime: Runtime, connect: Connect | None) -> None:
        self._runtime, self._connect = runtime, connect

    async def all(self, request: web.Request) -> web.StreamResponse:
        views = [deployment_view(each, _revisions(each)) for each in self._runtime.deployments]
        return json_reply(200, {"deployments": views})

    async def one(self, request: web.Request) -> web.StreamResponse:
        identifier = _identifier(request)
        registration = self._runtime.kernel.catalog.registrations.get(identifier)
        if registration is None:
            raise AdminError(404, f"The requested deployment '{identifier}' does not exist")
        services = [service_view(each, self._runtime.settings) for each in registration.services.values()]
        return json_reply(200, deployment_view(registration, services))

    async def remove(self, request: web.Request) -> web.StreamResponse:
        """Only by force: nobody waits here until a deployment is drained."""
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

    # ------------------------------------------------------------ registering

    async def register(self, request: web.Request) -> web.StreamResponse:
        version = api_version(request)
        wish = _read_wish(await read_json(request), version)
        known = next((each for each in self._runtime.deployments if each.transport.address == wish.uri), None)
        if known is None:
            return self._registered(await self._register(wish, None), 201)
        if wish.force:
            return self._registered(await self._register(wish, known), 201 if version == _FORCES_UNLESS_TOLD else 200)
        if version == _FORCES_UNLESS_TOLD:
            raise AdminError(409, f"Conflict: deployment {known.id} already exists")
        return self._registered(known, 200)

    async def _register(self, wish: _Wish, known: Registration | None) -> Registration:
        if self._connect is None:
            raise AdminError(501, "this embedded runtime serves only its own process; use restate-server")
        try:
            deployment = self._connect(wish.uri, wish.headers, wish.use_http_11)
        except TransportError as error:
            raise AdminError(400, str(error)) from None
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

    async def _discovered(self, deployment: Deployment, wish: _Wish, known: Registration | None) -> Registration:
        try:
            return await self._runtime.register(
                deployment,
                deployment_id=known.id if known else None,
                breaking=wish.breaking or wish.force,
                dry_run=wish.dry_run,
                metadata=wish.metadata,
            )
        except TransportError as error:
            raise _coded(500, f"error when calling '{wish.uri}': {error}", "META0003", twice=True) from None
        except ManifestError as error:
            raise _coded(error.status, error.told, error.code, twice=error.status == 500) from None

    def _registered(self, registration: Registration, status: int) -> web.Response:
        view = registration_view(registration, self._runtime.settings)
        return json_reply(status, view, {"location": f"deployments/{registration.id}"})


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


def _absolute(uri: str) -> str:
    """With a slash at the end, so that one place has one address."""
    try:
        parts = urlsplit(uri)
    except ValueError:  # brackets, ports
        raise unfit("data did not match any variant of untagged enum RegisterDeploymentRequest") from None
    if "://" not in uri or not parts.scheme or not parts.netloc:
        raise AdminError(
            400,
            f"The request field 'uri' is invalid. Reason: The provided uri {uri} is not absolute, only absolute URIs"
            " can be used.",
        )
    return uri if uri.endswith("/") else f"{uri}/"
