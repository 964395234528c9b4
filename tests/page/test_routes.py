"""What the page's routes answer, and to whom."""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest
from aiohttp import web

from restate_reflect.endpoint import endpoint
from restate_reflect.page import add_docs
from restate_reflect.page._access import MARK
from restate_reflect.page._assets import SCRIPTS
from tests.page.served import ServedWithPage
from tests.page.services import Articles, Newsletter, Orders
from tests.support import Answer, fetch

NOWHERE = "http://127.0.0.1:9"
"""The discard port, where nothing listens."""


@pytest.fixture(scope="module")
def served() -> Any:
    """Without a server behind it."""
    with ServedWithPage(Orders, Articles, Newsletter, docs={"ingress_url": NOWHERE}) as page:
        yield page


def post(served: ServedWithPage, path: str, body: bytes = b"", **headers: str) -> Answer:
    return fetch(f"{served.url}/docs/api/{path}", body, headers={MARK: "1", **headers})


def get(served: ServedWithPage, path: str, **headers: str) -> Answer:
    return fetch(f"{served.url}/docs{path}", method="GET", headers=headers)


def test_the_page_is_small_files_and_asks_for_nothing_else(served: ServedWithPage) -> None:
    """Under a policy that forbids anything else: inline scripts, foreign files, frames, HTML made by scripts."""
    scripts = [(f"/{name}", "text/javascript") for name in SCRIPTS]
    for path, kind in [("/", "text/html"), ("/page.css", "text/css"), *scripts]:
        answer = get(served, path)
        assert (answer.status, answer.headers["content-type"]) == (200, f"{kind}; charset=utf-8")
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "require-trusted-types-for 'script'" in policy
        assert "unsafe" not in policy
        assert b"http" not in answer.body.replace(b"http-equiv", b"") or kind == "text/javascript"
    paths = ("/", "/page.css", *(path for path, _ in scripts))
    assert sum(len(get(served, path).body) for path in paths) < 110_000


def test_docs_leads_to_the_folder(served: ServedWithPage) -> None:
    """By a relative redirect, so that links in the page are relative, too."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port)
    connection.request("GET", "/docs")
    answer = connection.getresponse()
    assert (answer.status, answer.headers["location"]) == (308, "docs/")
    connection.close()


def test_a_mounted_application_has_its_page_below_its_prefix() -> None:
    """Served by aiohttp alone."""
    with ServedWithPage(Articles, docs={"ingress_url": NOWHERE}, mounted=True) as page:
        assert fetch(f"{page.url}/below/docs", method="GET").body.startswith(b"<!doctype html>")
        services = fetch(f"{page.url}/below/docs/api/services", method="GET").json["services"]
        assert [service["name"] for service in services] == ["Articles"]


def test_services_are_described(served: ServedWithPage) -> None:
    """Kinds, documentation as blocks, schemas, and examples that fit."""
    described = get(served, "/api/services").json
    assert (described["ingress"], described["journal"]) == (NOWHERE, False)
    orders, articles, newsletter = described["services"]
    assert [each["kind"] for each in (orders, articles, newsletter)] == ["SERVICE", "VIRTUAL_OBJECT", "WORKFLOW"]
    handlers = {handler["name"]: handler for handler in orders["handlers"]}
    assert json.loads(handlers["submit"]["input"]["example"])["items"][0]["sku"] == "pen"
    assert handlers["submit"]["input"]["schema"]["title"] == "Order"
    assert handlers["fail"]["input"]["parameters"] == ["message", "code"]
    assert [handlers[name]["input"]["form"] for name in ("quote", "reverse", "ping")] == ["json", "text", "none"]
    assert json.loads(handlers["quote"]["input"]["example"])["lines"][0]["pieces"] == "1"
    assert handlers["inner"]["private"]
    assert [handler["kind"] for handler in articles["handlers"]] == ["EXCLUSIVE", "SHARED"]
    assert [handler["idempotent"] for handler in newsletter["handlers"]] == [False, False]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:9080"])
def test_this_machine_may_see_it(served: ServedWithPage, host: str) -> None:
    """By any of its names."""
    assert get(served, "/", host=host).status == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "10.0.0.1", "127.0.0.1.evil.example:80"])
@pytest.mark.parametrize("path", ["/", "/page.js", "/api/services"])
def test_other_names_are_refused(served: ServedWithPage, host: str, path: str) -> None:
    """A foreign page whose name was rebound to this machine would still ask under its own name."""
    answer = get(served, path, host=host)
    assert answer.status == 403
    assert "allowed_hosts" in answer.json["message"]


def test_allowed_names_are_answered() -> None:
    """Only those, besides this machine's own."""
    with ServedWithPage(Articles, docs={"ingress_url": NOWHERE, "allowed_hosts": ["Dev.example"]}) as page:
        assert get(page, "/", host="dev.example:9080").status == 200
        assert get(page, "/").status == 200
        assert get(page, "/", host="other.example").status == 403


