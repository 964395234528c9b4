"""Sockets that notice when the machine at the other end has vanished.

A process that ends resets its connections. A machine that loses its power or its network does not; whoever waits there
for a result that may take hours, and so has no timeout, would wait for ever.
"""

from __future__ import annotations

import socket
from typing import Any, Final

__all__ = ["watchful_socket"]

_OPTIONS: Final = {
    "TCP_KEEPIDLE": 30,
    "TCP_KEEPALIVE": 30,  # what macOS calls it
    "TCP_KEEPINTVL": 10,
    "TCP_KEEPCNT": 3,
    # Of what was sent and is not acknowledged, in ms: 60 s, too, where Linux would try for a quarter of an hour.
    "TCP_USER_TIMEOUT": 60_000,
}
"""Seconds of silence before the first probe and between the next ones; what a system does not have is left out."""


def watchful_socket(address: tuple[Any, ...]) -> socket.socket:
    """For an entry of ``getaddrinfo``: its connection breaks a minute after the other end has last been heard of."""
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _OPTIONS.items():
        if (option := getattr(socket, name, None)) is not None:
            made.setsockopt(socket.IPPROTO_TCP, option, value)
    return made
