"""A sans-IO HTTP/2 server layer for cleartext connections (RFC 9113), without push.

``Connection`` turns bytes into requests, each with a ``Stream`` to answer on, and answers into bytes. It opens no
socket and starts no task: callbacks run within ``Connection.receive``. ``Limits`` is what one peer may cost.
``inbound`` says what each frame means, ``core`` holds what a connection's streams share, ``headers`` makes requests
of header blocks, ``windows`` does the arithmetic of flow control. Start reading at ``connection``.
"""

from __future__ import annotations

from .connection import Connection
from .errors import ErrorCode
from .handlers import RequestHandler
from .headers import RequestHead
from .limits import Limits, Rate
from .stream import Stream

__all__ = ["Connection", "ErrorCode", "Limits", "Rate", "RequestHandler", "RequestHead", "Stream"]
