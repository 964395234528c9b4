"""The real restate-server, found or installed, started on free ports and stopped again::

    with RestateServer() as server:
        server.register("http://127.0.0.1:9080")
        ...  # call handlers at server.ingress_url

Settings go in, a running process with its addresses comes out. For tests and for one developer's machine; production
runs restate-server by other means. ``_binary`` finds it, ``_npm`` installs it, ``_settings`` configures it. Start
reading at ``_process``.
"""

from __future__ import annotations

from restate_reflect.server._admin import Admin
from restate_reflect.server._binary import VERSION, find_or_install
from restate_reflect.server._errors import AdminError, BinaryNotFoundError, ServerError, ServerStartError
from restate_reflect.server._process import RestateServer
from restate_reflect.server._settings import ServerSettings

__all__ = [
    "VERSION",
    "Admin",
    "AdminError",
    "BinaryNotFoundError",
    "RestateServer",
    "ServerError",
    "ServerSettings",
    "ServerStartError",
    "find_or_install",
]
