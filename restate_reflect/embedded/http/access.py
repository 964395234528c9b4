"""Who may talk to a port of the runtime: this machine's own programs, and pages of origins that were allowed.

Browsers run pages of strangers beside the runtime. Two doors keep them out:

1. ``Host`` must name this machine (``endpoint.hosts``): against DNS rebinding.
2. What a page of another origin asks for is refused before it has an effect, unless the origin is allowed. Not to
   answer its question for permission (CORS) would not do: simple requests are sent without one, and call a handler.
   Browsers tell by ``Origin`` and, of requests without it such as those of images, by ``Sec-Fetch-Site``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from restate_reflect.endpoint.hosts import ANY, check_origin, is_local_name, is_this_machine

__all__ = ["Access", "guarding"]

_FOREIGN: Final = frozenset({"cross-site", "same-site"})
"""Of the Fetch Metadata standard; ``none`` is what a user has typed."""


class Access:
    """The two doors.

    Args:
        origins: Of pages that may call and read: ``http://localhost:5173``, or ``*`` for any.
        remote: Whether other machines may ask, by an address or a name without a dot, which no page of strangers has.

    Raises:
        OriginError: One of them is no origin.
    """

    def __init__(self, origins: Collection[str] = (), *, remote: bool = False) -> None:
        self._origins = frozenset(map(check_origin, origins))
        self._is_known = is_local_name if remote else is_this_machine
        self._known = "addresses, and names without a dot," if remote else "localhost"

    @property
    def is_open(self) -> bool:
        """Whether there are pages that may call."""
        return bool(self._origins)

    def allows(self, origin: str) -> bool:
        """Whether pages of this origin may call and read."""
        return ANY in self._origins or origin.lower() in self._origins

    def refusal(self, request: web.Request) -> str | None:
        """Why a request is refused; ``None`` if it is not."""
        hosts = request.headers.getall("host", ())
        if len(hosts) != 1 or not self._is_known(hosts[0]):
            asked = hosts[0] if len(hosts) == 1 else f"{len(hosts)} names"
            return f"asked for as {asked!r}; this runtime answers to {self._known} only"
        origin = request.headers.get("origin")
        if origin is not None:
            own = origin.lower() == f"http://{hosts[0]}".lower()
            return (
                None if own or self.allows(origin) else f"pages of {origin} may not call; allow it by --cors {origin}"
            )
        if request.headers.get("sec-fetch-site") in _FOREIGN and not self.allows(ANY):
            return "a page of another origin asks without saying which; allow pages by --cors ORIGIN"
        return None


def guarding(access: Access, refuse: Callable[[str], web.StreamResponse]) -> Middleware:
    """A middleware that refuses before anything else happens."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        refusal = access.refusal(request)
        return await handler(request) if refusal is None else refuse(refusal)

    return guard
