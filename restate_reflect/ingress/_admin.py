"""The admin API, for tools: deployments, services, invocations, SQL, state."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlencode

import aiohttp
from pydantic_core import to_json

from restate_reflect.ingress import _admin_data as data
from restate_reflect.ingress._answers import Answer
from restate_reflect.ingress._errors import TransportError
from restate_reflect.ingress._requests import Request
from restate_reflect.ingress._transport import DEFAULT_RETRY, Transport
from restate_reflect.options import Duration, RetryPolicy
from restate_reflect.server import AdminError

if TYPE_CHECKING:  # loaded where there are some
    from restate_reflect.payloads import Chain

__all__ = ["AdminClient", "AdminConflictError", "AdminNotFoundError", "chain_of"]


class AdminNotFoundError(AdminError):
    """404: no such deployment, service or invocation."""


class AdminConflictError(AdminError):
    """409: the thing is in another state than the request needs, such as an invocation that is finished."""


class AdminClient:
    """A client of the admin API; ``async with``, or ``await client.close()`` at the end.

    Args:
        url: Port 9070 by default; several of a cluster, asked as ``Client`` does. It has no access control of its own:
            keep it private.
        headers: Sent along with every request.
        timeout: For one request, repetitions included; a registration waits for the endpoint's manifest.
        retry: For requests that only read, and for connections that could not be made.
        session: Used and left open; without it one is made on first use.
        payloads: As the services' endpoint has them: journals are shown, state is read and written in plain.

    Every method raises ``AdminError`` (``status`` is ``None`` if there was no answer), for 404 its subclass
    ``AdminNotFoundError`` and for 409 ``AdminConflictError``.
    """

    def __init__(
        self,
        url: str | Sequence[str] = "http://127.0.0.1:9070",
        *,
        headers: Mapping[str, str] | None = None,
        timeout: Duration | None = 30.0,
        retry: RetryPolicy = DEFAULT_RETRY,
        session: aiohttp.ClientSession | None = None,
        payloads: Chain | Iterable[object] = (),
    ) -> None:
        self.payloads = chain_of(payloads)
        self._transport = Transport(
            url, headers=headers, timeout=timeout, retry=retry, session=session, what="admin API of a restate-server"
        )

    @property
    def url(self) -> str:
        """The base URL that is asked first at present, without a slash at the end."""
        return self._transport.url

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        await self._transport.close()

    # -- deployments and services

    async def register(
        self,
        url: str,
        *,
        force: bool = False,
        breaking: bool = False,
        use_http_11: bool = False,
        dry_run: bool = False,
        additional_headers: Mapping[str, str] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> data.Registration:
        """Has the server discover the deployment at ``url``.

        Args:
            force: Replaces a deployment under the same URL; invocations that run on it may not survive that.
            breaking: Allows changes that callers would notice, such as another kind of service.
            use_http_11: Request-response over HTTP/1.1 in place of HTTP/2.
            dry_run: Discovers and checks, but registers nothing.
            additional_headers: Sent along with every request to the deployment.
            metadata: Kept with the deployment.
        """
        body: dict[str, Any] = {"uri": url, "force": force, "breaking": breaking, "use_http_11": use_http_11}
        body |= {"dry_run": True} if dry_run else {}
        body |= {"additional_headers": dict(additional_headers)} if additional_headers else {}
        body |= {"metadata": dict(metadata)} if metadata else {}
        return data.registration(await self.request("POST", "/deployments", body))

    async def deployments(self) -> tuple[data.Deployment, ...]:
        """All of them, oldest first."""
        found = [data.deployment(each) for each in (await self.request("GET", "/deployments"))["deployments"]]
        return tuple(sorted(found, key=lambda each: (each.created_at, each.id)))

    async def delete_deployment(self, deployment_id: str) -> None:
        """Removes a deployment with its services; what still runs there fails."""
        await self.request("DELETE", f"/deployments/{_part(deployment_id)}?force=true")

    async def services(self) -> tuple[data.ServiceInfo, ...]:
        """All of them, by name."""
        found = [data.service(each) for each in (await self.request("GET", "/services"))["services"]]
        return tuple(sorted(found, key=lambda each: each.name))

    async def service(self, name: str) -> data.ServiceInfo:
        """One service."""
        return data.service(await self.request("GET", f"/services/{_part(name)}"))

    async def service_openapi(self, name: str) -> dict[str, Any]:
        """What the server itself publishes."""
        document: dict[str, Any] = await self.request("GET", f"/services/{_part(name)}/openapi")
        return document

    # -- invocations

    async def invocations(
        self,
        *,
        service: str | None = None,
        handler: str | None = None,
        key: str | None = None,
        status: str | None = None,
        deployment: str | None = None,
        unfinished: bool = False,
        success: bool | None = None,
        since: datetime | None = None,
        invoked_by_id: str | None = None,
        limit: int = 100,
    ) -> tuple[data.InvocationInfo, ...]:
        """Those that fit every condition, newest first.

        Args:
            success: How they have ended.
            since: Made then or later; with a time zone.
            invoked_by_id: Of the invocation that called them.
        """
        equal = {
            "target_service_name": service,
            "target_handler_name": handler,
            "target_service_key": key,
            "status": status,
            "pinned_deployment_id": deployment,
            "invoked_by_id": invoked_by_id,
            "completion_result": None if success is None else "success" if success else "failure",
        }
        conditions = [f"{column} = {_literal(value)}" for column, value in equal.items() if value is not None]
        conditions += ["status <> 'completed'"] if unfinished else []
        conditions += [] if since is None else [f"created_at >= {_literal(_utc(since))}"]
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        rows = await self.query(f"SELECT * FROM sys_invocation{where} ORDER BY created_at DESC LIMIT {limit:d}")
        return tuple(data.invocation(row) for row in rows)

    async def invocation(self, invocation_id: str) -> data.InvocationInfo:
        """One invocation."""
        rows = await self.query(f"SELECT * FROM sys_invocation WHERE id = {_literal(invocation_id)}")
        if not rows:
            raise AdminNotFoundError(f"no invocation {invocation_id} at {self.url}", 404)
        return data.invocation(rows[0])

    async def journal(self, invocation_id: str) -> tuple[data.JournalEntry, ...]:
        """The journal in order; empty once it is past its retention."""
        rows = await self.query(f"SELECT * FROM sys_journal WHERE id = {_literal(invocation_id)} ORDER BY index")
        entries = tuple(data.journal_entry(row) for row in rows)
        if self.payloads is None or not entries:
            return entries
        from restate_reflect.ingress._plain import plain_journal

        return await plain_journal(self.payloads, await self.invocation(invocation_id), entries)

    async def cancel(self, invocation_id: str) -> None:
        """Asks it to cancel itself; compensations run."""
        await self._change(invocation_id, "cancel")

    async def kill(self, invocation_id: str) -> None:
        """Ends it and its calls at once; no compensation runs."""
        await self._change(invocation_id, "kill")

    async def purge(self, invocation_id: str) -> None:
        """Forgets a finished invocation, its result and its journal."""
        await self._change(invocation_id, "purge")

    async def purge_journal(self, invocation_id: str) -> None:
        """Forgets the journal of a finished invocation."""
        await self._change(invocation_id, "purge-journal")

    async def pause(self, invocation_id: str) -> None:
        """Stops its attempts until ``resume``; the running one is asked to suspend."""
        await self._change(invocation_id, "pause")

    async def resume(self, invocation_id: str, *, deployment: str | None = None) -> None:
        """Continues a paused one, or retries at once what waits for its next attempt.

        Args:
            deployment: A deployment id or ``latest``, if it should go on with other code.
        """
        await self._change(invocation_id, "resume", deployment=deployment)

    async def restart_as_new(
        self, invocation_id: str, *, from_index: int | None = None, deployment: str | None = None
    ) -> str:
        """Starts a new invocation with the input of a finished one; its id.

        Args:
            from_index: Copies the journal up to this index instead of starting afresh.
            deployment: A deployment id, ``latest`` or ``keep``.
        """
        answer = await self._change(invocation_id, "restart-as-new", **{"from": from_index, "deployment": deployment})
        return str(answer["new_invocation_id"])

    # -- state, SQL, the server

    async def state(self, service: str, key: str, *, scope: str | None = None) -> dict[str, bytes]:
        """The state of one key of an object or workflow, as stored; with ``payloads``, as handlers see it, but for what
        can't be decoded. Without a ``scope`` it is that of the key outside of scopes."""
        return (await self.states(service, [key], scope=scope))[key]

    async def states(
        self, service: str, keys: Iterable[str], *, scope: str | None = None
    ) -> dict[str, dict[str, bytes]]:
        """The same of several keys, in one query; empty for a key that has none."""
        named = [*keys]
        found = await self.states_by_scope(service, named)
        return {key: found.get((key, scope), {}) for key in named}

    async def states_by_scope(
        self, service: str, keys: Iterable[str]
    ) -> dict[tuple[str, str | None], dict[str, bytes]]:
        """The same by key and scope, ``None`` outside of scopes; only those that there are."""
        named = ", ".join(map(_literal, keys))
        if not named:
            return {}
        rows = await self.query(
            # All columns: servers before 1.7 have none of the scope.
            f"SELECT * FROM state WHERE service_name = {_literal(service)} AND service_key IN ({named})"
            " ORDER BY service_key, key"
        )
        found: dict[tuple[str, str | None], dict[str, bytes]] = {}
        for row in rows:
            place = row["service_key"], row.get("scope")
            found.setdefault(place, {})[row["key"]] = bytes.fromhex(row["value"])
        if self.payloads is None:
            return found
        from restate_reflect.ingress._plain import plain_state

        return {place: await plain_state(self.payloads, service, place[0], values) for place, values in found.items()}

    async def replace_state(
        self,
        service: str,
        key: str,
        state: Mapping[str, Any],
        *,
        version: str | None = None,
        scope: str | None = None,
    ) -> None:
        """Makes this the whole state of a key: what is not named is removed. Applied between invocations.

        Args:
            state: ``bytes`` are stored as they are, anything else as JSON.
            version: The state's version as the server reports it; the edit is refused if it has changed.
        """
        stored = {name: _stored(value) for name, value in state.items()}
        if self.payloads is not None:
            from restate_reflect.ingress._plain import stored_state

            stored = await stored_state(self.payloads, service, key, stored)
        encoded = {name: list(value) for name, value in stored.items()}
        body: dict[str, Any] = {"object_key": key, "new_state": encoded}
        body |= {"version": version} if version is not None else {}
        body |= {"scope": scope} if scope is not None else {}
        await self.request("POST", f"/services/{_part(service)}/state", body)

    async def query(self, sql: str) -> list[dict[str, Any]]:
        """The rows of a SQL query; columns that are null are left out of a row."""
        answer = await self.request("POST", "/query", {"query": sql}, repeatable=True)
        rows: list[dict[str, Any]] = answer["rows"]
        return rows

    async def version(self) -> data.ServerVersion:
        """Version and features of the server."""
        return data.version(await self.request("GET", "/version"))

    async def health(self) -> None:
        """Returns if the admin API is well."""
        await self.request("GET", "/health")

    async def request(self, method: str, path: str, body: Any = None, *, repeatable: bool | None = None) -> Any:
        """Any other request: the decoded JSON answer, ``None`` for an empty one.

        Args:
            path: With its query, percent-encoded.
            body: Sent as JSON.
            repeatable: Whether it may be sent twice; GET requests may.
        """
        headers = {"accept": "application/json"}
        headers |= {} if body is None else {"content-type": "application/json"}
        request = Request(method, path, headers, b"" if body is None else to_json(body), repeatable or method == "GET")
        try:
            answer = await self._transport.send(request)
        except TransportError as error:
            raise AdminError(str(error)) from error
        return self._decoded(answer, f"{method} {self.url}{path}")

    async def _change(self, invocation_id: str, verb: str, **query: str | int | None) -> Any:
        given = {name: value for name, value in query.items() if value is not None}
        suffix = f"?{urlencode(given)}" if given else ""
        return await self.request("PATCH", f"/invocations/{_part(invocation_id)}/{verb}{suffix}")

    def _decoded(self, answer: Answer, what: str) -> Any:
        if answer.status >= 300:
            by_status = {404: AdminNotFoundError, 409: AdminConflictError}
            kind = by_status.get(answer.status, AdminError)
            raise kind(f"{what}: {answer.status} {_message(answer.body)}", answer.status)
        try:
            return json.loads(answer.body) if answer.body else None
        except ValueError:
            raise AdminError(f"{what} answered no JSON: is it the admin API (port 9070 by default)?") from None


def chain_of(payloads: Chain | Iterable[object]) -> Chain | None:
    """As ``payloads.chain_of``, which is loaded where there are some."""
    if payloads == ():
        return None
    from restate_reflect import payloads as package

    return package.chain_of(payloads)


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, TypeError, KeyError):
        return body.decode(errors="replace") or "(no message)"


def _part(segment: str) -> str:
    return quote(segment, safe="")


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _utc(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"


def _stored(value: Any) -> bytes:
    return value if isinstance(value, bytes) else to_json(value)
