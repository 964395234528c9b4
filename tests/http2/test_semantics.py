"""What RFC 9110 asks of an origin server, alike over HTTP/1.1 and HTTP/2: methods, Allow, HEAD, Date, targets."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import pytest
from hyperframe.frame import GoAwayFrame

from restate_reflect import Context
from tests.http2.peer import GET, FrameClient, HeadersFrame, echo, errors
from tests.http2.transports import ONE_PER_VERSION, TRANSPORTS, Transport
from tests.journals import given_input, journal
from tests.support import ServedInThread

CONTENT_TYPE = "application/vnd.restate.invocation.v6"
INVOKE = "/invoke/Guest/echo"
BODY = journal(given_input(b'"a"'))


class Guest:
    async def echo(self, ctx: Context, text: str) -> str:
        return text


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with ServedInThread(Guest) as served:
        yield served.port


@pytest.fixture(params=TRANSPORTS)
def send(request: pytest.FixtureRequest) -> Transport:
    return TRANSPORTS[request.param]


# Method, path, status, Allow.
METHODS: list[tuple[str, str, int, str | None]] = [
    ("GET", "/health", 200, None),
    ("HEAD", "/health", 200, None),
    ("POST", "/health", 200, None),
    ("PUT", "/health", 405, "GET, HEAD, POST, OPTIONS"),
    ("TRACE", "/health", 405, "GET, HEAD, POST, OPTIONS"),
    ("GET", "/discover", 200, None),
    ("HEAD", "/discover", 200, None),
    ("POST", "/discover", 405, "GET, HEAD, OPTIONS"),
    ("DELETE", "/discover", 405, "GET, HEAD, OPTIONS"),
    ("GET", INVOKE, 405, "POST, OPTIONS"),
    ("HEAD", INVOKE, 405, "POST, OPTIONS"),
    ("PATCH", INVOKE, 405, "POST, OPTIONS"),
    ("HEAD", "/prefix" + INVOKE, 405, "POST, OPTIONS"),
    ("GET", "/nothing", 404, None),
    ("HEAD", "/nothing", 404, None),
    ("GET", "/invoke/Guest/nothing", 405, "POST, OPTIONS"),
    ("POST", "/invoke/Guest/nothing", 404, None),
    ("POST", "/invoke/Nobody/echo", 404, None),
    ("OPTIONS", "/health", 204, "GET, HEAD, POST, OPTIONS"),
    ("OPTIONS", "/discover", 204, "GET, HEAD, OPTIONS"),
    ("OPTIONS", INVOKE, 204, "POST, OPTIONS"),
    ("OPTIONS", "*", 204, "OPTIONS, GET, HEAD, POST"),
    ("OPTIONS", "/nothing", 404, None),
    ("BREW", "/health", 501, None),
    ("BREW", "/nothing", 501, None),
    ("PROPFIND", "/discover", 501, None),
    ("get", "/health", 501, None),  # methods are case-sensitive (RFC 9110 section 9.1)
]


@pytest.mark.parametrize("method, path, status, allow", METHODS)
def test_methods(port: int, send: Transport, method: str, path: str, status: int, allow: str | None) -> None:
    """405 says what is allowed, 501 that nobody here knows the method; each response has its date."""
    reply = send(port, method, path, {}, b"")
    assert (reply.status, reply.headers.get("allow")) == (status, allow)
    assert abs(parsedate_to_datetime(reply.headers["date"]).timestamp() - time.time()) < 60
    assert reply.headers["date"].endswith(" GMT")
    if method == "HEAD" or status == 204:
        assert reply.body == b""
    else:
        assert int(reply.headers["content-length"]) == len(reply.body) > 0


@pytest.mark.parametrize("path", ["/health", "/discover", "/nothing"])
def test_head_has_the_headers_of_get(port: int, send: Transport, path: str) -> None:
    """RFC 9110 section 9.3.2: all of them, content-length included, and no body."""
    get, head = send(port, "GET", path, {}, b""), send(port, "HEAD", path, {}, b"")
    for reply in (get, head):
        del reply.headers["date"]
    assert head == get._replace(body=b"")


# Path and status of GET.
TARGETS = [
    ("/health?a=b&c", 200),
    ("/discover?", 200),
    ("/any/prefix/health", 200),
    ("//health", 200),
    ("/%68ealth", 200),  # RFC 3986 section 6.2.2.2: the same as /health
    ("/any%2Fhealth", 404),  # and this is one segment
    ("/health/", 404),
    ("/health%00", 404),
    ("/HEALTH", 404),
    ("/", 404),
    ("/%zz", 404),
    ("/invoke", 404),
    ("/invoke/Guest", 404),
    ("/invoke/Gu%65st/echo", 405),
    ("/invoke/Guest/echo?x=/health", 405),
]


@pytest.mark.parametrize("path, status", TARGETS)
def test_targets(port: int, send: Transport, path: str, status: int) -> None:
    """A path means the same whatever the version."""
    assert send(port, "GET", path, {}, b"").status == status


def test_an_invocation_has_a_date_too(port: int, send: Transport) -> None:
    reply = send(port, "POST", INVOKE + "?q", {"content-type": CONTENT_TYPE}, BODY)
    assert reply.status == 200
    assert parsedate_to_datetime(reply.headers["date"]).tzinfo is not None
    assert b'"a"' in reply.body


IGNORED = [
    {"if-none-match": "*"},
    {"if-modified-since": "Sat, 29 Oct 2044 19:43:31 GMT"},
    {"if-match": '"x"'},
    {"range": "bytes=0-0"},
    {"accept-encoding": "gzip"},
    {"accept-language": "eo"},
    {"te": "trailers"},
    {"cache-control": "only-if-cached"},
    {"cookie": "a=b"},
]


@pytest.mark.parametrize("headers", IGNORED, ids=str)
def test_what_is_no_matter_here_is_ignored(port: int, send: Transport, headers: dict[str, str]) -> None:
    """Nothing here has a validator, a part or another coding."""
    reply = send(port, "GET", "/health", headers, b"")
    assert (reply.status, reply.body) == (200, b"ok")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "GZIP", "gzip, gzip", "nothing"])
def test_content_codings_are_refused(port: int, send: Transport, coding: str) -> None:
    """RFC 9110 section 8.4: 415, and which would be taken. Nothing is inflated."""
    headers = {"content-type": CONTENT_TYPE, "content-encoding": coding}
    reply = send(port, "POST", INVOKE, headers, gzip.compress(BODY))
    assert (reply.status, reply.headers.get("accept-encoding")) == (415, "identity")


def test_identity_is_no_coding(port: int, send: Transport) -> None:
    headers = {"content-type": CONTENT_TYPE, "content-encoding": "identity"}
    assert send(port, "POST", INVOKE, headers, BODY).status == 200


@pytest.mark.parametrize("path", ["/health", INVOKE])
def test_100_continue(port: int, send: Transport, path: str) -> None:
    """Whoever waits for it gets it, or at once the answer."""
    headers = {"content-type": CONTENT_TYPE, "expect": "100-continue"}
    reply = send(port, "POST", path, headers, BODY)
    assert reply.status == 200


@pytest.mark.parametrize("version", ONE_PER_VERSION)
def test_unsigned_requests_get_a_challenge(version: str) -> None:
    """RFC 9110 section 15.5.2; /health needs no signature, and nor do methods that nobody has."""
    send = ONE_PER_VERSION[version]
    key = "publickeyv1_w7YHemBctH5Ck2nQRQ47iBBqhNHy4FV7t2Usbye2A6f"
    with ServedInThread(Guest, identity_keys=[key]) as served:
        for method, path in (("POST", INVOKE), ("GET", "/discover"), ("OPTIONS", INVOKE), ("GET", "/nothing")):
            for coding in ("identity", "gzip"):
                headers = {"content-type": CONTENT_TYPE, "content-encoding": coding}
                reply = send(served.port, method, path, headers, gzip.compress(BODY))
                assert (reply.status, reply.headers["www-authenticate"]) == (401, "Restate-Signature")
        assert send(served.port, "GET", "/health", {}, b"").status == 200
        assert send(served.port, "BREW", INVOKE, {}, b"").status == 501


# -- HTTP/1.1 alone ----------------------------------------------------------------------------------------------------

RAW: dict[str, tuple[bytes, bytes]] = {
    "no Host": (b"GET /health HTTP/1.1\r\n\r\n", b"400"),
    "no Host in HTTP/1.0": (b"GET /health HTTP/1.0\r\n\r\n", b"200"),
    "two Hosts": (b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400"),
    "Host that is none": (b"GET /health HTTP/1.1\r\nHost: a b\r\n\r\n", b"400"),
    "Host with user information": (b"GET /health HTTP/1.1\r\nHost: me@a\r\n\r\n", b"400"),
    "empty Host": (b"GET /health HTTP/1.1\r\nHost:\r\n\r\n", b"200"),
    "Host of IPv6": (b"GET /health HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", b"200"),
    "no version": (b"GET /health\r\n\r\n", b"505"),
    "two lengths in one": (b"POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 2, 2\r\n\r\nab", b"400"),
    "signed length": (b"POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\nab", b"400"),
    "chunked twice": (
        b"POST /health HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        b"400",
    ),
    "negative chunk": (
        b"POST /health HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
        b"400",
    ),
    "absolute target": (b"GET http://a.test/health HTTP/1.1\r\nHost: a.test\r\n\r\n", b"200"),
    "absolute target without path": (b"OPTIONS http://a.test HTTP/1.1\r\nHost: a.test\r\n\r\n", b"404"),
    "fragment": (b"GET /health#top HTTP/1.1\r\nHost: a\r\n\r\n", b"400"),
    "* without OPTIONS": (b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", b"400"),
    "CONNECT": (b"CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80\r\n\r\n", b"501"),
    "HTTP/2.0 as a version of this syntax": (b"GET /health HTTP/2.0\r\nHost: a\r\n\r\n", b"505"),
    "blanks after a value": (b"GET /health HTTP/1.1\r\nHost: a \t \r\n\r\n", b"200"),
    "blank before the colon": (b"GET /health HTTP/1.1\r\nHost : a\r\n\r\n", b"400"),
    "folded header": (b"GET /health HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", b"400"),
    "empty line before the request": (b"\r\nGET /health HTTP/1.1\r\nHost: a\r\n\r\n", b"200"),
    "bare LF": (b"GET /health HTTP/1.1\nHost: a\n\n", b"400"),
    "method in lower case": (b"get /health HTTP/1.1\r\nHost: a\r\n\r\n", b"501"),
    "unknown expectation": (
        b"POST /invoke/Guest/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 200-ok\r\n"
        b"Content-Type: application/vnd.restate.invocation.v6\r\n\r\nabc",
        b"417",
    ),
    "unknown transfer coding": (
        b"POST /health HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"501",
    ),
}


def first_line(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(data)
        received = b""
        while b"\r\n" not in received and (chunk := connection.recv(65_536)):
            received += chunk
        return received.partition(b"\r\n")[0]


@pytest.mark.parametrize("case", RAW)
def test_http1_messages(port: int, case: str) -> None:
    """RFC 9112 sections 2, 3, 5 and 6: what a message may look like."""
    data, status = RAW[case]
    assert first_line(port, data).split(b" ")[1] == status


def test_no_100_for_what_will_not_be_read(port: int) -> None:
    """A client that asks first is spared its upload (RFC 9110 section 10.1.1)."""
    head = b"POST /invoke/Guest/nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n"
    assert first_line(port, head) == b"HTTP/1.1 404 Not Found"


def test_100_comes_before_a_body_that_is_read(port: int) -> None:
    head = f"POST {INVOKE} HTTP/1.1\r\nHost: a\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: 100\r\n"
    assert first_line(port, head.encode() + b"Expect: 100-continue\r\n\r\n") == b"HTTP/1.1 100 Continue"


# -- HTTP/2 alone ------------------------------------------------------------------------------------------------------


def test_the_peers_goodbye_is_answered() -> None:
    """RFC 9113 section 6.8: the peer learns which streams are served; those go on, later ones are refused."""
    client = FrameClient()
    client.get(1)
    client.received()
    client.send(GoAwayFrame(0, last_stream_id=0, error_code=0))
    (goaway,) = client.received()
    assert isinstance(goaway, GoAwayFrame)
    assert (goaway.last_stream_id, goaway.error_code) == (1, 0)
    client.send(GoAwayFrame(0, last_stream_id=0, error_code=0))
    client.get(3)
    assert errors(client.received()) == [("RST", 7)]
    assert not client.connection.should_close
    client.handlers[0].stream.respond(200, end_stream=True)
    assert client.connection.should_close


def test_an_idle_connection_says_goodbye_too() -> None:
    client = FrameClient(echo)
    client.send(GoAwayFrame(0, last_stream_id=0, error_code=11))
    assert errors(client.received()) == [("GOAWAY", 0)]
    assert client.connection.should_close


def test_responses_of_the_connection_have_a_date() -> None:
    """Also those no request handler has seen: 431."""
    client = FrameClient()
    client.get(1, [*GET, ("x-bomb", "b" * 4000)])
    client.send(HeadersFrame(3, client.block(GET) + b"\xbe" * 1000, flags=["END_HEADERS", "END_STREAM"]))
    (frame,) = client.received()
    assert isinstance(frame, HeadersFrame)
    fields = {str(name): str(value) for name, value in client.decoder.decode(frame.data)}
    assert fields[":status"] == "431"
    assert parsedate_to_datetime(fields["date"]).tzinfo is not None


def test_the_manifest_is_the_same_but_for_the_mode(port: int) -> None:
    bodies = [json.loads(send(port, "GET", "/discover", {}, b"").body) for send in ONE_PER_VERSION.values()]
    assert [body.pop("protocolMode") for body in bodies] == ["REQUEST_RESPONSE", "BIDI_STREAM"]
    assert bodies[0] == bodies[1]
