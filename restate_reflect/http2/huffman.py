"""Huffman decoding of header strings (RFC 7541 section 5.2), by half octets.

Each invocation brings a new id of 38 characters, so no cache of strings can help. It takes 2.8 µs here, compiled 1.1,
and the ``hpack`` library, whose table this walks, 9. By whole octets it took 1.3 and 0.6, but they lead through 25 KB
for each state: in a server, whose processor caches hold other things by then, an invocation cost 1 µs more, and 2
compiled.
"""

from __future__ import annotations

from typing import Final

from hpack.huffman_table import HUFFMAN_COMPLETE, HUFFMAN_EMIT_SYMBOL, HUFFMAN_FAIL, HUFFMAN_TABLE

from .errors import ConnectionFault, ErrorCode

__all__ = ["decode"]

# A state is known by where its 16 steps begin in the two lists.
_FAILED: Final = len(HUFFMAN_TABLE)
"""A state that no step leads out of."""
_FINAL: Final = {16 * state for state, action, _ in HUFFMAN_TABLE if action & HUFFMAN_COMPLETE}
"""States in which a string may end: what is left of the last octet is padding."""
_NEXT: Final = [_FAILED if action & HUFFMAN_FAIL else 16 * state for state, action, _ in HUFFMAN_TABLE] + [_FAILED] * 16
"""The state that a half octet leads to."""
_TEXT: Final = [chr(code) if action & HUFFMAN_EMIT_SYMBOL else "" for _, action, code in HUFFMAN_TABLE] + [""] * 16
"""The character that it ends, if any."""


def decode(data: bytes) -> str:
    """The decoded octets as latin-1 characters, one per octet.

    Raises ``ConnectionFault`` (COMPRESSION_ERROR) on an invalid code, EOS, or wrong padding.
    """
    decoded: list[str] = []
    at = 0
    for octet in data:
        at += octet >> 4
        decoded.append(_TEXT[at])
        at = _NEXT[at] + (octet & 15)
        decoded.append(_TEXT[at])
        at = _NEXT[at]
    if at not in _FINAL:
        raise ConnectionFault(ErrorCode.COMPRESSION_ERROR, "invalid Huffman code or padding in a header block")
    return "".join(decoded)
