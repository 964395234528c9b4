"""Talks to the services of the contract as their callers and operators do: ingress and admin API only."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import quote

from restate_reflect.server import AdminError, RestateServer
from tests.conformance.settings import Setting
from tests.support import Answer, ServedProcess, call, fetch

__all__ = ["NONE", "Driver", "Failed", "eventually", "fresh_key"]

T = TypeVar("T")

NONE: Any = object()
"""No input: an empty body without a content type."""


class Failed(Exception):
    """The ingress answered with a failure."""

    def __init__(self, answer: Answer) -> None:
        content = answer.json
        self.code: int = answer.status
        self.message: str = content.get("message", "")
        self.metadata: dict[str, str] = content.get("metadata") or {}
        super().__init__(f"{self.code} {self.message}")


def fresh_key() -> str:
    """A key that no other test uses."""
    return str(uuid.uuid4())


def eventually(look: Callable[[], T], accept: Callable[[T], bool] = bool, timeout: float = 30.0) -> T:
    """Looks until what is seen is accepted, and returns it."""
    deadline = time.monotonic() + timeout
    while not accept(seen := look()):
        assert time.monotonic() < deadline, f"after {timeout:g} s still {seen!r}"
        time.sleep(0.01)  # between two looks at another process
    return seen


class Driver:
    """Ingress and admin API of one server, with the contract's services behind it."""

    def __init__(self, server: RestateServer, served: ServedProcess, setting: Setting) -> None:
        self.server, self.served, self.setting = server, served, setting
        self._pool = ThreadPoolExecutor(64, thread_name_prefix="driver")

    def close(self) -> None:
        self._pool.shutdown()

    # ------------------------------------------------------------ calls

    def ask(self, service: str, handler: str, body: Any = NONE, **options: Any) -> Answer:
        """One request; options are those of ``tests.support.call``."""
        arguments = () if body is NONE else (body,)
        return call(self.server, service, handler, *arguments, **options)

    def call(self, service: str, handler: str, body: Any = NONE, **options: Any) -> Any:
        """The decoded result. Raises ``Failed``."""
        return result_of(self.ask(service, handler, body, **options))

    def start(self, service: str, handler: str, body: Any = NONE, **options: Any) -> Future[Any]:
        """``call`` in another thread."""
        return self._pool.submit(self.call, service, handler, body, **options)

    def each(self, work: Callable[[Any], T], items: Iterable[Any]) -> list[T]:
        """Results of concurrent work."""
        return list(self._pool.map(work, items))

    def send(self, service: str, handler: str, body: Any = NONE, **options: Any) -> str:
        """The invocation id of a one-way call."""
        answer = self.ask(service, handler, body, send=True, **options)
        if answer.status >= 400:
            raise Failed(answer)
        return str(answer.json["invocationId"])

    def attach(self, invocation: str) -> Any:
        """Waits for a result; ``invocation`` is an id, or a path such as ``Service/key/handler/idempotency-key``."""
        return result_of(self._get(f"invocation/{invocation}/attach"))

    def output(self, invocation: str) -> Answer:
        """The result if it is there; status 470 if not yet."""
        return self._get(f"invocation/{invocation}/output")

    def eventually_counts(self, interpreter: str, key: str, count: int, timeout: float = 30.0) -> int:
        """Waits until an interpreter's counter has this value."""
        return eventually(lambda: int(self.call(interpreter, "counter", key=key)), lambda seen: seen >= count, timeout)

    def workflow(self, name: str, key: str, verb: str) -> Answer:
        """``attach`` or ``output`` of a workflow."""
        return self._get(f"workflow/{name}/{quote(key, safe='')}/{verb}")

    def complete_awakeable(self, id_: str, verb: str, body: Any) -> Answer:
        """``resolve`` with JSON, or ``reject`` with plain text."""
        url = f"{self.server.ingress_url}/restate/awakeables/{id_}/{verb}"
        if verb == "reject":
            return fetch(url, body.encode(), headers={"content-type": "text/plain"})
        return fetch(url, body)

    def _get(self, path: str) -> Answer:
        return fetch(f"{self.server.ingress_url}/restate/{path}", method="GET")

    # ------------------------------------------------------------ administration

    def cancel(self, invocation: str) -> None:
        self._terminate(invocation, "cancel")

    def kill(self, invocation: str) -> None:
        self._terminate(invocation, "kill")

    def _terminate(self, invocation: str, verb: str) -> None:
        try:
            self.server.admin.request("PATCH", f"/invocations/{invocation}/{verb}")
        except AdminError as error:
            if error.status not in (404, 409):  # completed meanwhile
                raise

    def row(self, invocation: str, columns: str = "*") -> dict[str, Any]:
        """What ``sys_invocation`` says; empty if it has gone."""
        rows = self.server.query(f"select {columns} from sys_invocation where id = '{invocation}'")
        return rows[0] if rows else {}

    def status(self, invocation: str) -> str | None:
        return self.row(invocation, "status").get("status")

    def last_failure(self, invocation: str, mark: str = "") -> str:
        """Waits for a failed attempt whose text has the mark, and returns that text."""

        def look() -> str:
            row = self.row(invocation, "last_failure, last_failure_error_code")
            return f"{row.get('last_failure_error_code') or ''} {row.get('last_failure') or ''}".strip()

        return eventually(look, lambda text: bool(text) and mark in text)

    def journal(self, invocation: str) -> list[str]:
        """The kinds of the entries, in order: ``Command: Input``, ``Notification: Run``, …"""
        sql = f"select entry_type from sys_journal where id = '{invocation}' order by index"
        return [row["entry_type"] for row in self.server.query(sql)]


def result_of(answer: Answer) -> Any:
    """The decoded body. Raises ``Failed``."""
    if answer.status >= 400:
        raise Failed(answer)
    return answer.json
