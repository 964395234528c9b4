"""A restate-server as the engine of ``dev``: a process of its own, with its data in the data directory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from restate_reflect.dev.engine import Registered, held
from restate_reflect.dev.orphan import remember
from restate_reflect.dev.spans import span
from restate_reflect.options import RetryPolicy
from restate_reflect.server import RestateServer, ServerError, ServerSettings
from restate_reflect.server._settings import PATIENT, Ports

__all__ = ["ServerEngine"]

_LOOKS: Final = 10
_PAUSE: Final = 0.2
"""Seconds between questions for an invocation whose failure the server has not written yet."""


_SETTINGS: Final = ServerSettings(
    retry_policy=RetryPolicy(initial_interval=0.5, max_interval=10, factor=2.0),
    config=PATIENT,
)
"""The server's own first delay, and a longest one that somebody who sits in front of it waits for."""


class ServerEngine:
    """The server's requests are made in threads: the client of the admin API blocks."""

    name = "restate-server"

    def __init__(self, folder: Path, ingress_port: int, admin_port: int, binary: str | None) -> None:
        self._folder = folder.absolute()
        sockets = [held(ingress_port, "--ingress-port"), held(admin_port, "--admin-port"), held(0, "")]
        ports = Ports(*(one.getsockname()[1] for one in sockets))
        for one in sockets:
            one.close()
        self.is_patient: Callable[[], bool] = lambda: False  # the server is, see _SETTINGS
        self._server = RestateServer(_SETTINGS, data_dir=self._folder / "restate-server", binary=binary, prefer=ports)
        self.ingress_url, self.admin_url = f"http://127.0.0.1:{ports.ingress}", f"http://127.0.0.1:{ports.admin}"

    async def start(self) -> None:
        await asyncio.to_thread(self._server.start)
        remember(self._folder, self._server.pid)
        if self._server.admin_url != self.admin_url:
            raise ServerError(
                f"the ports of {self.ingress_url} and {self.admin_url} were taken meanwhile. Start again."
            )

    async def register(self, port: int) -> Registered:
        answer = await asyncio.to_thread(self._server.register, f"http://127.0.0.1:{port}", breaking=True)
        return Registered(answer["id"], answer["services"])

    async def move_all(self, to: Registered, port: int) -> None:
        """All deployments lead to the new endpoint: what is pinned to them goes on there."""
        for deployment in (await self._ask("GET", "/deployments"))["deployments"]:
            if deployment["id"] != to.id:
                uri = {"uri": f"http://127.0.0.1:{port}/"}
                await self._ask("PATCH", f"/deployments/{deployment['id']}", uri)

    async def is_used(self, revision: Registered) -> bool:
        rows = await self._query(
            "SELECT count(*) AS used FROM sys_invocation_status"
            f" WHERE pinned_deployment_id = '{revision.id}' AND status <> 'completed'"
        )
        return bool(rows[0]["used"])

    async def forget(self, revision: Registered) -> None:
        if not await self.is_used(revision):  # else it leads to a newer one, see ``move_all``
            await self._ask("DELETE", f"/deployments/{revision.id}?force=true")

    async def next_try(self, invocation_id: str) -> str:
        sql = f"SELECT status, next_retry_at FROM sys_invocation WHERE id = '{invocation_id}'"
        for _ in range(_LOOKS):
            rows = await self._query(sql)
            if not rows or rows[0]["status"] in ("paused", "completed"):
                return rows[0]["status"] if rows else "it is killed"
            if rows[0]["status"] == "backing-off" and rows[0].get("next_retry_at"):
                left = datetime.fromisoformat(rows[0]["next_retry_at"]) - datetime.now(UTC)
                return f"tried again in {span(left.total_seconds() * 1000)}"
            await asyncio.sleep(_PAUSE)
        return "tried again"

    async def failed(self) -> None:
        await asyncio.Event().wait()  # its log tells

    async def close(self) -> None:
        await asyncio.to_thread(self._server.close)

    async def _query(self, sql: str) -> list[dict[str, Any]]:
        return await asyncio.to_thread(self._server.query, sql)

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        return await asyncio.to_thread(self._server.admin.request, method, path, body)
