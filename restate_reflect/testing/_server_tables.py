"""What the admin API of a server tells about some services, and what it lets a test change. Blocking."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from restate_reflect.embedded import Entry, JournalEntry
from restate_reflect.errors import TerminalError
from restate_reflect.ingress import _admin_data as data
from restate_reflect.payloads import Chain
from restate_reflect.protocol.messages import MessageType, server_names
from restate_reflect.replay import RecordedJournal, from_rows
from restate_reflect.server import AdminError, RestateServer
from restate_reflect.testing._payloads import plain_entries
from restate_reflect.testing._unsupported import Unsupported, refuse
from restate_reflect.testing._views import InvocationSummary

__all__ = ["ServerTables"]

_PATIENCE: Final = 10.0
"""Seconds for a change to show up in the tables."""
_POLL: Final = 0.01
_STATUS: Final = {"pending": "inboxed", "ready": "running"}
"""The server's words that differ from the embedded runtime's."""


class ServerTables:
    """State, journals and invocations of some services."""

    def __init__(self, server: RestateServer, services: Sequence[str], payloads: Chain | None = None) -> None:
        self._server = server
        self._payloads = payloads
        self._services = ", ".join(map(_literal, services))

    # ------------------------------------------------------------ state

    def state(self, service: str, key: str, scope: str | None = None) -> dict[str, bytes]:
        """Everything, as it is stored."""
        if scope is not None:
            refuse(Unsupported.SCOPES)
        where = f"service_name = {_literal(service)} AND service_key = {_literal(key)}"
        rows = self._server.query(f"SELECT key, value FROM state WHERE {where}")
        return {row["key"]: bytes.fromhex(row["value"]) for row in rows}

    def set_state(self, service: str, key: str, values: Mapping[str, bytes | None], scope: str | None = None) -> None:
        """Changes state, and waits until it is changed.

        Raises:
            AdminError: An exclusive handler holds the key, and the server waits for it.
        """
        changed = {**self.state(service, key, scope), **values}
        wanted = {name: value for name, value in changed.items() if value is not None}
        body = {"object_key": key, "new_state": {name: list(value) for name, value in wanted.items()}}
        self._server.admin.request("POST", f"/services/{service}/state", body)
        if not _eventually(lambda: self.state(service, key) == wanted):
            raise AdminError(
                f"the state of {service}/{key} did not change within {_PATIENCE:g} s: an exclusive handler holds the"
                " key. Change state before it is called, or after it has ended."
            )

    # ------------------------------------------------------------ invocations

    def invocations(self) -> list[InvocationSummary]:
        """Oldest first."""
        return [_summary(row) for row in self._rows("*")]

    def progress(self) -> list[tuple[Any, ...]]:
        """Changes when something happens."""
        columns = ("id", "status", "journal_size", "retry_count")
        return [tuple(row.get(name) for name in columns) for row in self._rows(", ".join(columns))]

    def _rows(self, columns: str) -> list[dict[str, Any]]:
        where = f"target_service_name IN ({self._services})"
        return self._server.query(f"SELECT {columns} FROM sys_invocation WHERE {where} ORDER BY created_at, id")

    def journal(self, invocation_id: str) -> list[JournalEntry]:
        """The entries, decoded."""
        where = f"id = {_literal(invocation_id)}"
        rows = self._server.query(f'SELECT entry_type, raw FROM sys_journal WHERE {where} ORDER BY "index"')
        entries = [_entry(row) for row in rows]
        if self._payloads is not None:
            target = next(each for each in self.invocations() if each.id == invocation_id)
            entries = plain_entries(self._payloads, target, entries)
        return [JournalEntry.read(index, entry) for index, entry in enumerate(entries)]

    def recorded(self, invocation_id: str) -> RecordedJournal:
        """The journal with all that is known of its invocation."""
        where = f"id = {_literal(invocation_id)}"
        info = data.invocation(self._server.query(f"SELECT * FROM sys_invocation WHERE {where}")[0])
        rows = self._server.query(f'SELECT * FROM sys_journal WHERE {where} ORDER BY "index"')
        is_over = info.key is None or info.status == "completed"
        state = None if is_over else self.state(info.service, str(info.key))
        return from_rows(info, tuple(map(data.journal_entry, rows)), state)

    def long_waits(self, longer_than: float) -> list[str]:
        """Timers and retries of unfinished invocations that are due later than in so many seconds."""
        latest = (time.time() + longer_than) * 1000
        found = self._late_retries(latest)
        for each in self.invocations():
            if each.status == "scheduled":
                found.append(f"{each.target} starts later")
            elif each.status != "completed":
                entries = self.journal(each.id)
                done = {entry.completes for entry in entries}
                found += [
                    f"{each.target} sleeps for {(entry.message.wake_up_time / 1000 - time.time()):.0f} s more"
                    for entry in entries
                    if entry.type is MessageType.SLEEP_COMMAND
                    and entry.completion_id not in done
                    and entry.message.wake_up_time > latest
                ]
        return found

    def _late_retries(self, latest: float) -> list[str]:
        rows = self._rows("id, target, status, next_retry_at, created_at")
        due = (
            (row["target"], _milliseconds(row.get("next_retry_at"))) for row in rows if row["status"] == "backing-off"
        )
        return [f"{target} is tried again in {at / 1000 - time.time():.0f} s" for target, at in due if at > latest]

    def promise(self, service: str, key: str, name: str) -> bytes | TerminalError | None:
        """The result of a promise; ``None`` while there is none."""
        where = f"service_name = {_literal(service)} AND service_key = {_literal(key)} AND key = {_literal(name)}"
        rows = self._server.query(f"SELECT * FROM sys_promise WHERE {where}")
        if not rows or not rows[0]["completed"]:
            return None
        failure = rows[0].get("completion_failure")
        if failure is None:
            return bytes.fromhex(rows[0].get("completion_success_value", ""))
        code, _, message = str(failure).removeprefix("[").partition("] ")
        return TerminalError(message, int(code))

    # ------------------------------------------------------------ at the end

    def forget(self, deployment_id: str) -> None:
        """Removes everything of the services: invocations, state, the deployment. Tests use the same keys again."""
        while unfinished := [each for each in self.invocations() if each.status != "completed"]:
            for each in unfinished:
                self._change(each.id, "kill")
            time.sleep(_POLL)
        for each in self.invocations():
            self._change(each.id, "purge")
        where = f"service_name IN ({self._services})"
        for row in self._server.query(f"SELECT DISTINCT service_name, service_key FROM state WHERE {where}"):
            body = {"object_key": row["service_key"], "new_state": {}}
            self._server.admin.request("POST", f"/services/{row['service_name']}/state", body)
        _eventually(lambda: not self.invocations() and not self._server.query(f"SELECT key FROM state WHERE {where}"))
        self._server.admin.request("DELETE", f"/deployments/{deployment_id}?force=true")

    def _change(self, invocation_id: str, verb: str) -> None:
        try:
            self._server.admin.request("PATCH", f"/invocations/{invocation_id}/{verb}")
        except AdminError as error:
            if error.status not in (404, 409):  # gone or ended meanwhile
                raise


def _milliseconds(timestamp: str | None) -> float:
    """Of a column of the server's tables; 0 for none."""
    return datetime.fromisoformat(timestamp).timestamp() * 1000 if timestamp else 0.0


def _eventually(look: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _PATIENCE
    while not look():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
    return True


def _summary(row: Mapping[str, Any]) -> InvocationSummary:
    status: str = row["status"]
    return InvocationSummary(
        row["id"],
        row["target_service_name"],
        row["target_handler_name"],
        row.get("target_service_key"),
        _STATUS.get(status, status),
        row.get("completion_failure") or row.get("last_failure"),
    )


def _entry(row: Mapping[str, Any]) -> Entry:
    return Entry(server_names()[row["entry_type"]], bytes.fromhex(row["raw"]), 0)


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
