"""What a request is for: the resources of an endpoint, under any prefix, and the methods that each has."""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import unquote

__all__ = ["DISCOVER", "HEALTH", "KNOWN_METHODS", "SERVER", "Resource", "find_resource"]

KNOWN_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
"""Those of RFC 9110 and RFC 5789 but CONNECT: nothing here is a tunnel. Any other is answered with 501."""


class Resource(NamedTuple):
    """What stands at a path."""

    methods: tuple[str, ...]
    service: str = ""
    handler: str = ""
    """Both empty for what belongs to no handler."""

    @property
    def allow(self) -> str:
        """The value of the header of that name (RFC 9110 section 10.2.1)."""
        return ", ".join(self.methods)


HEALTH: Final = Resource(("GET", "HEAD", "POST", "OPTIONS"))  # there are probes that can only POST
DISCOVER: Final = Resource(("GET", "HEAD", "OPTIONS"))
SERVER: Final = Resource(("OPTIONS", "GET", "HEAD", "POST"))
"""``*``, which OPTIONS alone can ask for (RFC 9110 section 9.3.7)."""
_INVOKE: Final = ("POST", "OPTIONS")


def find_resource(path: str) -> Resource | None:
    """``path`` is as it was sent, without query.

    A handler may be called ``health`` or ``discover``, so that ``invoke`` is looked for first. Percent-encoded octets
    are decoded in each segment by itself: ``%2F`` parts no segments (RFC 3986 section 2.2).
    """
    if path == "*":
        return SERVER
    parts = [unquote(part) if "%" in part else part for part in path.split("/")]
    if len(parts) >= 4 and parts[-3] == "invoke":
        return Resource(_INVOKE, parts[-2], parts[-1])
    if len(parts) < 2:
        return None
    return {"health": HEALTH, "discover": DISCOVER}.get(parts[-1])
