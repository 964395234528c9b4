"""Under which names this machine may be asked (the ``Host`` header, against DNS rebinding), and what an origin is.

A page in a browser may make its own host name point to 127.0.0.1, and then talk to a port here as to its own origin. It
still asks under that name. Addresses can't be made to point anywhere, so those of the loopback interface are as good as
``localhost``.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

__all__ = ["ANY", "OriginError", "check_origin", "host_name", "is_local_name", "is_loopback", "is_this_machine"]

_AUTHORITY: Final = re.compile(r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::[0-9]{0,5})?")
"""RFC 9110 section 7.2, without what browsers do not send: user information, percent-encoding, zones."""

ANY: Final = "*"
"""Stands for every origin."""
_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?")


def host_name(authority: str) -> str | None:
    """The lower-case name in a ``Host`` header, without port, brackets and a root dot; ``None`` if it is malformed."""
    found = _AUTHORITY.fullmatch(authority)
    return None if found is None else (found["ipv6"] or found["name"].removesuffix(".")).lower()


def is_this_machine(authority: str) -> bool:
    """Whether a ``Host`` header names this machine in a way that nobody else can claim."""
    name = host_name(authority)
    return name is not None and (name == "localhost" or is_loopback(name))


def is_local_name(authority: str) -> bool:
    """The same for other machines of a network: an address, or a name without a dot, as containers have them."""
    name = host_name(authority)
    return name is not None and (_is_address(name) or "." not in name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(address: str) -> bool:
    """Whether an IP address, mapped ones included, is of the loopback interface."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return (getattr(parsed, "ipv4_mapped", None) or parsed).is_loopback


class OriginError(ValueError):
    """A text is no origin; the message says what one looks like."""


def check_origin(text: str) -> str:
    """An origin as browsers send it, or ``*`` for any.

    Raises:
        OriginError: It is none.
    """
    origin = text.lower()
    if origin != ANY and not _ORIGIN.fullmatch(origin):
        raise OriginError(f"{text!r} is no origin. Write scheme, host and port, such as http://localhost:5173, or *.")
    return origin
