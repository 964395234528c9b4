"""``serve --docs``: the developer's page, beside the endpoint or on a port of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from restate_reflect.cli._errors import plain_errors
from restate_reflect.errors import TargetError

__all__ = ["PageOptions", "add_page", "page_beside"]


class PageOptions(NamedTuple):
    """Where the page is, and the server whose handlers it calls."""

    host: str
    port: int | None
    """``None``: the endpoint's own."""
    allowed_hosts: tuple[str, ...]
    ingress_url: str
    admin_url: str

    @property
    def docs(self) -> dict[str, Any]:
        """What ``add_docs`` is given."""
        return {"ingress_url": self.ingress_url, "admin_url": self.admin_url, "allowed_hosts": self.allowed_hosts}


def add_page(app: Any, options: PageOptions) -> None:
    """Adds it to the endpoint's application.

    Raises:
        TargetError: it takes signed requests only, or has such a path of its own.
    """
    from restate_reflect.page import add_docs, to_page

    if any(resource.canonical.rstrip("/") == "/docs" for resource in app.router.resources()):
        raise TargetError(
            "--docs: the application has a route /docs already. Leave --docs out, or give the page a port of its own: "
            "--docs-port 9081"
        )
    try:
        add_docs(app, **options.docs)
    except ValueError as error:
        raise TargetError(f"--docs: {error} Or give the page a port of its own: --docs-port 9081") from None
    if not any(resource.canonical == "/" for resource in app.router.resources()):
        app.router.add_get("/", to_page)


@asynccontextmanager
async def page_beside(app: Any, options: PageOptions | None, *, reuse_port: bool = False) -> AsyncIterator[int | None]:
    """Serves it from another socket, which takes no invocations; its port, or ``None`` if that is the endpoint's."""
    if options is None or options.port is None:
        yield None
        return
    from aiohttp import web

    runner = web.AppRunner(_page_alone(app, options), shutdown_timeout=1.0)
    await runner.setup()
    try:
        with plain_errors(options.host, options.port, option="--docs-port"):
            await web.TCPSite(runner, options.host, options.port, reuse_port=reuse_port or None).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _page_alone(app: Any, options: PageOptions) -> Any:
    """The page about an endpoint's services, without the endpoint: identity keys don't matter here."""
    from aiohttp import web

    from restate_reflect.endpoint import CORE, Core
    from restate_reflect.page import add_docs, to_page
    from restate_reflect.targets.application import definitions_of

    page = web.Application()
    page[CORE] = Core(definitions_of(app))
    add_docs(page, **options.docs)
    page.router.add_get("/", to_page)
    return page
