"""MCP servers: which of a client's errors are what the server has answered, and which ones tell of no answer."""

from __future__ import annotations

from typing import Final

__all__ = ["is_refusal", "is_unanswered"]

_UNANSWERED: Final = frozenset({-32000, -32001, 408})
"""Codes that clients of the SDKs make up themselves: the connection was closed, the request has timed out (408 in the
first version of the Python SDK)."""


def is_unanswered(error: BaseException | None) -> bool:
    """Whether an error of the protocol (``McpError``) came without an answer: the request is to be made again."""
    return _code(error) in _UNANSWERED


def is_refusal(error: BaseException | None) -> bool:
    """Whether an error is the server's own answer: the same request would fail alike."""
    return _code(error) is not None and not is_unanswered(error)


def _code(error: BaseException | None) -> int | None:
    """Of ``McpError``, which has other names in other versions."""
    code: int | None = getattr(getattr(error, "error", None), "code", None)
    return code
