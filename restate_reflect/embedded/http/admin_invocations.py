"""``/invocations`` of the admin API: what operators do to an invocation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from restate_reflect.embedded import ids
from restate_reflect.embedded.http.admin_document import EMPTY, Operation, json_of
from restate_reflect.embedded.http.bodies import empty, invocation_id
from restate_reflect.embedded.http.replies import AdminError, json_reply
from restate_reflect.embedded.kernel.operating import Reply
from restate_reflect.embedded.kernel.restarting import KEEP, LATEST
from restate_reflect.embedded.runtime import Runtime

__all__ = ["Invocations"]


class Invocations:
    """Requests about invocations."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def operations(self) -> tuple[Operation, ...]:
        each, tag, done = "/invocations/{invocation_id}", "invocation", {200: EMPTY}
        accepted = {200: EMPTY, 202: EMPTY}
        restarted = {200: json_of("RestartAsNewInvocationResponse")}
        mode: dict[str, Any] = {"mode": {"type": "string", "enum": ["Cancel", "Kill", "Purge"]}}
        to: dict[str, Any] = {"deployment": {"type": "string", "description": "`Keep`, `Latest`, or an id."}}
        start: dict[str, Any] = {"from": {"type": "integer", "minimum": 0, "maximum": (1 << 32) - 1}}
        return (
            Operation("PATCH", f"{each}/cancel", self.cancel, "cancel_invocation", tag, accepted),
            Operation("PATCH", f"{each}/kill", self.kill, "kill_invocation", tag, done),
            Operation("PATCH", f"{each}/purge", self.purge, "purge_invocation", tag, done),
            Operation("PATCH", f"{each}/purge-journal", self.purge_journal, "purge_journal", tag, done),
            Operation("PATCH", f"{each}/pause", self.pause, "pause_invocation", tag, accepted),
            Operation("PATCH", f"{each}/resume", self.resume, "resume_invocation", tag, done, query=to),
            Operation(
                "PATCH",
                f"{each}/restart-as-new",
                self.restart_as_new,
                "restart_as_new_invocation",
                tag,
                restarted,
                query=start | to,
            ),
            Operation("DELETE", each, self.delete, "delete_invocation", tag, {202: EMPTY}, query=mode),
        )

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        """Has it cancelled: its handler can still clean up."""
        return self._operated(request, "cancel", self._runtime.cancel)

    async def kill(self, request: web.Request) -> web.StreamResponse:
        """Ends it at once; its handler hears nothing of it."""
        return self._operated(request, "kill", self._runtime.kill)

    async def purge(self, request: web.Request) -> web.StreamResponse:
        """Forgets it, after its end."""
        return self._operated(request, "purge", self._runtime.purge)

    async def purge_journal(self, request: web.Request) -> web.StreamResponse:
        """Forgets its journal, after its end."""
        return self._operated(request, "purge-journal", self._runtime.purge_journal)

    async def pause(self, request: web.Request) -> web.StreamResponse:
        """Stops it, until it is resumed."""
        return self._operated(request, "pause", self._runtime.pause)

    def _operated(self, request: web.Request, operation: str, do: Callable[[str], Reply]) -> web.Response:
        identifier = invocation_id(request)
        return _answer(operation, identifier, do(identifier))

    async def resume(self, request: web.Request) -> web.StreamResponse:
        """Has it go on at once, on its deployment or another one."""
        identifier, deployment = invocation_id(request), _deployment(request, KEEP)
        reply = self._runtime.resume(identifier, deployment)
        self._check_compatible(reply, identifier, deployment)
        return _answer("resume", identifier, reply)

    async def restart_as_new(self, request: web.Request) -> web.StreamResponse:
        """Starts a new one with its input, and with the beginning of its journal."""
        identifier, deployment = invocation_id(request), _deployment(request, LATEST)
        reply, new = self._runtime.restart_as_new(identifier, _index(request), deployment)
        self._check_compatible(reply, identifier, deployment)
        _answer("restart-as-new", identifier, reply)
        return json_reply(200, {"new_invocation_id": new})

    def _check_compatible(self, reply: Reply, identifier: str, deployment: str) -> None:
        if reply is not Reply.INCOMPATIBLE:
            return
        invocation, catalog = self._runtime.invocation(identifier), self._runtime.kernel.catalog
        found = catalog.choose(invocation.target.service, None if deployment == LATEST else deployment)
        assert found is not None
        raise AdminError(
            400,
            f"The invocation '{identifier}' is running on protocol version '{invocation.protocol}', while the chosen"
            f" deployment '{found.id}' supports the range {found.min_version}..={found.max_version}.",
        )

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """Cancels, kills or purges it, the older way: accepted whatever becomes of it."""
        identifier = invocation_id(request)
        modes = request.query.getall("mode", ["cancel"])
        if len(modes) > 1:
            raise web.HTTPBadRequest(text="Failed to deserialize query string: duplicate field `mode`")
        if modes[0] not in _MODES:
            unknown = f"mode: unknown variant `{modes[0]}`, expected one of {_SHOWN_MODES}"
            raise web.HTTPBadRequest(text=f"Failed to deserialize query string: {unknown}")
        getattr(self._runtime, modes[0].lower())(identifier)
        return empty(202)


