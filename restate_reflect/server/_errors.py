"""What can go wrong with the real server."""

from __future__ import annotations

from restate_reflect.errors import RestateReflectError

__all__ = ["AdminError", "BinaryNotFoundError", "ServerError", "ServerStartError"]


class ServerError(RestateReflectError):
    """Base of the errors of ``restate_reflect.server``."""


class BinaryNotFoundError(ServerError):
    """No usable restate-server on this machine, and none could be installed."""


class ServerStartError(ServerError):
    """restate-server ended or stayed unready; the message ends with the tail of its log."""


class AdminError(ServerError):
    """The admin API refused a request or can't be reached.

    Attributes:
        status: HTTP status; ``None`` when there was no answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
