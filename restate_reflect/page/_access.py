"""Who may see the page. It can call every handler and read journals, so by default only this machine may.

Three doors, each against somebody else:

- the peer must be this machine, or ask for a host name that was allowed: against the network;
- the ``Host`` must be a name of this machine or an allowed one: against DNS rebinding, where a foreign page's own
  host name suddenly points here;
- what changes something needs a header that a foreign page can't send without asking (CORS, Fetch standard 4.8),
  and no such question is answered: against requests that other pages make in the developer's browser.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Final

from aiohttp import web

from restate_reflect.endpoint.hosts import host_name, is_loopback, is_this_machine

__all__ = ["MARK", "guarded"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MARK: Final = "x-restate-reflect-docs"
"""Header of requests that the page's own script makes."""


def guarded(handler: Handler, allowed_hosts: Collection[str]) -> Handler:
    """The handler, behind the three doors; a refusal is a 403 that says what to do."""
    allowed = frozenset(host.lower() for host in allowed_hosts)

    async def checked(request: web.Request) -> web.StreamResponse:
        refusal = _refusal(request, allowed)
        return await handler(request) if refusal is None else web.json_response({"message": refusal}, status=403)

    return checked


def _refusal(request: web.Request, allowed: frozenset[str]) -> str | None:
    name = host_name(request.host)
    if name is None or name not in allowed:
        if not is_this_machine(request.host):
            shown = request.host if name is None else name
            return (
                f"/docs was asked for as {shown!r}, and answers to localhost only; "
                f"allow the name by add_docs(..., allowed_hosts=[{shown!r}])."
            )
        if not _is_local(request.remote):
            return (
                f"/docs is for this machine, and {request.remote} is another; "
                "open it by a name that is allowed by add_docs(..., allowed_hosts=[...])."
            )
    if request.method not in ("GET", "HEAD") and request.headers.get(MARK) is None:
        return f"the header {MARK} is missing, which shows that the page itself asks."
    return None


def _is_local(peer: str | None) -> bool:
    """A peer without an address came by a Unix socket."""
    return not peer or is_loopback(peer)