_MODES: Final = ("Cancel", "cancel", "Kill", "kill", "Purge", "purge")
_SHOWN_MODES: Final = ", ".join(f"`{mode}`" for mode in _MODES)


def _deployment(request: web.Request, otherwise: str) -> str:
    """``keep``, ``latest``, or the id of a deployment."""
    asked = request.query.get("deployment", otherwise)
    if asked in (KEEP, KEEP.capitalize(), LATEST, LATEST.capitalize()):
        return asked.lower()
    try:
        ids.check_deployment_id(asked)
    except ids.DeploymentIdError as error:
        raise AdminError(400, f"The query parameter 'deployment' is invalid. Reason: {error}") from None
    return asked


def _index(request: web.Request) -> int:
    text = request.query.get("from", "0")
    is_number = text.isascii() and text.isdigit()
    if is_number and len(text) < 20 and int(text) < 1 << 32:
        return int(text)
    why = "number too large to fit in target type" if is_number else "invalid digit found in string"
    raise web.HTTPBadRequest(text=f"Failed to deserialize query string: from: {why}")


_UNPINNED: Final = (
    "The invocation '{}' is still running or the deployment id is not pinned yet, deployment id cannot be changed."
)

_REFUSALS: Final[dict[tuple[str, Reply], tuple[int, str]]] = {
    ("cancel", Reply.ALREADY_COMPLETED): (409, "The invocation '{}' was already completed."),
    ("kill", Reply.ALREADY_COMPLETED): (409, "The invocation '{}' was already completed."),
    ("purge", Reply.NOT_COMPLETED): (409, "The invocation '{}' is not yet completed."),
    ("purge-journal", Reply.NOT_COMPLETED): (409, "The invocation '{}' is not yet completed."),
    ("pause", Reply.NOT_RUNNING): (409, "The invocation '{}' is not running, cannot be paused."),
    ("resume", Reply.ALREADY_COMPLETED): (409, "The invocation '{}' is completed, cannot be resumed."),
    ("resume", Reply.NOT_STARTED): (425, "The invocation '{}' is either inboxed or scheduled, cannot be resumed."),
    ("resume", Reply.NOT_PINNED): (409, _UNPINNED),
    ("resume", Reply.NO_DEPLOYMENT): (
        400,
        "The given deployment was not found when trying to resume the invocation '{}'.",
    ),
    ("restart-as-new", Reply.NOT_COMPLETED): (409, "The invocation '{}' is still running."),
    ("restart-as-new", Reply.NOT_STARTED): (
        425,
        "The invocation '{}' cannot be restarted because it's not running yet.",
    ),
    ("restart-as-new", Reply.UNSUPPORTED): (
        422,
        "Restarting the invocation '{}' is not supported. Restarting workflows is not supported, and restarting"
        " invocations created using the old service protocol.",
    ),
    ("restart-as-new", Reply.NO_INPUT): (
        410,
        "The invocation '{}' cannot be restarted because the input is not available. This indicates that the journal"
        " was already purged, or not retained at all.",
    ),
    ("restart-as-new", Reply.OUT_OF_RANGE): (
        400,
        "The given index is out of range of currently stored journal for invocation '{}'.",
    ),
    ("restart-as-new", Reply.NOT_PINNED): (409, _UNPINNED),
    ("restart-as-new", Reply.NO_DEPLOYMENT): (
        400,
        "The given deployment was not found when trying to restart as new the invocation '{}'.",
    ),
}


def _answer(operation: str, identifier: str, reply: Reply) -> web.Response:
    if reply is Reply.NOT_FOUND:
        raise AdminError(404, f"The requested invocation '{identifier}' does not exist")
    refusal = _REFUSALS.get((operation, reply))
    if refusal is not None:
        raise AdminError(refusal[0], refusal[1].format(identifier))
    return empty(202 if reply is Reply.APPENDED else 200)
