"""Huffman decoding of header strings (RFC 7541 section 5.2): by zlib, or bit by bit where that is compiled.

Each invocation brings a new id of 38 characters, so no cache can help, and in Python every character costs. But the
code of HPACK is a canonical one, as those of DEFLATE are (RFC 1951 section 3.2.2): a block header that states its code
lengths makes an inflater read it, once the bits of each byte are turned round. DEFLATE's codes end at 15 bits. The
characters beyond (control characters, most of what is not ASCII) all begin with fifteen ones, where a block's end mark
fits exactly; the ``hpack`` library decodes strings that have them.

An id takes 1.8 µs, and 2.3 with a table of all states and bytes (CPython 3.11), which fills 700 KB; the library's own
walk by half bytes takes 9, and compiled 0.2.
"""

from __future__ import annotations

import zlib
from typing import Final

from hpack.exceptions import HPACKDecodingError
from hpack.huffman_constants import REQUEST_CODES_LENGTH
from hpack.huffman_table import HUFFMAN_COMPLETE, HUFFMAN_EMIT_SYMBOL, HUFFMAN_FAIL, HUFFMAN_TABLE, decode_huffman

from .errors import ConnectionFault, ErrorCode

__all__ = ["decode"]

_LONGEST: Final = 15
_LENGTHS: Final = bytes(REQUEST_CODES_LENGTH[:256])
_REVERSED: Final = bytes(int(f"{octet:08b}"[::-1], 2) for octet in range(256))


def _block_header() -> bytes:
    """The start of a DEFLATE block whose literals have HPACK's codes; ends at a byte's end (RFC 1951 section 3.2.7)."""
    lengths = [length if length <= _LONGEST else 0 for length in _LENGTHS]
    lengths += [_LONGEST, 0, 0]  # the end mark; a repetition and a distance, which are unused
    numbers = [  # and their bits
        *[(0, 1), (1, 2), (0, 7)],  # an empty block of the fixed code: without it the header would end within a byte
        *[(1, 1), (2, 2)],  # the last block, with a code of its own
        *[(1, 5), (0, 5), (15, 4)],  # numbers of lengths: 258 literals, 1 distance; 19 of the code of lengths itself
        *[(0, 3)] * 3,  # which has no repetitions
        *[(4, 3)] * 16,  # and four bits for each length
    ]
    bits = "".join(f"{number:0{size}b}"[::-1] for number, size in numbers)
    bits += "".join(f"{length:04b}" for length in lengths)  # codes, unlike numbers, come with their first bit first
    return int(bits[::-1], 2).to_bytes(len(bits) // 8, "little")


def _primed(header: bytes) -> zlib._Decompress:
    inflater = zlib.decompressobj(wbits=-8)
    inflater.decompress(header)
    return inflater


_PRIMED: Final = _primed(_block_header())


# One entry for each state and half byte, sixteen to a state: what to do, the next state, and the octet to emit.
_ACTIONS: Final = bytes(action for _, action, _ in HUFFMAN_TABLE)
_NEXT: Final = bytes(state for state, _, _ in HUFFMAN_TABLE)
_OCTETS: Final = bytes(octet for _, _, octet in HUFFMAN_TABLE)
_SCRATCH: Final = bytearray(512)
"""Where compiled code writes short texts; nothing else runs before they are read."""
# As numbers that compiled code has in itself.
_COMPLETE: Final = HUFFMAN_COMPLETE
_EMIT: Final = HUFFMAN_EMIT_SYMBOL
_FAIL: Final = HUFFMAN_FAIL

_IS_COMPILED: Final = not __file__.endswith((".py", ".pyc"))


def decode(data: bytes) -> str:
    """The decoded octets as latin-1 characters, one per octet.

    Raises ``ConnectionFault`` (COMPRESSION_ERROR) on an invalid code, EOS, or wrong padding.
    """
    return walked(data) if _IS_COMPILED else inflated(data)


def inflated(data: bytes) -> str:
    """``decode`` by zlib."""
    inflater = _PRIMED.copy()
    text = inflater.decompress(data.translate(_REVERSED), 2 * len(data))  # codes have 5 bits at least; 32 KB otherwise
    padding = 8 * len(data) - sum(text.translate(_LENGTHS))
    # Less than a byte of ones must be left (section 5.2).
    if padding < 8 and not inflater.eof and (not padding or (data[-1] + 1) % (1 << padding) == 0):
        return text.decode("latin-1")
    try:
        return decode_huffman(data).decode("latin-1")
    except HPACKDecodingError:
        raise _fault() from None


def walked(data: bytes) -> str:
    """``decode`` by half bytes. Tables and text are pointers in C: a fifth of the instructions."""
    length = len(data)
    written = _SCRATCH if length <= 256 else bytearray(2 * length)  # codes have 5 bits at least
    coded, text, actions, octets, following = data, written, _ACTIONS, _OCTETS, _NEXT
    size = state = 0
    action = _COMPLETE
    for half in range(2 * length):
        octet = coded[half >> 1]
        at = state << 4 | (octet & 15 if half & 1 else octet >> 4)
        action = actions[at]
        if action & _FAIL:
            raise _fault()
        if action & _EMIT:
            text[size] = octets[at]
            size += 1
        state = following[at]
    if not action & _COMPLETE:
        raise _fault()
    return text[:size].decode("latin-1")


def _fault() -> ConnectionFault:
    return ConnectionFault(ErrorCode.COMPRESSION_ERROR, "invalid Huffman code or padding in a header block")
