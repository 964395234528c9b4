"""Request identity, end to end: a real server that signs, the endpoint that checks, and peers that pretend."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from restate_reflect import Context
from restate_reflect.server import AdminError, RestateServer, ServerSettings
from tests.conformance.settings import Signing
from tests.conftest import Serve
from tests.hostile.peer import CONTENT_TYPE, TcpPeer, attempt
from tests.support import ServedInThread, call

pytestmark = pytest.mark.server

INVOKE = "/invoke/Mirror/headers"


class Mirror:
    """Shows what the attempt's HTTP request carried."""

    async def headers(self, ctx: Context) -> dict[str, str]:
        return dict(ctx.request.attempt_headers)


class Signed(Signing):
    """A pair of keys, and what a server that has the private one would send."""

    def headers(self, path: str = INVOKE, **changes: Any) -> dict[str, str]:
        now = int(time.time())
        claims = {"aud": path, "exp": now + 60, "iat": now, "nbf": now, **changes}
        private: Any = load_pem_private_key(self.pem.read_bytes(), None)
        token = jwt.encode({k: v for k, v in claims.items() if v is not None}, private, algorithm="EdDSA")
        return {"x-restate-signature-scheme": "v1", "x-restate-jwt-v1": token}


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Signed:
    return Signed(tmp_path_factory.mktemp("old"))


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Signed:
    return Signed(tmp_path_factory.mktemp("new"))


@pytest.fixture(scope="module")
def old_server(old: Signed) -> Iterator[RestateServer]:
    with RestateServer(ServerSettings(request_identity_key=old.pem)) as server:
        yield server


@pytest.fixture(scope="module")
def new_server(new: Signed) -> Iterator[RestateServer]:
    with RestateServer(ServerSettings(request_identity_key=new.pem)) as server:
        yield server


# ---------------------------------------------------------------- the real server


@pytest.mark.parametrize("use_http_11", [False, True], ids=["http2", "http1"])
@pytest.mark.parametrize("prefix", ["", "/some/prefix"])
def test_a_signing_server_is_served(
    old_server: RestateServer, old: Signed, serve: Serve, prefix: str, use_http_11: bool
) -> None:
    """Under any prefix: the server signs the path behind it."""
    served = serve(None, Mirror, identity_keys=[old.public])
    old_server.register(served.url + prefix, use_http_11=use_http_11)
    headers = call(old_server, "Mirror", "headers").json
    assert headers["x-restate-signature-scheme"] == "v1"
    claims = jwt.decode(headers["x-restate-jwt-v1"], options={"verify_signature": False})
    assert claims["aud"] == INVOKE
    assert claims["exp"] > claims["nbf"]


def test_keys_are_rotated(old_server: RestateServer, new_server: RestateServer, old: Signed, new: Signed) -> None:
    """With both keys both servers are served; without the old one its server is not."""
    with ServedInThread(Mirror, identity_keys=[old.public, new.public]) as served:
        for server in (old_server, new_server):
            server.register(served.url)
            assert call(server, "Mirror", "headers").status == 200
    with ServedInThread(Mirror, identity_keys=[new.public], port=served.port):
        assert call(new_server, "Mirror", "headers").status == 200
        sent = call(old_server, "Mirror", "headers", send=True).invocation_id
        assert "401" in last_failure(old_server, sent)
    with ServedInThread(Mirror, identity_keys=[new.public, old.public], port=served.port):
        attached = f"SELECT status FROM sys_invocation WHERE id = '{sent}' AND status = 'completed'"
        wait_for(lambda: old_server.query(attached))  # nothing was lost meanwhile


@pytest.mark.parametrize("use_http_11", [False, True], ids=["http2", "http1"])
@pytest.mark.parametrize("signing", [False, True], ids=["unsigned", "another key"])
def test_discovery_is_refused(
    restate_server: RestateServer,
    new_server: RestateServer,
    old: Signed,
    serve: Serve,
    signing: bool,
    use_http_11: bool,
) -> None:
    """To a server that does not sign, and to one that signs with another key."""
    served = serve(None, Mirror, identity_keys=[old.public])
    server = new_server if signing else restate_server
    with pytest.raises(AdminError, match="401"):
        server.register(served.url, use_http_11=use_http_11)


def test_a_token_of_the_server_is_good_for_its_path_alone(old_server: RestateServer, old: Signed, serve: Serve) -> None:
    """Whoever catches one can repeat that request until it expires, and do nothing else."""
    served = serve(old_server, Mirror, identity_keys=[old.public])
    caught = call(old_server, "Mirror", "headers").json
    token = {name: caught[name] for name in ("x-restate-signature-scheme", "x-restate-jwt-v1")}
    for ask in (ask_http2, ask_http1):
        assert ask(served.port, "POST", INVOKE, token).status == 200
        assert ask(served.port, "GET", "/discover", token).status == 401
        assert ask(served.port, "POST", "/invoke/Mirror/other", token).status == 401


def last_failure(server: RestateServer, id_: str) -> str:
    sql = f"SELECT last_failure FROM sys_invocation WHERE id = '{id_}' AND last_failure IS NOT NULL"
    return str(wait_for(lambda: server.query(sql))[0]["last_failure"])


def wait_for(probe: Any, timeout: float = 30.0) -> Any:
    until = time.monotonic() + timeout
    while not (found := probe()):
        assert time.monotonic() < until, f"nothing after {timeout:g} s"
        time.sleep(0.03)
    return found


# ---------------------------------------------------------------- peers that pretend


@dataclass(frozen=True)
class Reply:
    status: int
    text: str


