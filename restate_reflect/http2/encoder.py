"""HPACK encoding of responses without the dynamic table.

The same fields then always give the same bytes, on every connection, so a response's block is looked up
instead of encoded (0.2 µs instead of 13), and a peer's SETTINGS_HEADER_TABLE_SIZE is obeyed by never using
any of it. Strings that are not in the static table go out plain: Huffman coding them would save the peer
no work and cost us more than the bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from hpack import Encoder

from .fields import valid_name, valid_value

__all__ = ["EMPTY_TABLE", "response_block", "trailer_block"]

EMPTY_TABLE: Final = b"\x20"
"""Dynamic table size update to 0 (RFC 7541 section 6.3): opens the first block of a connection, so that no later
reduction by the peer needs an answer (section 4.2)."""

_MAX_BLOCKS: Final = 512
_MAX_BLOCK_SIZE: Final = 1024
"""Responses with long or ever-changing headers must not fill the memory; the cache starts anew when full."""

_blocks: dict[tuple[int, tuple[tuple[str, str], ...]], bytes] = {}
_encoder = Encoder()


def response_block(status: int, headers: Sequence[tuple[str, str]]) -> bytes:
    """Block of a final response. Raises ``ValueError`` for a status or header HTTP/2 can't carry."""
    given = headers if type(headers) is tuple else tuple(headers)
    key = (status, given)
    block = _blocks.get(key)
    if block is None:
        if not 200 <= status <= 999:
            raise ValueError(f"status {status} is not that of a final response; use 200 to 999")
        block = _encoded([(":status", str(status)), *_checked(headers)])
        _remember(key, block)
    return block


def trailer_block(trailers: Sequence[tuple[str, str]]) -> bytes:
    """Block of a trailer section. Raises ``ValueError`` for a header HTTP/2 can't carry."""
    return _encoded(_checked(trailers))


def _remember(key: tuple[int, tuple[tuple[str, str], ...]], block: bytes) -> None:
    if len(block) <= _MAX_BLOCK_SIZE:
        if len(_blocks) >= _MAX_BLOCKS:
            _blocks.clear()
        _blocks[key] = block


def _checked(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    lowered = [(name.lower(), value) for name, value in headers]
    for name, value in lowered:
        if not valid_name(name) or not valid_value(value):
            raise ValueError(
                f"header {name!r}: {value!r} can't be sent: no token, or a line break or outer blank in the value"
            )
    return lowered


def _encoded(headers: list[tuple[str, str]]) -> bytes:
    return b"".join(_field(name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in headers)


def _field(name: bytes, value: bytes) -> bytes:
    # ``sensitive`` keeps the library from indexing; its "never indexed" bit, which would bind proxies, is taken out.
    field = _encoder.add((name, value), sensitive=True, huffman=False)
    return field if field[0] & 0x80 else bytes([field[0] & 0x0F]) + field[1:]
