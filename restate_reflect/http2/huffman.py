"""Huffman decoding of header strings (RFC 7541 section 5.2), an octet at a time.

Each invocation brings a new id of 38 characters, so no cache of strings can help. The ``hpack`` library walks its table
by half octets, which takes an id 9 µs; two of its steps, remembered as one, take 3 µs (a tenth of an invocation).
"""

from __future__ import annotations

from typing import Final, TypeAlias

from hpack.huffman_table import HUFFMAN_COMPLETE, HUFFMAN_EMIT_SYMBOL, HUFFMAN_FAIL, HUFFMAN_TABLE

from .errors import ConnectionFault, ErrorCode

__all__ = ["decode"]


_Step: TypeAlias = "tuple[list[_Step], str, int]"
"""What an octet leads to: the steps from the next state, the characters that it ends, and that state's number."""
_FAILED: Final = 256
"""A state that no octet leads out of."""
_FINAL: Final = {state for state, action, _ in HUFFMAN_TABLE if action & HUFFMAN_COMPLETE}
"""States in which a string may end: what is left of the last octet is padding."""
_steps: list[list[_Step]] = [[] for _ in range(_FAILED + 1)]
"""By state, then by octet; empty until a state is first met. Ids of restate-server meet 20, of 25 KB each."""


def decode(data: bytes) -> str:
    """The decoded octets as latin-1 characters, one per octet.

    Raises ``ConnectionFault`` (COMPRESSION_ERROR) on an invalid code, EOS, or wrong padding.
    """
    row, state = _steps[0], 0
    texts: list[str] = []
    for octet in data:
        if not row:
            row.extend([_step(state, each) for each in range(256)])
        row, text, state = row[octet]
        texts.append(text)
    if state not in _FINAL:
        raise ConnectionFault(ErrorCode.COMPRESSION_ERROR, "invalid Huffman code or padding in a header block")
    return "".join(texts)


def _step(state: int, octet: int) -> _Step:
    text = ""
    for half in (octet >> 4, octet & 15):
        if state == _FAILED:
            break
        state, action, character = HUFFMAN_TABLE[16 * state + half]
        if action & HUFFMAN_EMIT_SYMBOL:
            text += chr(character)
        if action & HUFFMAN_FAIL:
            state = _FAILED
    return _steps[state], text, state
