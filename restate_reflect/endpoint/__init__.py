"""Serving: the aiohttp application, the listener with HTTP/2, request identity.

What needs aiohttp is imported when first asked for.
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
