"""Whatever is sent in error gets a clear answer, and nothing else suffers from it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, Field

from restate_reflect import Context
from restate_reflect.endpoint import EndpointLimits
from restate_reflect.protocol.framing import encode_frame
from restate_reflect.protocol.versions import ProtocolVersion
from restate_reflect.server import AdminError, RestateServer
from tests.conftest import Serve, ServerMaker
from tests.journals import M, given_input, journal, start
from tests.realserver.h2_peer import H2Peer, Response
from tests.realserver.waiting import eventually
from tests.support import ServedInThread, call, fetch

V5, V6, V7 = ProtocolVersion


class Item(BaseModel):
    sku: str
    qty: int = Field(gt=0)


class Warehouse:
    """What is called in error."""

    async def store(self, ctx: Context, item: Item) -> str:
        return f"{item.qty} {item.sku}"

    async def several(self, ctx: Context, sku: str, qty: int = 1) -> str:
        return f"{qty} {sku}"

    async def count(self, ctx: Context) -> int:
        return 5

    async def echo(self, ctx: Context, data: bytes) -> bytes:
        return data


@pytest.fixture(scope="module")
def served() -> Iterator[ServedInThread]:
    with ServedInThread(Warehouse) as served:
        yield served


@pytest.fixture
def peer(served: ServedInThread) -> Iterator[H2Peer]:
    with H2Peer(served.port) as peer:
        yield peer


GOOD = journal(given_input(b'{"sku": "lamp", "qty": 2}'), state={})


def check_works(peer: H2Peer) -> None:
    """A regular invocation on the same connection."""
    answer = peer.response(peer.invoke("Warehouse", "store", GOOD))
    assert answer.output.value.content == b'"2 lamp"'


# ---------------------------------------------------------------- requests that reach no handler


@pytest.mark.parametrize(
    "path, said",
    [
        ("/invoke/Warehose/store", "no service 'Warehose' here; served are Warehouse"),
        ("/invoke/Warehouse/stor", "service 'Warehouse' has no handler 'stor'; it has store, several, count, echo"),
        ("/elsewhere", "nothing at /elsewhere"),
    ],
)
def test_unknown_paths_are_a_404_that_says_what_is_there(peer: H2Peer, path: str, said: str) -> None:
    answer = peer.response(peer.open(path, {"content-type": V6.content_type}, end=True))
    assert answer.status == 404
    assert said in answer.text
    check_works(peer)


@pytest.mark.parametrize("kind", ["application/vnd.restate.invocation.v99", "application/json", ""])
def test_an_unsupported_protocol_version_is_a_415(peer: H2Peer, kind: str) -> None:
    headers = {"content-type": kind} if kind else {}
    answer = peer.response(peer.open("/invoke/Warehouse/store", headers, end=True))
    assert answer.status == 415
    assert V5.content_type in answer.text
    assert V7.content_type in answer.text
    check_works(peer)


def test_an_unknown_manifest_version_is_a_415(peer: H2Peer) -> None:
    accept = {"accept": "application/vnd.restate.endpointmanifest.v77+json"}
    assert peer.response(peer.open("/discover", accept, method="GET", end=True)).status == 415
    check_works(peer)


# ---------------------------------------------------------------- malformed messages


@pytest.mark.parametrize(
    "data, said",
    [
        (encode_frame(M.START, b"\xff\xff\xff"), "malformed StartMessage"),
        (given_input(b"1"), "outside of the replay"),
        (start(0), "empty journal"),
        (start(1, state={}) + encode_frame(M.INPUT_COMMAND, b"\xff\xff"), "malformed InputCommandMessage"),
        (b"\x00\x00\x00\x00\xff\xff\xff\xff", "exceeds the limit"),
        (encode_frame(M.START, b"")[:4] + b"\x7f\xff\xff\xff", "exceeds the limit"),
        (encode_frame(0x0377, b"what"), "unexpected message type 0x0377"),
    ],
    ids=["not protobuf", "command first", "empty journal", "garbled input", "endless", "huge", "unknown type"],
)
def test_malformed_messages_are_a_571_and_the_connection_lives(peer: H2Peer, data: bytes, said: str) -> None:
    """The stream gets an error message; a stream that was open before and one after it work."""
    before = peer.invoke("Warehouse", "store", GOOD[:10])
    answer = peer.response(peer.invoke("Warehouse", "store", data))
    assert answer.status == 200
    assert answer.error.code == 571
    assert said in answer.error.message
    peer.send(before, GOOD[10:])
    assert peer.response(before).output.value.content == b'"2 lamp"'
    check_works(peer)


@pytest.mark.parametrize("cut", [3, 15, len(GOOD) - 1])
def test_a_request_that_ends_too_early_is_a_571(peer: H2Peer, cut: int) -> None:
    stream = peer.invoke("Warehouse", "store", GOOD[:cut])
    peer.send(stream, end=True)
    answer = peer.response(stream)
    assert answer.error.code == 571
    assert "the request ended" in answer.error.message
    check_works(peer)


def test_http_11_answers_alike(served: ServedInThread) -> None:
    """The same decisions, without a stream that stays open."""

    def post(path: str, kind: str, data: bytes) -> Response:
        answer = fetch(f"{served.url}{path}", data, headers={"content-type": kind})
        return Response({":status": str(answer.status)}, bytearray(answer.body), ended=True)

    assert post("/invoke/Warehouse/stor", V6.content_type, GOOD).status == 404
    assert post("/invoke/Warehouse/store", "application/json", GOOD).status == 415
    assert post("/invoke/Warehouse/store", V6.content_type, b"garbage!" * 3).error.code == 571
    assert post("/invoke/Warehouse/store", V6.content_type, GOOD[:-1]).error.code == 571
    assert post("/invoke/Warehouse/store", V6.content_type, GOOD).output.value.content == b'"2 lamp"'


# ---------------------------------------------------------------- bodies that do not fit


@pytest.mark.parametrize("version", [V5, V6, V7])
def test_invalid_input_is_a_terminal_400_with_the_list_of_errors(peer: H2Peer, version: ProtocolVersion) -> None:
    """V5 has no metadata: there the message alone carries the list."""
    data = journal(given_input(b'{"qty": -1}'), state={})
    failure = peer.response(peer.invoke("Warehouse", "store", data, version=version)).output.failure
    assert failure.code == 400
    assert "sku: Field required" in failure.message
    assert "qty: Input should be greater than 0" in failure.message
    metadata = {entry.key: entry.value for entry in failure.metadata}
    if version is V5:
        assert metadata == {}
    else:
        assert [error["type"] for error in json.loads(metadata["errors"])] == ["missing", "greater_than"]


def test_input_where_none_is_declared_is_a_terminal_400(peer: H2Peer) -> None:
    """Should a peer not know the manifest."""
    data = journal(given_input(b'{"qty": 1}'), state={})
    failure = peer.response(peer.invoke("Warehouse", "count", data)).output.failure
    assert failure.code == 400


@pytest.mark.parametrize(
    "handler, body, status",
    [
        ("store", {"sku": "lamp", "qty": 2}, 200),
        ("store", {"sku": "lamp", "qty": 0}, 400),
        ("store", b"\xff\xfe", 400),
        ("several", {"sku": "lamp"}, 200),
        ("several", {"qty": 2}, 400),
        ("count", {"sku": "lamp"}, 400),
        ("nothing", {}, 404),
    ],
)
def test_the_server_passes_it_on(
    any_server: RestateServer, serve: Serve, handler: str, body: object, status: int
) -> None:
    """The caller sees the status; nothing is retried."""
    serve(any_server, Warehouse)
    headers = {"content-type": "application/json"}
    answer = call(any_server, "Warehouse", handler, body, headers=headers)
    assert answer.status == status, answer.body


# ---------------------------------------------------------------- size


@pytest.mark.both_engines
def test_a_body_over_the_limit_is_refused(serve: Serve, server_with: ServerMaker) -> None:
    """The attempt fails and names the limit; the endpoint goes on, and so does the same invocation once it may."""
    server = server_with()
    small = serve(server, Warehouse, limits=EndpointLimits(max_message_bytes=10_000))
    assert call(server, "Warehouse", "echo", b"x" * 5_000).body == b"x" * 5_000
    refused = call(server, "Warehouse", "echo", b"x" * 20_000, send=True).invocation_id

    def failure() -> str | None:
        (row,) = server.query(f"SELECT * FROM sys_invocation WHERE id = '{refused}'")
        found: str | None = row.get("last_failure")
        return found

    assert "exceeds the limit of 10000 bytes" in str(eventually(failure))
    assert call(server, "Warehouse", "echo", b"y" * 5_000).body == b"y" * 5_000
    small.stop()
    serve(server, Warehouse, port=small.port)
    eventually(lambda: server.query(f"SELECT 1 FROM sys_invocation WHERE id = '{refused}' AND status = 'completed'"))


def test_megabytes_pass_both_ways(any_server: RestateServer, serve: Serve) -> None:
    """Far over every flow-control window."""
    serve(any_server, Warehouse)
    body = bytes(range(256)) * 16 * 1024
    assert call(any_server, "Warehouse", "echo", body).body == body


# ---------------------------------------------------------------- signatures


@pytest.fixture(scope="module")
def private_key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = tmp_path_factory.mktemp("identity") / "key.pem"
    file.write_bytes(pem)
    return file


def test_unsigned_requests_are_a_401_and_signed_ones_pass(
    server_with: ServerMaker, serve: Serve, private_key_file: Path, restate_server: RestateServer
) -> None:
    """The real server signs; a server without the key can't even register."""
    signing = server_with(request_identity_key=private_key_file)
    served = serve(None, Warehouse, identity_keys=[public_key_of(signing)])
    with H2Peer(served.port) as peer:
        headers = {"content-type": V6.content_type}
        assert peer.response(peer.open("/invoke/Warehouse/store", headers, end=True)).status == 401
        forged = {**headers, "x-restate-signature-scheme": "v1", "x-restate-jwt-v1": "a.b.c"}
        assert peer.response(peer.open("/invoke/Warehouse/store", forged, end=True)).status == 401
        assert peer.response(peer.open("/discover", method="GET", end=True)).status == 401
        assert peer.response(peer.open("/health", method="GET", end=True)).status == 200
    with pytest.raises(AdminError, match="401"):
        restate_server.register(served.url)
    signing.register(served.url)
    assert call(signing, "Warehouse", "count").json == 5
    signing.register(served.url, use_http_11=True)
    assert call(signing, "Warehouse", "count").json == 5


def public_key_of(server: RestateServer) -> str:
    """The server prints its public key when it starts."""
    text = server.log_file.read_text(errors="replace")
    start_ = text.index("publickeyv1_")
    end = next(index for index in range(start_, len(text)) if not (text[index].isalnum() or text[index] == "_"))
    return text[start_:end]
