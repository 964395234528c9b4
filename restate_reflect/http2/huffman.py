"""Huffman decoding of header strings (RFC 7541 section 5.2), an octet at a time.

Each invocation brings a new id of 38 characters, so no cache of strings can help. The ``hpack`` library walks its table
by half octets, which takes an id 9 µs; two of its steps, remembered as one, take 3 µs (a tenth of an invocation).
"""

from __future__ import annotations

from typing import Final, TypeAlias

from hpack.huffman_table import HUFFMAN_COMPLETE, HUFFMAN_EMIT_SYMBOL, HUFFMAN_FAIL, HUFFMAN_TABLE

from .errors import ConnectionFault, ErrorCode

__all__ = ["decode"]

_FAILED: Final = 256
"""A state that no octet leads out of."""
_FINAL: Final = {state for state, action, _ in HUFFMAN_TABLE if action & HUFFMAN_COMPLETE}
"""States in which a string may end: what is left of the last octet is padding."""
_Row: TypeAlias = "list[tuple[int, str]]"
_rows: list[_Row | None] = [None] * (_FAILED + 1)
"""What each octet leads to, by state; made when a state is first met. Ids of restate-server meet 20, of 25 KB each."""


def decode(data: bytes) -> str:
    """The decoded octets as latin-1 characters, one per octet.

    Raises ``ConnectionFault`` (COMPRESSION_ERROR) on an invalid code, EOS, or wrong padding.
    """
    state = 0
    texts: list[str] = []
    for octet in data:
        row = _rows[state]
        if row is None:
            row = _rows[state] = [_stepped(state, each) for each in range(256)]
        state, ended = row[octet]
        texts.append(ended)
    if state not in _FINAL:
        raise ConnectionFault(ErrorCode.COMPRESSION_ERROR, "invalid Huffman code or padding in a header block")
    return "".join(texts)


def _stepped(state: int, octet: int) -> tuple[int, str]:
    """The next state, and the characters that the octet ends."""
    text = ""
    for half in (octet >> 4, octet & 15):
        if state == _FAILED:
            break
        state, action, character = HUFFMAN_TABLE[16 * state + half]
        if action & HUFFMAN_EMIT_SYMBOL:
            text += chr(character)
        if action & HUFFMAN_FAIL:
            state = _FAILED
    return state, text
