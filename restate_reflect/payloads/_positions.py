"""Where a payload stands, and what a codec of payloads is."""

from __future__ import annotations

import json
from typing import Literal, NamedTuple, Protocol, TypeAlias

__all__ = ["Kind", "PayloadCodec", "Position"]

Kind: TypeAlias = Literal["input", "output", "state", "step", "promise", "awakeable", "signal"]
"""What a payload is in a journal: a handler's input or output, a value of the state, a step's result, and so on."""


class Position(NamedTuple):
    """Where a payload stands: the same for whoever writes it and whoever reads it."""

    kind: Kind
    owner: str = ""
    """``Service/handler`` of an input, the service of a state, a step or a promise; else empty, as the one side does
    not know who the other is."""
    key: str = ""
    """Of the object, for a state."""
    name: str = ""
    """Of the state's key, the step or the promise."""

    def __str__(self) -> str:
        """For errors: ``state Cart/alice 'items'``, ``input Cart/add``, ``step Cart 'charge'``."""
        where = "/".join(part for part in (self.owner, self.key) if part)
        named = f" {self.name!r}" if self.name else ""
        return f"{self.kind}{' ' * bool(where)}{where}{named}"

    def to_bytes(self) -> bytes:
        """Unambiguous, to be authenticated with what is encrypted."""
        return json.dumps([*self], ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass")


class PayloadCodec(Protocol):
    """One thing that is done to payloads. Yours may be one, too."""

    @property
    def name(self) -> str:
        """Stands in each payload that it has changed: at most 255 ASCII characters, never to be reused."""
        ...

    def encode(self, data: bytes, position: Position) -> bytes | None:
        """What is written in place of ``data``; ``None`` to leave it as it is."""
        ...

    def decode(self, data: bytes, position: Position, limit: int) -> bytes:
        """What ``encode`` was given, of at most ``limit`` bytes.

        Raises:
            PayloadDamagedError: It was not written by ``encode`` for this position, or is larger.
            PayloadUnavailableError: What is needed to read it is not here (now).
        """
        ...
