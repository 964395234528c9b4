"""Header blocks of one connection, compared with the ``hpack`` library.

Invariants: nothing raises but a refusal; both decoders see the same fields, or both refuse. Two refusals are ours
alone and named below.
"""

# ruff: noqa: PT017  what a refusal says is part of the invariant
from __future__ import annotations

import hpack

from restate_reflect.http2.decoder import FieldDecoder
from restate_reflect.http2.errors import ConnectionFault
from restate_reflect.http2.fields import INVALID
from restate_reflect.http2.limits import Limits
from tests.fuzz.source import Source
from tests.http2.peer import GET, POST

__all__ = ["SEEDS", "check"]

LIMITS = Limits()


def check(data: bytes) -> None:
    """Blocks, each behind a byte with its length."""
    source = Source(data)
    ours, theirs = FieldDecoder(LIMITS), hpack.Decoder(max_header_list_size=1 << 30)
    while source:
        block = source.take(source.byte())
        if not _same(ours, theirs, block):
            return


def _same(ours: FieldDecoder, theirs: hpack.Decoder, block: bytes) -> bool:
    """Whether to go on: after a refusal the tables mean nothing."""
    try:
        expected: list[tuple[bytes, bytes]] | None = [
            (bytes(f[0]), bytes(f[1])) for f in theirs.decode(block, raw=True)
        ]
    except (hpack.HPACKError, UnicodeDecodeError, IndexError):
        expected = None
    try:
        fields = ours.decode(block)
    except ConnectionFault as fault:
        # Ours alone: integers of more than five bytes, which hpack adds up in numbers of any size.
        assert expected is None or "integer of more than" in fault.why, (fault.why, expected)
        return False
    if fields is None:
        return expected is not None  # larger than we take; the table is up to date all the same
    assert expected is not None, "hpack refuses this block"
    assert len(fields) == len(expected)
    for (name, value, size, kind), (their_name, their_value) in zip(fields, expected, strict=True):
        assert size == 32 + len(their_name) + len(their_value)
        if kind != INVALID:
            assert _octets(name) == their_name
            assert _octets(value) == their_value
    return True


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _seeds() -> list[bytes]:
    encoder = hpack.Encoder()
    blocks = [
        encoder.encode([*headers, ("x-restate-id", "inv_1gidH2J8JM6R6sJGx")], huffman=huffman)
        for headers in (GET, POST, GET)
        for huffman in (True, False)
    ]
    joined = b"".join(bytes([len(block)]) + block for block in blocks)
    return [
        joined,
        b"\x03\x3f\xe1\x1f" + joined,
        b"\x01\x20" + joined,
        b"\x06\x82\x86\x84\x40\x01a\x01b",
        b"\x02\xff\x80",
    ]


SEEDS = _seeds()
