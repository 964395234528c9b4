"""Service protocol versions, and the features that came with them."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["MAXIMUM", "MINIMUM", "ProtocolVersion"]

_PREFIX = "application/vnd.restate.invocation.v"


class ProtocolVersion(IntEnum):
    """A version of the service protocol this package speaks."""

    V5 = 5
    V6 = 6
    V7 = 7

    @property
    def content_type(self) -> str:
        return f"{_PREFIX}{self.value}"

    @property
    def has_random_seed(self) -> bool:
        return self >= 6

    @property
    def has_failure_metadata(self) -> bool:
        return self >= 6

    @property
    def has_run_acks(self) -> bool:
        """A run proposal is answered by an ack instead of a copy of the result."""
        return self >= 7

    @property
    def has_await_tree(self) -> bool:
        return self >= 7

    @property
    def has_scopes(self) -> bool:
        return self >= 7

    @property
    def has_error_behavior(self) -> bool:
        return self >= 7

    @classmethod
    def from_content_type(cls, content_type: str | None) -> ProtocolVersion | None:
        """The version a request asks for; ``None`` if we don't speak it."""
        return _BY_CONTENT_TYPE.get(content_type or "")


MINIMUM = ProtocolVersion.V5
MAXIMUM = ProtocolVersion.V7

_BY_CONTENT_TYPE = {version.content_type: version for version in ProtocolVersion}
