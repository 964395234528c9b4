"""The same on restate-server, by V6 and V7, over HTTP/2 and HTTP/1.1: it stores what it is given."""

from __future__ import annotations

from typing import Any

import pytest

from restate_reflect import Context, ObjectContext
from restate_reflect.endpoint import endpoint
from restate_reflect.payloads import Chain, ClaimCheck, Zstd
from restate_reflect.payloads._envelope import MAGIC, seal
from restate_reflect.server import RestateServer
from tests.conftest import Serve, ServerMaker
from tests.payloads.services import ALL, CHAINS, SECRET, MemoryStore, encrypting
from tests.realserver.waiting import eventually
from tests.support import ServedInThread, call, fetch

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("use_http_11", [False, True], ids=["h2", "h1"])
@pytest.mark.parametrize("chain", ["encrypted", "claimed"])
def test_every_position_comes_back(any_server: RestateServer, serve: Serve, chain: str, use_http_11: bool) -> None:
    serve(any_server, *ALL, payloads=CHAINS[chain](), use_http_11=use_http_11)
    key = f"{chain}-{use_http_11}"
    said = call(any_server, "Everything", "run", key).json
    assert all(said.values()), said
    stored = any_server.query(
        "SELECT raw FROM sys_journal WHERE id IN (SELECT id FROM sys_invocation WHERE"
        " target_service_name IN ('Everything', 'Upper', 'Waiter'))"
    )
    filled = call(any_server, "Cart", "fill", ["tea"], key=key).json
    assert filled == ["tea", SECRET, None, "items", "large", "nothing", "raw"]
    assert call(any_server, "Cart", "look", key=key).json.endswith(f"['tea', '{SECRET}']")
    stored += any_server.query(f"SELECT value AS raw FROM state WHERE service_key = '{key}'")
    payloads = b"\n".join(bytes.fromhex(row["raw"]) for row in stored if row.get("raw"))
    assert payloads.count(MAGIC) > 10
    hidden = SECRET.encode(), SECRET.upper().encode()
    assert [each for each in hidden if each in payloads] == []


class Replays:
    """Suspends between each two steps."""

    async def run(self, ctx: ObjectContext, text: str) -> str:
        ctx.set("text", text)
        await ctx.sleep(0.05)
        ctx.send(Other.echo, text)
        await ctx.sleep(0.05)
        return await ctx.call(Other.echo, await ctx.get("text", str) or "")


class Other:
    async def echo(self, ctx: Context, text: str) -> str:
        return text


@pytest.mark.both_engines
def test_fresh_nonces_are_no_mismatch(server_with: ServerMaker, serve: Serve) -> None:
    """The server stores commands as it got them, and this side compares what they mean."""
    server = server_with(inactivity_timeout=0)
    serve(server, Replays, Other, payloads=CHAINS["claimed"]())
    assert call(server, "Replays", "run", SECRET, key="k").json == SECRET


@pytest.mark.both_engines
def test_a_key_that_is_missing_is_named_and_waited_for(server_with: ServerMaker) -> None:
    """What ``sys_invocation`` shows says which one; with it, the invocation ends."""
    server = server_with(inactivity_timeout=0)
    with ServedInThread(Keeps, payloads=encrypting("old")) as served:
        server.register(served.url)
        call(server, "Keeps", "write", SECRET, key="k")
        port = served.port
    with ServedInThread(Keeps, port=port, payloads=encrypting("new")):
        sent = str(call(server, "Keeps", "read", key="k", send=True).json["invocationId"])
        message = eventually(lambda: _failure(server, sent))
    assert "the payload of state Keeps/k 'text'" in message
    assert "encrypted with key 'old', and the keys here are 'new'" in message
    with ServedInThread(Keeps, port=port, payloads=encrypting("new", "old")):
        assert eventually(lambda: _result(server, sent)) == SECRET


class Keeps:
    async def write(self, ctx: ObjectContext, text: str) -> None:
        ctx.set("text", text)

    async def read(self, ctx: ObjectContext) -> str:
        return await ctx.get("text", str) or ""


def _failure(server: RestateServer, identifier: str) -> str:
    rows = server.query(f"SELECT last_failure FROM sys_invocation WHERE id = '{identifier}'")
    return str(rows[0].get("last_failure", "")) if rows else ""


def _result(server: RestateServer, identifier: str) -> Any:
    answer = fetch(f"{server.ingress_url}/restate/invocation/{identifier}/output", method="GET")
    return answer.json if answer.status == 200 else None


class TestHostileInputs:
    """Whoever can call a handler can send anything: it is told, and what waits behind it goes on."""

    @pytest.mark.parametrize(
        "body, status",
        [
            (MAGIC, 400),
            (seal("zstd", b"nonsense"), 400),
            (seal("zstd", Zstd()._zstd.compress(b'"' + b"a" * (9 << 20) + b'"')), 413),
            (seal("aes-gcm", b"\x03old" + b"\0" * 40), 400),
            (seal("claim", b"\0" * 40), 400),
            (seal("", b"no JSON"), 400),
        ],
        ids=["cut", "nonsense", "bomb", "forged", "claim", "wrapped"],
    )
    @pytest.mark.both_engines
    def test_they_are_answered(self, server_with: ServerMaker, serve: Serve, body: bytes, status: int) -> None:
        server = server_with()
        chain = Chain([*encrypting("old"), ClaimCheck(MemoryStore())], patience=0)
        serve(server, Keeps, payloads=chain)
        answer = call(server, "Keeps", "write", body, key="k", headers={"content-type": "application/json"})
        assert answer.status == status, answer.body
        call(server, "Keeps", "write", "next", key="k")
        assert call(server, "Keeps", "read", key="k").json == "next"


def test_options_are_those_of_every_endpoint() -> None:
    """Mistakes are told where it is made."""
    with pytest.raises(TypeError, match="is no codec"):
        endpoint(Keeps, payloads=[object()])
