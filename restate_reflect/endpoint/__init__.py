"""Serving: requests of a restate-server come in over sockets, discovery answers and journals go out.

``core`` decides how a request is answered, whichever transport brought it; ``listener`` has one socket, whose
``connections`` speak HTTP/2 (``h2``) or HTTP/1.1 (``http1``, which is aiohttp with ``app``). ``asgi`` and
``aws_lambda`` are other ways in, ``identity`` checks signatures. What needs aiohttp is imported when first asked for.
Start reading at ``core``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from restate_reflect.endpoint.core import Core
from restate_reflect.endpoint.limits import EndpointLimits
from restate_reflect.endpoint.listener import Listener, listening

if TYPE_CHECKING:
    from restate_reflect.endpoint.app import CORE, endpoint

__all__ = ["CORE", "Core", "EndpointLimits", "Listener", "endpoint", "listening"]


def __getattr__(name: str) -> Any:
    if name not in ("CORE", "endpoint"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from restate_reflect.endpoint import app

    return getattr(app, name)
