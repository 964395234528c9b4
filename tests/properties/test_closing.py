"""Closing an attempt disturbs nobody, whatever its handler does then, on any transport."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from hypothesis import example, given, settings

from restate_reflect import Context
from restate_reflect.embedded.deployments.http1_client import Http1Deployment
from restate_reflect.embedded.deployments.http2_client import Http2Deployment
from restate_reflect.endpoint.asgi import asgi_app
from restate_reflect.endpoint.aws_lambda import lambda_handler
from restate_reflect.endpoint.listener import listening
from tests.journals import M, frames, given_input, journal
from tests.properties.closed_programs import (
    AT_THE_END,
    NESTED,
    PROGRAMS,
    WAITS,
    Attempt,
    Closed,
    Program,
    executed,
    outcome,
    wrong,
)

PATH = "/invoke/Closed/go"
TYPE = {"content-type": "application/vnd.restate.invocation.v6"}


class Receiver:
    """Keeps an answer."""

    def __init__(self) -> None:
        self.body = b""
        self.status = 0
        self.error: str | None = None
        self.over = asyncio.Event()

    def answered(self, status: int, headers: Any) -> None:
        self.status = status

    def received(self, data: bytes) -> None:
        self.body += data

    def ended(self, error: str | None) -> None:
        self.error = error
        self.over.set()

    async def whole(self) -> bytes:
        await asyncio.wait_for(self.over.wait(), 30)
        assert (self.status, self.error) == (200, None)
        return self.body


def _post(deployment: Http1Deployment | Http2Deployment) -> Attempt:
    async def attempt(data: bytes) -> bytes:
        receiver = Receiver()
        exchange = deployment.open(PATH, TYPE, receiver)
        exchange.write(data)
        exchange.close_input()
        return await receiver.whole()

    return attempt


@asynccontextmanager
async def over_http1(program: Program) -> AsyncIterator[Attempt]:
    async with listening(Closed(program)) as listener:
        deployment = Http1Deployment(f"http://127.0.0.1:{listener.port}")
        yield _post(deployment)
        await deployment.close()


class Bystander:
    """Another invocation of the same connection: one step, that ends when everything else is over."""

    def __init__(self) -> None:
        self.bodies = 0
        self.over = asyncio.Event()

    async def go(self, ctx: Context) -> int:
        return await ctx.run("once", self.step)

    async def step(self) -> int:
        self.bodies += 1
        await self.over.wait()
        return self.bodies


@asynccontextmanager
async def over_http2(program: Program) -> AsyncIterator[Attempt]:
    bystander, receiver = Bystander(), Receiver()
    async with listening(Closed(program), bystander) as listener:
        deployment = Http2Deployment(f"http://127.0.0.1:{listener.port}")
        exchange = deployment.open("/invoke/Bystander/go", TYPE, receiver)
        exchange.write(journal(given_input()))
        yield _post(deployment)
        bystander.over.set()
        exchange.close_input()
        types = [raw.type for raw in frames(await receiver.whole())]
        assert types == [M.RUN_COMMAND, M.PROPOSE_RUN_COMPLETION, M.SUSPENSION]
        assert bystander.bodies == 1
        await deployment.close()


@asynccontextmanager
async def over_asgi(program: Program) -> AsyncIterator[Attempt]:
    app = asgi_app(Closed(program))
    scope = {
        "type": "http",
        "method": "POST",
        "path": PATH,
        "http_version": "1.1",
        "headers": [(name.encode(), value.encode()) for name, value in TYPE.items()],
    }

    async def attempt(data: bytes) -> bytes:
        incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        incoming.put_nowait({"type": "http.request", "body": data, "more_body": False})
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        await asyncio.wait_for(app(scope, incoming.get, send), 30)
        assert sent[0]["status"] == 200
        return b"".join(message.get("body", b"") for message in sent)

    yield attempt


@asynccontextmanager
async def on_lambda(program: Program) -> AsyncIterator[Attempt]:
    function = lambda_handler(Closed(program))

    def invoke(data: bytes) -> bytes:
        body = base64.b64encode(data).decode()
        event = {"path": PATH, "httpMethod": "POST", "headers": TYPE, "body": body, "isBase64Encoded": True}
        response = function(event, None)
        assert response["statusCode"] == 200
        return base64.b64decode(response["body"])

    async def attempt(data: bytes) -> bytes:
        return await asyncio.to_thread(invoke, data)

    yield attempt
    await asyncio.to_thread(function.close)


Transport = Callable[[Program], AbstractAsyncContextManager[Attempt]]


async def run(program: Program, transport: Transport) -> tuple[bytes, int, list[str]]:
    """Output, number of attempts, and the steps that were executed."""
    executed.clear()
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
    async with transport(program) as attempt:
        output, attempts = await outcome(program, attempt)
    assert complaints == []
    return output, attempts, sorted(executed)


@pytest.fixture(autouse=True)
def _nothing_is_reported(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    wrong.clear()
    with caplog.at_level(logging.WARNING):
        yield
    assert wrong == []
    assert [record.getMessage() for record in caplog.records] == []


TRANSPORTS = [over_http1, over_http2, over_asgi, on_lambda]


@pytest.mark.parametrize("transport", TRANSPORTS)
@settings(deadline=None, max_examples=20)
@example(program=("body of group", (("asyncio.sleep", 1),)))
@example(program=("body of group", (("run", 1),)))
@example(program=("body of group", (("call", 1),)))
@given(program=PROGRAMS)
def test_closing_disturbs_nobody(transport: Transport, program: Program) -> None:
    """A handler is closed at each of its awaits, and comes to its end as if it had not been."""
    output, attempts, steps = asyncio.run(run(program, transport))
    assert attempts > 1
    assert (output, attempts, steps) == asyncio.run(run(program, on_lambda))


@pytest.mark.parametrize("wait", WAITS)
@pytest.mark.parametrize("around", NESTED)
def test_each_way_to_be_closed(around: str, wait: str) -> None:
    """One around the other, and around that a group."""
    program = ("body of group", ((around, ((wait, 1), (wait, 2))),))
    asyncio.run(run(program, over_asgi))


@pytest.mark.parametrize("how", AT_THE_END)
def test_closing_disturbs_no_stream_of_the_same_connection(how: str) -> None:
    """The connection stays, and a step of another invocation is executed once."""
    program = ("group", ((f"at the end: {how}", (("run", 0), ("asyncio.sleep", 1))), ("gather", (("call", 1),))))
    asyncio.run(run(program, over_http2))
