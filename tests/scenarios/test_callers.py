"""What callers from outside rely on: idempotency keys, private handlers, codecs of their own."""

from __future__ import annotations

import asyncio
import itertools
import threading
from typing import Annotated, Any

import pytest

from restate_reflect import Context, ObjectContext, ObjectSharedContext, WorkflowContext, handler, service
from restate_reflect.errors import DecodeError
from restate_reflect.ingress import Client, Ready
from restate_reflect.server import RestateServer
from tests.conftest import Serve, ServerMaker
from tests.realserver.waiting import eventually
from tests.scenarios.conftest import Site, result
from tests.support import call, fetch

_serial = itertools.count()


@pytest.fixture
def fresh() -> str:
    return f"fresh-{next(_serial)}"


class Account:
    async def add(self, ctx: ObjectContext, number: int) -> list[int]:
        old = await ctx.get("total", int, default=0)
        ctx.set("total", old + number)
        return [old, old + number]

    async def total(self, ctx: ObjectSharedContext) -> int:
        return await ctx.get("total", int, default=0)


class Teller:
    async def adds(self, ctx: Context, key: str, number: int) -> None:
        ctx.send(Account.add, number, key=key)

    async def greets(self, ctx: Context, name: str) -> str:
        return await ctx.call(Private.greet, name)


@service(ingress_private=True)
class Private:
    async def greet(self, ctx: Context, name: str) -> str:
        return f"hello {name}"


class Holder:
    """Holds an awakeable."""

    async def run(self, ctx: ObjectContext) -> str:
        awakeable = ctx.awakeable(str)
        ctx.set("id", awakeable.id)
        return await awakeable

    async def resolve(self, ctx: ObjectSharedContext, value: str) -> bool:
        id_ = await ctx.get("id", str)
        if id_ is not None:
            ctx.resolve_awakeable(id_, value)
        return id_ is not None


# ---------------------------------------------------------------- codecs


class Prefixed:
    """Texts behind a word, which nobody else writes or reads."""

    def __init__(self, word: str) -> None:
        self.content_type, self._word = f"application/x-{word}", word.encode()

    def encode(self, value: str) -> bytes:
        return self._word + b":" + value.encode()

    def decode(self, data: bytes) -> str:
        word, _, text = data.partition(b":")
        if word != self._word:
            raise DecodeError(f"not written as {self._word.decode()}: {data.decode()}")
        return text.decode()

    def json_schema(self, mode: str) -> dict[str, Any]:
        return {"type": "string"}


Usual = Annotated[str, Prefixed("usual")]
Special = Annotated[str, Prefixed("special")]


class CodedDesk:
    def __init__(self) -> None:
        self.awakeables: dict[str, str] = {}

    async def echo(self, ctx: Context, text: Usual) -> Usual:
        return f"desk {text}"

    async def other(self, ctx: Context, text: Special) -> Special:
        return f"desk {text}"

    async def waits(self, ctx: Context, name: Usual) -> Usual:
        awakeable = ctx.awakeable(Special)
        self.awakeables[name] = awakeable.id
        return await awakeable

    @handler(input_codec=Prefixed("special"), output_codec=Prefixed("special"))
    async def by_handler(self, ctx: Context, text: str) -> str:
        return f"desk {text}"

    async def plain(self, ctx: Context, text: str) -> str:
        return f"desk {text}"


@service(input_codec=Prefixed("usual"), output_codec=Prefixed("usual"))
class CodedByService:
    async def echo(self, ctx: Context, text: str) -> str:
        return f"service {text}"


class CodedShelf:
    async def echo(self, ctx: ObjectContext, text: Usual) -> Usual:
        return f"shelf {text}"


class CodedFlow:
    async def run(self, ctx: WorkflowContext, text: Usual) -> Special:
        return f"flow {text}"


DESK = CodedDesk()
SERVICES = (Holder(),)
CALLED = (Account, Teller, Private, DESK, CodedByService, CodedShelf, CodedFlow)


