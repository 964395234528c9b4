"""One endpoint for each file, registered once at each engine; and whoever calls it.

A file names the instances that it serves in ``SERVICES``. Each is served twice: under its own name, and as
``…Replayed`` with an inactivity timeout of 0, where an attempt ends at every await that has no result yet and the next
one replays the journal so far. What others call by class stands in ``CALLED``, and is served once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from restate_reflect import reflect
from restate_reflect.server import RestateServer
from tests.realserver.waiting import eventually
from tests.support import Answer, ServedInThread, call, fetch

REPLAYED = "Replayed"


class Site:
    """The services of a file on one engine, in one of the two ways."""

    def __init__(self, server: RestateServer, suffix: str) -> None:
        self.server, self.suffix = server, suffix

    @property
    def replays(self) -> bool:
        return bool(self.suffix)

    def ask(self, path: str, *body: Any, **options: Any) -> Answer:
        """One request, to ``Service/handler``; options are those of ``tests.support.call``."""
        service, handler = path.split("/")
        return call(self.server, service + self.suffix, handler, *body, timeout=15, **options)

    def call(self, path: str, *body: Any, **options: Any) -> Any:
        """The result, or ``code message`` of the failure."""
        return result(self.ask(path, *body, **options))

    def send(self, path: str, *body: Any, **options: Any) -> Invocation:
        return Invocation(self.server, self.ask(path, *body, send=True, **options).invocation_id)


class Invocation:
    """One that was sent, as callers and operators see it."""

    def __init__(self, server: RestateServer, id_: str) -> None:
        self.server, self.id = server, id_

    def attach(self) -> Any:
        return result(self._get("attach"))

    def output(self) -> Answer:
        """With status 470 if it is not there yet."""
        return self._get("output")

    def operate(self, operation: str) -> int:
        return fetch(f"{self.server.admin_url}/invocations/{self.id}/{operation}", method="PATCH").status

    @property
    def row(self) -> dict[str, Any]:
        return self.server.query(f"SELECT * FROM sys_invocation WHERE id = '{self.id}'")[0]

    @property
    def journal(self) -> list[str]:
        rows = self.server.query(f"SELECT entry_type FROM sys_journal WHERE id = '{self.id}' ORDER BY \"index\"")
        return [str(row["entry_type"]) for row in rows]

    def until(self, *statuses: str) -> None:
        eventually(lambda: self.row["status"] in statuses)

    def until_journaled(self, entry: str) -> None:
        eventually(lambda: entry in self.journal)

    def _get(self, verb: str) -> Answer:
        return fetch(f"{self.server.ingress_url}/restate/invocation/{self.id}/{verb}", method="GET", timeout=30)


def result(answer: Answer) -> Any:
    return answer.json if answer.status == 200 else f"{answer.status} {answer.json['message']}"


def failures(site: Site, answers: Iterable[Answer]) -> list[Any]:
    """Attempts that have failed, mismatches above all."""
    ids = ", ".join(f"'{answer.invocation_id}'" for answer in answers)
    sql = f"SELECT id, event_json FROM sys_journal_events WHERE id IN ({ids}) AND event_type <> 'Suspended'"
    return site.server.query(sql)


class Places:
    """The endpoint of a file, and the engines that know it."""

    def __init__(self, served: ServedInThread) -> None:
        self._served, self._known = served, set[str]()

    def site(self, server: RestateServer, suffix: str) -> Site:
        if server.admin_url not in self._known:
            server.register(self._served.url)
            self._known.add(server.admin_url)
        return Site(server, suffix)


@pytest.fixture(scope="module")
def places(request: pytest.FixtureRequest) -> Iterator[Places]:
    services = [twice for each in request.module.SERVICES for twice in both_ways(each)]
    with ServedInThread(
        *services, *getattr(request.module, "CALLED", ()), **getattr(request.module, "OPTIONS", {})
    ) as served:
        yield Places(served)


def both_ways(service: Any) -> Iterator[Any]:
    plain = reflect(service)
    yield plain
    yield reflect(service, name=plain.name + REPLAYED, inactivity_timeout=0)


@pytest.fixture
def once(any_server: RestateServer, places: Places) -> Site:
    """On both engines, where an attempt may wait."""
    return places.site(any_server, "")


@pytest.fixture
def replayed(any_server: RestateServer, places: Places) -> Site:
    """On both engines, where every await that has to wait ends the attempt."""
    return places.site(any_server, REPLAYED)


@pytest.fixture(params=["", REPLAYED], ids=["once", "replayed"])
def site(request: pytest.FixtureRequest, any_server: RestateServer, places: Places) -> Site:
    """On both engines, both ways."""
    return places.site(any_server, request.param)
