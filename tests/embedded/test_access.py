"""The runtime beside a browser: whom ingress and admin API answer."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from typing import Any

import pytest

from restate_reflect import Context
from restate_reflect.endpoint.hosts import OriginError, check_origin, host_name, is_this_machine
from tests.embedded.served import ServedRuntime
from tests.support import fetch

PAGE = "http://localhost:5173"


class Button:
    """Counts how often it was pressed."""

    def __init__(self) -> None:
        self.pressed = 0

    async def press(self, ctx: Context) -> int:
        self.pressed += 1
        return self.pressed


@pytest.fixture(scope="module")
def served() -> Iterator[ServedRuntime]:
    with ServedRuntime(Button()) as runtime:
        yield runtime


@pytest.mark.parametrize(
    "host",
    ["localhost", "LocalHost:80", "localhost.", "localhost.:80", "127.0.0.1", "127.0.0.1:8080", "127.1.2.3", "[::1]",
     "[::1]:8080", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]:1", "[::FFFF:7f00:1]", "localhost:"],
)  # fmt: skip
def test_names_of_this_machine(host: str) -> None:
    assert is_this_machine(host)


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "evil.example.", "localhost.evil.example", "localhost..", ".localhost", "evil-localhost",
     "localhost:80@evil.example", "localhost@evil.example", "evil.example#localhost", "localhost/evil.example",
     "localhost\\evil.example", "localhost evil.example", "localhost,evil.example", "localhost:80:80", "localhost:8o",
     "[::1].evil.example", "[::1]evil.example", "[::1", "::1", "[localhost]", "[::1%25eth0]", "[fe80::1]", "0.0.0.0",
     "[::]", "0.0.0.0:8080", "10.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.1.nip.io",
     "%6cocalhost", "lоcalhost", "localhost\n", "localhost\x00", "[::ffff:10.0.0.1]", "localhost:123456"],
)  # fmt: skip
def test_other_names(host: str) -> None:
    """Names that somebody can make to point here, and what is no name at all."""
    assert not is_this_machine(host)


def test_a_name_is_lower_case_and_bare() -> None:
    assert [host_name(each) for each in ("Dev.Example.:80", "[::FF]:1", "a b")] == ["dev.example", "::ff", None]


def ask(url: str, method: str, path: str, *headers: tuple[str, str]) -> tuple[int, dict[str, str], bytes]:
    """A request with exactly these headers."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


PATHS = [("ingress", "POST", "/Button/press"), ("ingress", "GET", "/restate/health"), ("ingress", "GET", "/nothing"),
         ("admin", "GET", "/deployments"), ("admin", "GET", "/health"), ("admin", "GET", "/nothing")]  # fmt: skip


@pytest.mark.parametrize("port, method, path", PATHS)
@pytest.mark.parametrize(
    "hosts",
    [["evil.example"], ["localhost.evil.example:80"], [], ["localhost", "evil.example"], ["evil.example:{port}"]],
)
def test_a_rebound_name_reaches_neither_port(
    served: ServedRuntime, port: str, method: str, path: str, hosts: list[str]
) -> None:
    """Whatever is asked for; aiohttp itself refuses two names with a 400."""
    url = served.ingress_url if port == "ingress" else served.admin_url
    number = url.rpartition(":")[2]
    status, headers, body = ask(url, method, path, *(("host", each.format(port=number)) for each in hosts))
    assert status in (400, 403), body
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("host", ["localhost", "localhost:{port}", "[::1]:{port}", "127.0.0.1:1"])
def test_names_of_this_machine_are_answered(served: ServedRuntime, host: str) -> None:
    for url in (served.ingress_url, served.admin_url):
        path = "/restate/health" if url == served.ingress_url else "/health"
        assert ask(url, "GET", path, ("host", host.format(port=url.rpartition(":")[2])))[0] == 200


