"""Ports of 127.0.0.1: free ones, and whether HTTP is answered there."""

from __future__ import annotations

import http.client
import socket
from contextlib import ExitStack

from restate_reflect.server._settings import Ports

__all__ = ["answers", "free_ports"]


def free_ports() -> Ports:
    """Three different ports that were free a moment ago."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(3)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        ingress, admin, node = (one.getsockname()[1] for one in sockets)
    return Ports(ingress, admin, node)


def answers(port: int, path: str) -> bool:
    """Whether ``GET path`` is answered with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
