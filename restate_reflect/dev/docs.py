"""One address for the developer's page: revisions come and go, each on a port of its own."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, Final

from restate_reflect.endpoint.hosts import is_this_machine

__all__ = ["serve_docs"]

_NOT_PASSED_ON: Final = frozenset({"connection", "transfer-encoding", "content-length", "keep-alive", "date", "server"})


async def serve_docs(resources: AsyncExitStack, at: socket.socket, port: Callable[[], int | None]) -> None:
    """Passes the page's own requests on to the revision at ``port()``, the ``Host`` header included: what else the page
    asks of who may see it is decided there. The endpoint behind it answers below any prefix, so nothing but the page's
    routes may reach it by this port."""
    from aiohttp import ClientError, ClientSession, ClientTimeout, web
    from yarl import URL

    from restate_reflect.page import to_page
    from restate_reflect.page._routes import PLACES

    # A call lasts as long as its handler.
    session = ClientSession(timeout=ClientTimeout(total=None, sock_connect=10), auto_decompress=False)
    await resources.enter_async_context(session)

    async def passed_on(request: web.Request) -> web.StreamResponse:
        if (current := port()) is None:
            raise web.HTTPServiceUnavailable(text="the code does not load yet; see the terminal")
        # As it came: a client that resolves dots would ask for something else than what was matched.
        url = URL(f"http://127.0.0.1:{current}{request.raw_path}", encoded=True)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _NOT_PASSED_ON}
        try:
            async with session.request(
                request.method, url, headers=headers, data=await request.read(), allow_redirects=False
            ) as answer:
                back = {name: value for name, value in answer.headers.items() if name.lower() not in _NOT_PASSED_ON}
                return web.Response(status=answer.status, headers=back, body=await answer.read())
        except ClientError as error:
            raise web.HTTPBadGateway(text=f"the endpoint does not answer: {error}") from None

    @web.middleware
    async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
        if not is_this_machine(request.headers.get("host", "")):
            text = f"asked for as {request.headers.get('host')!r}; this page answers to localhost only"
            raise web.HTTPForbidden(text=text)
        response: web.StreamResponse = await handler(request)
        return response

    app = web.Application(middlewares=[guard])
    app.router.add_get("/", to_page)
    for method, place in PLACES:
        app.router.add_route(method, f"/docs{place}", passed_on)
    runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    resources.push_async_callback(runner.cleanup)
    await web.SockSite(runner, at).start()
