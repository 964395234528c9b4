"""Mounted in FastAPI and served by uvicorn, as docs/guides/fastapi.md says: both ways of entering services."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from restate_reflect import Context
from restate_reflect.embedded import Runtime
from restate_reflect.embedded.deployments.connect import connect
from restate_reflect.endpoint.asgi import asgi_app


class Greeter:
    """Notes when it is entered and left."""

    def __init__(self) -> None:
        self.story: list[str] = []

    async def __aenter__(self) -> Greeter:
        self.story.append("entered")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.story.append("left")

    async def greet(self, ctx: Context, name: str) -> str:
        self.story.append(name)
        return f"Hello, {name}!"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("is_given", [True, False], ids=["lifespan given", "mounted alone"])
def test_services_of_a_mounted_application_are_entered(is_given: bool) -> None:
    """At start-up, or before the first attempt; left in either case."""
    fastapi: Any = pytest.importorskip("fastapi", reason="belongs to the extra 'foreign'")
    uvicorn: Any = pytest.importorskip("uvicorn", reason="belongs to the extra 'foreign'")
    greeter = Greeter()

    async def main() -> list[str]:
        restate = asgi_app(greeter)
        api = fastapi.FastAPI(lifespan=restate.lifespan) if is_given else fastapi.FastAPI()
        api.mount("/restate", restate)
        listening = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(api, log_level="error"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:
            await asyncio.sleep(0.01)
        before = list(greeter.story)
        async with Runtime() as runtime:
            url = f"http://127.0.0.1:{listening.getsockname()[1]}/restate"
            await runtime.register(connect(url, {}, True))
            for name in ("Ada", "Grace"):
                assert await call(runtime, name) == f'"Hello, {name}!"'.encode()
        server.should_exit = True
        await serving
        return before

    before = asyncio.run(main())
    assert before == (["entered"] if is_given else [])
    assert greeter.story == ["entered", "Ada", "Grace", "left"]


async def call(runtime: Runtime, name: str) -> bytes:
    """Through the ingress of the embedded runtime."""
    from aiohttp import ClientSession, web

    from restate_reflect.embedded.http.ingress import ingress

    runner = web.AppRunner(ingress(runtime))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        async with ClientSession() as session:
            async with session.post(f"http://{host}:{port}/Greeter/greet", json=name) as answer:
                return await answer.read()
    finally:
        await runner.cleanup()
