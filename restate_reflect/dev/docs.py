"""One address for the developer's page: revisions come and go, each on a port of its own."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Final

__all__ = ["serve_docs"]

_NOT_PASSED_ON: Final = frozenset({"connection", "transfer-encoding", "content-length", "keep-alive", "date", "server"})


async def serve_docs(resources: AsyncExitStack, at: socket.socket, port: Callable[[], int | None]) -> None:
    """Passes requests below ``/docs`` on to the revision at ``port()``, the ``Host`` header included: who may see the
    page is decided there."""
    from aiohttp import ClientError, ClientSession, ClientTimeout, web

    # A call lasts as long as its handler.
    session = ClientSession(timeout=ClientTimeout(total=None, sock_connect=10), auto_decompress=False)
    await resources.enter_async_context(session)

    async def passed_on(request: web.Request) -> web.StreamResponse:
        if (current := port()) is None:
            raise web.HTTPServiceUnavailable(text="the code does not load yet; see the terminal")
        url = f"http://127.0.0.1:{current}{request.raw_path}"
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _NOT_PASSED_ON}
        try:
            async with session.request(
                request.method, url, headers=headers, data=await request.read(), allow_redirects=False
            ) as answer:
                back = {name: value for name, value in answer.headers.items() if name.lower() not in _NOT_PASSED_ON}
                return web.Response(status=answer.status, headers=back, body=await answer.read())
        except ClientError as error:
            raise web.HTTPBadGateway(text=f"the endpoint does not answer: {error}") from None

    app = web.Application()
    app.router.add_route("*", "/docs{rest:.*}", passed_on)
    runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    resources.push_async_callback(runner.cleanup)
    await web.SockSite(runner, at).start()