FOREIGN: list[tuple[str, ...]] = [
    ("POST", "origin", PAGE),
    ("POST", "origin", "null"),
    ("POST", "origin", ""),
    ("POST", "origin", "http://evil.example"),
    ("POST", "origin", "https://127.0.0.1"),
    ("GET", "sec-fetch-site", "cross-site"),
    ("GET", "sec-fetch-site", "same-site"),
    ("OPTIONS", "origin", PAGE),
]


@pytest.mark.parametrize("method, name, value", FOREIGN)
def test_a_page_of_another_origin_calls_nothing(method: str, name: str, value: str) -> None:
    """Not even without reading the answer: a simple request needs no permission of ours."""
    button = Button()
    with ServedRuntime(button) as served:
        for path in ("/Button/press", "/Button/press/send"):
            answer = fetch(served.ingress_url + path, method=method, headers={name: value})
            assert answer.status == 403
            assert answer.json["source"] == "ingress"
            assert not [each for each in answer.headers if each.startswith("access-control")]
        assert fetch(f"{served.admin_url}/deployments", method="GET", headers={name: value}).status == 403
        assert button.pressed == 0


@pytest.mark.parametrize("headers", [{}, {"sec-fetch-site": "none"}, {"sec-fetch-site": "same-origin"}])
def test_programs_and_what_a_user_types_are_answered_without_cors(
    served: ServedRuntime, headers: dict[str, str]
) -> None:
    answer = fetch(f"{served.ingress_url}/Button/press", method="GET", headers=headers)
    assert answer.status == 200
    assert not [each for each in answer.headers if each.startswith("access-control")]


def test_the_own_origin_is_answered(served: ServedRuntime) -> None:
    answer = fetch(f"{served.ingress_url}/Button/press", headers={"origin": served.ingress_url})
    assert answer.status == 200


@pytest.mark.parametrize("origins", [[PAGE], ["*"], ["http://other.example", PAGE.upper()]])
def test_pages_of_allowed_origins_may_call_and_read(origins: list[str]) -> None:
    with ServedRuntime(Button(), origins=origins) as served:
        question = fetch(
            f"{served.ingress_url}/Button/press",
            method="OPTIONS",
            headers={"origin": PAGE, "access-control-request-method": "POST", "access-control-request-headers": "x-a"},
        )
        answer = fetch(f"{served.ingress_url}/Button/press", headers={"origin": PAGE, "sec-fetch-site": "same-site"})
        refused = fetch(f"{served.ingress_url}/Button/press", headers={"origin": "http://evil.example"})
    assert (question.status, question.headers["access-control-allow-methods"]) == (200, "POST")
    assert question.headers["access-control-allow-headers"] == "x-a"
    assert answer.json == 1
    for each in (question, answer):
        assert each.headers["access-control-allow-origin"] == PAGE
        assert "origin" in each.headers["vary"]
    assert refused.status == (200 if origins == ["*"] else 403)


def test_an_allowed_origin_does_not_open_the_admin_api_or_other_names() -> None:
    with ServedRuntime(Button(), origins=["*"]) as served:
        assert fetch(f"{served.admin_url}/deployments", method="GET", headers={"origin": PAGE}).status == 403
        assert ask(served.ingress_url, "POST", "/Button/press", ("host", "evil.example"), ("origin", PAGE))[0] == 403


@pytest.mark.parametrize("text", [PAGE, "*", "https://app.example", "http://[::1]:80", "HTTPS://App.Example:1"])
def test_origins(text: str) -> None:
    assert check_origin(text) == text.lower()


@pytest.mark.parametrize("text", ["", "localhost:5173", f"{PAGE}/", "http://*.example", "http://a/b", "null", "a b"])
def test_what_is_no_origin_is_told(text: str) -> None:
    with pytest.raises(OriginError, match="is no origin"):
        check_origin(text)
    served: Any = ServedRuntime(Button(), origins=[text])
    with pytest.raises(OriginError):
        served.__enter__()
