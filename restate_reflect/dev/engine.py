"""What ``dev`` needs of an engine, whichever it is, and the ports it listens on."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from restate_reflect.server import ServerError

__all__ = ["DevEngine", "Registered", "held"]


@dataclass(frozen=True, slots=True)
class Registered:
    """A revision as the engine knows it."""

    id: str
    services: list[dict[str, Any]]
    """As the admin API shows them."""


class DevEngine(Protocol):
    """Keeps journals and calls revisions. ``start`` comes first, ``close`` last."""

    name: str
    ingress_url: str
    admin_url: str
    """Known from the beginning, so that the first revision may start meanwhile."""
    is_patient: Callable[[], bool]
    """Whether somebody debugs a handler now: no timeout ends its attempt meanwhile."""

    async def start(self) -> None:
        """Raises ``ServerError``."""
        ...

    async def register(self, port: int) -> Registered:
        """Discovers the endpoint at that port; new invocations run on it from now on. Raises ``ServerError``."""
        ...

    async def move_all(self, to: Registered, port: int) -> None:
        """Invocations in flight, of whichever revision, go on with this one from their next attempt on."""
        ...

    async def is_used(self, revision: Registered) -> bool:
        """Whether an invocation in flight belongs to it."""
        ...

    async def forget(self, revision: Registered) -> None:
        """It is not needed any more."""
        ...

    async def next_try(self, invocation_id: str) -> str:
        """What comes after an attempt that has just failed: ``tried again in 2 s``."""
        ...

    async def failed(self) -> None:
        """Raises ``ServerError`` once the engine has stopped by itself; else waits."""
        ...

    async def close(self) -> None: ...


def held(port: int, option: str, host: str = "127.0.0.1") -> socket.socket:
    """A socket bound to a port of this address; 0 takes a free one. It does not listen yet.

    Raises:
        ServerError: The port can't be had; names the option that chooses another.
    """
    one = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        one.bind((host, port))
        return one
    except OSError as error:
        one.close()
        if error.errno == errno.EADDRINUSE:
            who = "by another `restate-reflect dev`, or a restate-server?"
            raise ServerError(
                f"port {port} is in use {who} End that one, or choose another port: {option} PORT, 0 for a free one."
            ) from None
        raise ServerError(f"port {port} can't be had: {error.strerror}. Choose another: {option} PORT.") from None
