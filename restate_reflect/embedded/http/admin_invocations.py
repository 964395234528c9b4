"""``/invocations`` of the admin API: what operators do to an invocation."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from restate_reflect.embedded.http.bodies import empty, invocation_id
from restate_reflect.embedded.http.replies import AdminError
from restate_reflect.embedded.kernel.lifecycle import Reply
from restate_reflect.embedded.runtime import Runtime

__all__ = ["Invocations"]


class Invocations:
    """Requests about invocations."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def operate(self, request: web.Request) -> web.StreamResponse:
        operation = request.match_info["operation"]
        if operation not in _OPERATIONS:
            return empty(404)
        identifier = invocation_id(request)
        if request.query.get("deployment", "keep").lower() not in ("keep", ""):
            self._repin(identifier, request.query["deployment"])
        reply: Reply = getattr(self._runtime, operation.replace("-", "_"))(identifier)
        return _answer(operation, identifier, reply)

    def _repin(self, identifier: str, deployment: str) -> None:
        if deployment.lower() != "latest":
            raise AdminError(501, "the embedded runtime resumes on the kept or the latest deployment only")
        if self._runtime.kernel.find(identifier) is not None:
            self._runtime.repin(identifier)

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """The older way: accepted whatever becomes of it."""
        identifier = invocation_id(request)
        mode = request.query.get("mode", "cancel").lower()
        if mode not in ("cancel", "kill", "purge"):
            text = f"Failed to deserialize query string: mode: unknown variant `{request.query['mode']}`"
            raise web.HTTPBadRequest(text=text)
        getattr(self._runtime, mode)(identifier)
        return empty(202)


_OPERATIONS: Final = frozenset({"cancel", "kill", "purge", "purge-journal", "pause", "resume"})

_REFUSALS: Final[dict[tuple[str, Reply], tuple[int, str]]] = {
    ("cancel", Reply.ALREADY_COMPLETED): (409, "The invocation '{}' was already completed."),
    ("kill", Reply.ALREADY_COMPLETED): (409, "The invocation '{}' was already completed."),
    ("purge", Reply.NOT_COMPLETED): (409, "The invocation '{}' is not yet completed."),
    ("purge-journal", Reply.NOT_COMPLETED): (409, "The invocation '{}' is not yet completed."),
    ("pause", Reply.NOT_RUNNING): (409, "The invocation '{}' is not running, cannot be paused."),
    ("resume", Reply.ALREADY_COMPLETED): (409, "The invocation '{}' is completed, cannot be resumed."),
    ("resume", Reply.NOT_STARTED): (425, "The invocation '{}' is either inboxed or scheduled, cannot be resumed."),
}


def _answer(operation: str, identifier: str, reply: Reply) -> web.Response:
    if reply is Reply.NOT_FOUND:
        raise AdminError(404, f"The requested invocation '{identifier}' does not exist")
    refusal = _REFUSALS.get((operation, reply))
    if refusal is not None:
        raise AdminError(refusal[0], refusal[1].format(identifier))
    return empty(202 if reply is Reply.APPENDED else 200)
