"""A deployment that is led to another address: ``PATCH /deployments/{id}``, the same on both engines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from restate_reflect import Context, ObjectContext, reflect
from tests.conftest import ServerMaker
from tests.embedded.served import ServedRuntime
from tests.support import Answer, ServedInThread, fetch


class One:
    async def go(self, ctx: Context) -> str:
        return "one"


class Two:
    async def go(self, ctx: Context) -> str:
        return "two"

    async def more(self, ctx: Context) -> str:
        return "more"


class Object:
    async def go(self, ctx: ObjectContext) -> str:
        return "object"


class Other:
    async def go(self, ctx: Context) -> str:
        return "other"


PLACES: dict[str, tuple[Any, ...]] = {
    "one": (reflect(One, name="Moved"),),
    "two": (reflect(Two, name="Moved"),),
    "object": (reflect(Object, name="Moved"),),
    "other": (Other,),
    "both": (reflect(Two, name="Moved"), Other),
}


@pytest.fixture(scope="module")
def places() -> Iterator[dict[str, ServedInThread]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(ServedInThread(*services)) for name, services in PLACES.items()}


STORY: list[tuple[str, str | dict[str, Any]]] = [
    ("PATCH", {"uri": "two", "dry_run": True}),
    ("PATCH", {"uri": "two"}),
    ("PATCH", {"uri": "other"}),
    ("PATCH", {"uri": "object"}),
    ("PATCH", {"uri": "one"}),
    ("PATCH", {"uri": "both"}),
    ("PATCH", {"uri": "both", "overwrite": True}),
    ("PATCH", {"uri": "other", "overwrite": True}),
    ("PATCH", {"uri": "one", "overwrite": True, "dry_run": True}),
    ("PATCH", {"uri": "one", "overwrite": True}),
    ("PATCH", {"additional_headers": {"x-b": "2"}}),
    ("PATCH", {"use_http_11": True}),
    ("PATCH", {"uri": "two", "use_http_11": True}),
    ("PATCH", {"additional_headers": {"x-c": "3"}}),
    ("PATCH", {"uri": "two", "use_http_11": True}),
    ("PATCH", {}),
    ("PATCH", {"uri": "two", "use_http_11": True}),
    ("PATCH", {"uri": "two", "additional_headers": {}}),
    ("PATCH", {}),
    ("PATCH", {"uri": 3}),
    ("PATCH", {"uri": "relative"}),
    ("PATCH dp_10000000000000000000000", {"uri": "one"}),
    ("PATCH dp_x", {"uri": "one"}),
    ("PUT", {"uri": "one"}),
    ("PUT v2", {"uri": "one"}),
]


def story(admin: str, places: dict[str, ServedInThread]) -> list[tuple[int, Any]]:
    """Status and body of each answer; addresses by their names."""
    wish = {"uri": places["one"].url, "metadata": {"a": "b"}, "additional_headers": {"x-a": "1"}}
    registered = fetch(f"{admin}/deployments", wish).json["id"]
    answers = []
    for request, body in STORY:
        verb, _, where = request.partition(" ")
        place = places.get(body.get("uri")) if isinstance(body, dict) else None  # type: ignore[arg-type]
        url = f"{admin}{'/v2' if where == 'v2' else ''}/deployments/{where if where.startswith('dp') else registered}"
        given = body if place is None else {**body, "uri": place.url}  # type: ignore[dict-item]
        answers.append(told(fetch(url, given, method=verb), registered, places))
    return answers


def told(answer: Answer, registered: str, places: dict[str, ServedInThread]) -> tuple[int, Any]:
    text = answer.body.decode().replace(registered, "dp")
    for name, place in places.items():
        text = text.replace(place.url, name)
    try:
        body = json.loads(text)
    except ValueError:
        return answer.status, text
    if "services" in body:
        body["services"] = sorted((each["name"], each["ty"], each["revision"]) for each in body["services"])
        body.pop("created_at")
    return answer.status, body


@pytest.mark.server
def test_it_keeps_its_services_unless_they_are_overwritten(
    server_with: ServerMaker, places: dict[str, ServedInThread]
) -> None:
    """Every request in order; the address and what is told of it change, revisions, id and metadata do not."""
    server = server_with()
    with ServedRuntime() as served:
        here, there = story(served.admin_url, places), story(server.admin_url, places)
    for request, ours, theirs in zip(STORY, here, there, strict=True):
        assert ours == theirs, request


@pytest.mark.both_engines
@pytest.mark.server
def test_nobody_is_asked_unless_address_or_headers_change(server_with: ServerMaker) -> None:
    """A new address, or new headers, must lead to somebody."""
    server = server_with()
    with ServedInThread(One) as place:
        url = f"{server.admin_url}/deployments/{server.register(place.url)['id']}"
    bodies: list[dict[str, Any]] = [{}, {"overwrite": True}, {"use_http_11": True}]
    assert [fetch(url, body, method="PATCH").status for body in bodies] == [200] * 3
    bodies = [{"additional_headers": {"x-a": "1"}}, {"uri": place.url}]
    assert [fetch(url, body, method="PATCH").json["restate_code"] for body in bodies] == ["META0003"] * 2


def test_services_of_the_runtimes_own_process_stay_there() -> None:
    with ServedRuntime(One) as served:
        (known,) = fetch(f"{served.admin_url}/deployments", method="GET").json["deployments"]
        answer = fetch(f"{served.admin_url}/deployments/{known['id']}", {"uri": "http://127.0.0.1:1"}, method="PATCH")
        assert (answer.status, "register its code anew" in answer.json["message"]) == (501, True)


def test_it_is_there_after_a_restart(places: dict[str, ServedInThread], tmp_path: Any) -> None:
    """At its new address, and what was given to it goes on."""
    file = tmp_path / "data.sqlite"
    with ServedRuntime(file=file) as served:
        registered = fetch(f"{served.admin_url}/deployments", {"uri": places["one"].url}).json["id"]
        fetch(f"{served.admin_url}/deployments/{registered}", {"uri": places["two"].url}, method="PATCH")
        assert fetch(f"{served.ingress_url}/Moved/go").json == "two"
        before = fetch(f"{served.admin_url}/deployments", method="GET").json
    with ServedRuntime(file=file) as served:
        assert fetch(f"{served.admin_url}/deployments", method="GET").json == before
        assert fetch(f"{served.ingress_url}/Moved/go").json == "two"
