"""Serving: the aiohttp application, the listener with HTTP/2, request identity."""

from __future__ import annotations

from restate_reflect.endpoint.app import CORE, endpoint
from restate_reflect.endpoint.core import Core
from restate_reflect.endpoint.limits import EndpointLimits
from restate_reflect.endpoint.listener import Listener, listening

__all__ = ["CORE", "Core", "EndpointLimits", "Listener", "endpoint", "listening"]