def ask_http2(port: int, method: str, path: str, headers: dict[str, str]) -> Reply:
    head = [(":method", method), (":scheme", "http"), (":authority", "a.test"), (":path", path)]
    with TcpPeer(port) as peer:
        peer.headers(1, [*head, ("content-type", CONTENT_TYPE), *headers.items()], end=method == "GET")
        if method == "POST":
            peer.data(1, attempt(b""), end=True)
        peer.until(lambda: peer.ended(1))
        return Reply(peer.status(1), peer.body(1).decode("latin-1"))


def ask_http1(port: int, method: str, path: str, headers: dict[str, str]) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        body = attempt(b"") if method == "POST" else None
        connection.request(method, path, body, {"content-type": CONTENT_TYPE, **headers})
        response = connection.getresponse()
        return Reply(response.status, response.read().decode("latin-1"))
    finally:
        connection.close()


@pytest.fixture(scope="module")
def guarded(old: Signed) -> Iterator[int]:
    with ServedInThread(Mirror, identity_keys=[old.public]) as served:
        yield served.port


REFUSED: dict[str, tuple[Any, str]] = {
    "no headers": (lambda old, new: {}, "missing header x-restate-signature-scheme"),
    "no token": (lambda old, new: {"x-restate-signature-scheme": "v1"}, "missing header x-restate-jwt-v1"),
    "no scheme": (lambda old, new: {"x-restate-jwt-v1": old.headers()["x-restate-jwt-v1"]}, "missing header"),
    "unsigned": (lambda old, new: {"x-restate-signature-scheme": "unsigned"}, "unsigned"),
    "unknown scheme": (lambda old, new: old.headers() | {"x-restate-signature-scheme": "v2"}, "unknown"),
    "upper case scheme": (lambda old, new: old.headers() | {"x-restate-signature-scheme": "V1"}, "unknown"),
    "expired": (lambda old, new: old.headers(exp=int(time.time()) - 1), "expired"),
    "not valid yet": (lambda old, new: old.headers(nbf=int(time.time()) + 60), "not yet valid"),
    "another path": (lambda old, new: old.headers("/invoke/Mirror/other"), "udience"),
    "another service": (lambda old, new: old.headers("/invoke/Other/headers"), "udience"),
    "a prefix in the audience": (lambda old, new: old.headers("/prefix" + INVOKE), "udience"),
    "no audience": (lambda old, new: old.headers(aud=None), "aud"),
    "no expiry": (lambda old, new: old.headers(exp=None), "exp"),
    "another key": (lambda old, new: new.headers(), "ignature"),
    "garbage": (lambda old, new: {"x-restate-signature-scheme": "v1", "x-restate-jwt-v1": "a.b.c"}, "token"),
    "64 kB of garbage": (
        lambda old, new: {"x-restate-signature-scheme": "v1", "x-restate-jwt-v1": "e30." * 2000},
        "token",
    ),
}


@pytest.mark.parametrize("ask", [ask_http2, ask_http1])
@pytest.mark.parametrize("case", REFUSED)
def test_who_pretends_is_refused(guarded: int, old: Signed, new: Signed, case: str, ask: Any) -> None:
    """401, with a reason that tells the sender nothing new; the handler never runs."""
    make, reason = REFUSED[case]
    reply = ask(guarded, "POST", INVOKE, make(old, new))
    assert reply.status == 401, reply
    assert reason in reply.text
    assert ask(guarded, "POST", INVOKE, old.headers()).status == 200


@pytest.mark.parametrize("ask", [ask_http2, ask_http1])
@pytest.mark.parametrize("path", [INVOKE, "/prefix" + INVOKE, "/v1/a/b" + INVOKE])
def test_the_path_may_have_a_prefix(guarded: int, old: Signed, path: str, ask: Any) -> None:
    """The audience has none."""
    assert ask(guarded, "POST", path, old.headers()).status == 200


@pytest.mark.parametrize("ask", [ask_http2, ask_http1])
@pytest.mark.parametrize("path", ["/health", "/prefix/health"])
def test_health_stays_open(guarded: int, path: str, ask: Any) -> None:
    """For load balancers, which sign nothing; it says nothing about the services."""
    assert ask(guarded, "GET", path, {}) == Reply(200, "ok")


@pytest.mark.parametrize("ask", [ask_http2, ask_http1])
def test_discovery_is_closed(guarded: int, old: Signed, ask: Any) -> None:
    """Without a signature it tells nothing."""
    reply = ask(guarded, "GET", "/discover", {})
    assert (reply.status, "Mirror" in reply.text) == (401, False)
    assert "Mirror" in ask(guarded, "GET", "/discover", old.headers("/discover")).text


@pytest.mark.parametrize("path", ["/health/../discover", "/discover?x=/health", "/invoke/Mirror/headers?/health"])
@pytest.mark.parametrize("ask", [ask_http2, ask_http1])
def test_an_open_path_opens_no_other(guarded: int, path: str, ask: Any) -> None:
    """What decides is the path that is served, without query."""
    method = "POST" if "invoke" in path else "GET"
    assert ask(guarded, method, path, {}).status == 401


def test_unsigned_bodies_cost_nothing(guarded: int, old: Signed, tmp_path: Path) -> None:
    """A refused peer is stopped at its first byte."""
    with TcpPeer(guarded) as peer:
        head = [(":method", "POST"), (":scheme", "http"), (":authority", "a.test"), (":path", INVOKE)]
        peer.headers(1, head)
        peer.data(1, bytes(16_000))
        peer.settle()
        assert peer.errors == [("RST", 0)]