def test_codecs_are_those_of_the_handlers(once: Site, fresh: str) -> None:
    """For calls, messages, workflows, their results and awakeables, as the types say; raw bytes show it."""

    async def use() -> list[Any]:
        async with Client(once.server.ingress_url) as client:
            sent = await client.send(CodedDesk.other, "sent", idempotency_key=fresh)
            flow = await client.submit(CodedFlow.run, "submitted", key=fresh)
            waiting = await client.send(CodedDesk.waits, fresh)
            while fresh not in DESK.awakeables:
                await asyncio.sleep(0.01)
            await client.resolve_awakeable(DESK.awakeables[fresh], "resolved", type=Special)
            return [
                await client.call(CodedDesk.echo, "called"),
                await client.call(CodedDesk.other, "called"),
                await client.call(CodedShelf.echo, "called", key=fresh),
                await sent.attach(),
                await flow.attach(),
                await client.workflow(CodedFlow.run, key=fresh).output(),
                await waiting.attach(),
                await client.call(CodedDesk.by_handler, "called"),
                await client.call(CodedByService.echo, "called"),
                await client.call_raw("CodedDesk", "other", b"special:raw", content_type="application/x-special"),
                await client.call_raw("CodedDesk", "by_handler", b"special:raw", content_type="application/x-special"),
                await client.call_raw("CodedByService", "echo", b"usual:raw", content_type="application/x-usual"),
                await client.call_raw("CodedDesk", "plain", b'"raw"', content_type="application/json"),
            ]

    assert asyncio.run(use()) == [
        "desk called",
        "desk called",
        "shelf called",
        "desk sent",
        "flow submitted",
        Ready("flow submitted"),
        "resolved",
        "desk called",
        "service called",
        b"special:desk raw",
        b"special:desk raw",
        b"usual:service raw",
        b'"desk raw"',
    ]


def test_the_codec_of_another_is_told(once: Site) -> None:
    """A 400 that no attempt makes good."""
    kind = {"content-type": "application/x-usual"}
    answer = call(once.server, "CodedDesk", "echo", b"special:x", headers=kind, timeout=15)
    assert answer.status == 400
    assert "not written as usual" in answer.json["message"]


# ---------------------------------------------------------------- idempotency keys


def test_one_key_one_execution(once: Site, fresh: str) -> None:
    """Of an object, of a service that calls it, and of messages, which tell the first one's id."""
    server, key = once.server, {"idempotency-key": fresh}
    first, second = (call(server, "Account", "add", 2, key=fresh, send=True, headers=key) for _ in range(2))
    assert (first.json["status"], second.json["status"]) == ("Accepted", "PreviouslyAccepted")
    assert first.invocation_id == second.invocation_id
    assert call(server, "Account", "add", 2, key=fresh, headers=key).json == [0, 2]
    for _ in range(2):
        assert call(server, "Teller", "adds", {"key": fresh, "number": 3}, headers=key).status == 200
    eventually(lambda: call(server, "Account", "total", key=fresh).json == 5)
    other = {"idempotency-key": f"{fresh} other"}
    assert call(server, "Account", "add", 2, key=fresh, headers=other).json == [5, 7]


def test_who_knows_the_key_may_wait_for_the_result(site: Site, fresh: str) -> None:
    """Or ask whether it is there."""
    sent = site.send("Holder/run", key=fresh, headers={"idempotency-key": fresh})
    url = f"{site.server.ingress_url}/restate/invocation/Holder{site.suffix}/{fresh}/run/{fresh}"
    attached: list[Any] = []
    waiting = threading.Thread(target=lambda: attached.append(fetch(f"{url}/attach", method="GET", timeout=30).json))
    waiting.start()
    assert fetch(f"{url}/output", method="GET").status == 470
    assert waiting.is_alive()
    eventually(lambda: site.call("Holder/resolve", "response", key=fresh))
    waiting.join(30)
    assert attached == ["response"]
    assert fetch(f"{url}/output", method="GET").json == sent.attach() == "response"


@pytest.mark.both_engines
@pytest.mark.server
def test_a_key_that_was_forgotten_may_be_used_again(server_with: ServerMaker, serve: Serve, fresh: str) -> None:
    """After the retention; until then it has its first result."""
    server = server_with(config={"worker.cleanup-interval": "1s"})
    serve(server, service(idempotency_retention=0.5)(type("Account", (Account,), {"__module__": __name__})))
    add = forgetful(server, fresh)
    assert [add(), add()] == [[0, 2], [0, 2]]
    assert eventually(lambda: None if (seen := add()) == [0, 2] else seen) == [2, 4]


def forgetful(server: RestateServer, key: str) -> Any:
    return lambda: call(server, "Account", "add", 2, key=key, headers={"idempotency-key": key}).json


# ---------------------------------------------------------------- private handlers


def test_a_private_service_is_there_for_handlers_alone(once: Site) -> None:
    assert call(once.server, "Private", "greet", "ada").status == 400
    assert result(call(once.server, "Teller", "greets", "ada")) == "hello ada"
