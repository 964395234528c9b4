"""Who may see the page. It can call every handler and read journals, so by default only this machine may.

Three doors, each against somebody else:

- the peer must be this machine, or ask for a host name that was allowed: against the network;
- the ``Host`` must be a name of this machine or an allowed one: against DNS rebinding, where a foreign page's own
  host name suddenly points here;
- what changes something needs a header that a foreign page can't send without asking (CORS, Fetch standard 4.8),
  and no such question is answered: against requests that other pages make in the developer's browser.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from aiohttp import web

__all__ = ["MARK", "guarded"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MARK: Final = "x-restate-reflect-docs"
"""Header of requests that the page's own script makes."""

_LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def guarded(handler: Handler, allowed_hosts: Collection[str]) -> Handler:
    """The handler, behind the three doors; a refusal is a 403 that says what to do."""
    allowed = frozenset(host.lower() for host in allowed_hosts)

    async def checked(request: web.Request) -> web.StreamResponse:
        refusal = _refusal(request, allowed)
        return await handler(request) if refusal is None else web.json_response({"message": refusal}, status=403)

    return checked


def _refusal(request: web.Request, allowed: frozenset[str]) -> str | None:
    name = _host_name(request.host)
    if name not in allowed:
        if name not in _LOCAL_NAMES:
            return (
                f"/docs was asked for as {name!r}, and answers to localhost only; "
                f"allow the name by add_docs(..., allowed_hosts=[{name!r}])."
            )
        if not _is_local(request.remote):
            return (
                f"/docs is for this machine, and {request.remote} is another; "
                "open it by a name that is allowed by add_docs(..., allowed_hosts=[...])."
            )
    if request.method not in ("GET", "HEAD") and request.headers.get(MARK) is None:
        return f"the header {MARK} is missing, which shows that the page itself asks."
    return None


def _host_name(host: str) -> str:
    """Without the port, and without the brackets of an IPv6 address."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _is_local(peer: str | None) -> bool:
    """A peer without an address came by a Unix socket."""
    if not peer:
        return True
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