def test_another_machine_is_refused() -> None:
    """Whatever name it asks for, as long as that is one of ours."""
    from restate_reflect.page._access import _is_local

    assert [_is_local(peer) for peer in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", None, "")] == [True] * 6
    assert [_is_local(peer) for peer in ("10.0.0.7", "192.0.2.1", "fe80::1%eth0", "::ffff:10.0.0.1", "nonsense")] == [
        False
    ] * 5


def test_a_request_of_another_page_in_the_same_browser_is_refused(served: ServedWithPage) -> None:
    """It can't send the header, as the question for it (CORS) is not answered with a yes."""
    answer = fetch(f"{served.url}/docs/api/call/Orders/ping", b"", headers={"content-type": "text/plain"})
    assert answer.status == 403
    question = fetch(
        f"{served.url}/docs/api/call/Orders/ping",
        method="OPTIONS",
        headers={"origin": "http://evil.example", "access-control-request-method": "POST"},
    )
    assert question.status == 405
    assert "access-control-allow-origin" not in question.headers


@pytest.mark.parametrize(
    "path, body, status, message",
    [
        ("call/Orders/nothing", b"", 404, "no handler Orders/nothing is served here."),
        ("call/Nobody/ping", b"", 404, "no handler Nobody/ping is served here."),
        ("call/Orders/inner", b"", 400, "Orders/inner is private: only handlers can call it."),
        ("call/Articles/reserve", b"1", 400, "Articles needs a key."),
        ("call/Orders/ping?key=a", b"", 400, "Orders needs no key."),
        ("call/Orders/quote", b'{"lines": 5}', 400, "not a valid shop.v1.Order"),
        ("call/Orders/ping", b"", 502, f"no answer from the ingress at {NOWHERE}"),
        ("invocations/inv_1abc/cancel", b"", 404, "the page was given no admin URL"),
    ],
)
def test_refusals_say_why(served: ServedWithPage, path: str, body: bytes, status: int, message: str) -> None:
    """As JSON with a message, which the page shows."""
    answer = post(served, path, body)
    assert answer.status == status
    assert answer.json["message"].startswith(message)


@pytest.mark.parametrize("identifier", ["x", "inv_", "inv_1'%20OR%201=1", "inv_..%2Fservices", "dp_1abc"])
def test_only_invocation_ids_reach_the_admin_api(identifier: str) -> None:
    """Nothing else is looked up or put into a path there."""
    with ServedWithPage(Articles, docs={"ingress_url": NOWHERE, "admin_url": NOWHERE}) as page:
        for answer in (get(page, f"/api/invocations/{identifier}"), post(page, f"invocations/{identifier}/cancel")):
            assert answer.status == 400
            assert "no invocation id" in answer.json["message"]


def test_an_admin_api_that_is_not_there_is_told() -> None:
    """As a 502 with its URL."""
    with ServedWithPage(Articles, docs={"ingress_url": NOWHERE, "admin_url": NOWHERE}) as page:
        answer = get(page, "/api/invocations?service=Articles&handler=reserve")
        assert answer.status == 502
        assert NOWHERE in answer.json["message"]


def test_signed_endpoints_have_no_page() -> None:
    """It would let anybody who reaches it call without a signature."""
    key = "publickeyv1_w7YHemBctH5Ck2nQRQ47iBBqhNHy4FV7t2Usbye2A6f"
    app = endpoint(Articles, identity_keys=[key])
    with pytest.raises(ValueError, match="identity keys"):
        add_docs(app, ingress_url=NOWHERE)


def test_other_applications_have_no_page() -> None:
    """There is nothing to describe."""
    with pytest.raises(ValueError, match=r"restate_reflect\.endpoint"):
        add_docs(web.Application(), ingress_url=NOWHERE)


def test_the_endpoint_works_as_before(served: ServedWithPage) -> None:
    """Discovery and health are what they were."""
    assert fetch(f"{served.url}/health", method="GET").status == 200
    assert len(fetch(f"{served.url}/discover", method="GET").json["services"]) == 3
