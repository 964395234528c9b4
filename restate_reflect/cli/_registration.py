"""What happens once the endpoint listens: a server of our own, registration, curl lines."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from restate_reflect.cli._terminal import say

if TYPE_CHECKING:
    from restate_reflect.server import Admin, RestateServer

__all__ = ["Registration", "show_calls"]


@dataclass(kw_only=True, eq=False)
class Registration:
    """Registers the endpoint; called with its URL each time it serves new code."""

    admin_url: str | None
    """Admin API of a running server."""
    with_server: bool
    """Starts a server, which lives until ``resources`` is closed."""
    advertise: str | None
    """URL under which the server reaches the endpoint, if it is not the one that it is called with."""
    resources: ExitStack
    patience: float = 0.0
    """Seconds to wait for the server."""
    _server: RestateServer | None = field(default=None, init=False)

    async def __call__(self, url: str) -> None:
        """Raises ``ServerError``."""
        if self.with_server or self.admin_url:
            # In a thread: the server asks the endpoint for its manifest meanwhile.
            await asyncio.to_thread(self._register, self.advertise or url)

    def places(self) -> tuple[str | None, str | None]:
        """Ingress and admin API of the server that is registered at; starts it if it is our own.

        Raises:
            ServerError: it can't be started or asked.
        """
        if self.with_server:
            server = self._server or self._start_server()
            return server.ingress_url, server.admin_url
        if self.admin_url is None:
            return None, None
        return _ingress_of(_admin(self.admin_url)), self.admin_url

    def _register(self, url: str) -> None:
        if self.with_server and self._server is None:
            self._start_server()
        admin = self._server.admin if self._server else _admin(self.admin_url or "")
        _wait_for(admin, self.patience)
        self.patience = 0.0
        services = admin.register(url)["services"]
        say(f"registered {', '.join(service['name'] for service in services)} at {admin.url}")
        show_calls(_ingress_of(admin) or "", services)

    def _start_server(self) -> RestateServer:
        from restate_reflect.server import RestateServer, ServerSettings
        from restate_reflect.server._settings import DEFAULT_PORTS, PATIENT

        self._server = self.resources.enter_context(RestateServer(ServerSettings(config=PATIENT), prefer=DEFAULT_PORTS))
        say(f"restate-server: ingress {self._server.ingress_url}, admin {self._server.admin_url}")
        return self._server


def _admin(url: str) -> Admin:
    """Imported for those who register: its HTTP client takes 3 MB and 15 ms."""
    from restate_reflect.server import Admin

    return Admin(url)


def _wait_for(admin: Admin, seconds: float) -> None:
    from restate_reflect.server import ServerError

    end, told = time.monotonic() + seconds, False
    while time.monotonic() < end:
        try:
            admin.version()
            return
        except ServerError:
            if not told:
                say(f"waiting for the server at {admin.url}", err=True)
            told = True
            time.sleep(_LOOK)


_LOOK = 0.25
"""Seconds between questions whether the server is there."""


def _ingress_of(admin: Admin) -> str | None:
    """As the server advertises it."""
    return str(admin.version().get("ingress_endpoint") or "").rstrip("/") or None


def show_calls(ingress_url: str, services: list[dict[str, Any]]) -> None:
    """Prints ready-made calls; nothing if the ingress is not known."""
    from restate_reflect.openapi._curl import curl_lines

    if ingress_url and (lines := curl_lines(ingress_url, services)):
        say("\n".join(["", "try:", *(f"  {line}" for line in lines), "", "Ctrl-C stops."]))
