"""An ``h2`` client that writes requests as restate-server 1.7 does: its headers, in its HPACK form.

Recorded from restate-server 1.7.12: ``:path`` is a literal without indexing; all else enters the dynamic table, with
Huffman codes. The invocation id is new with each request, so that each changes the table: a header block hardly ever
repeats byte for byte, and a peer that caches whole blocks must not profit here from what it never meets there.
"""

from __future__ import annotations

import random
import string
from typing import Any, Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from hpack import Encoder, NeverIndexedHeaderTuple
from hpack.hpack import INDEX_NEVER, INDEX_NONE

from restate_reflect.protocol.versions import ProtocolVersion

__all__ = ["VERSION", "Header", "RequestHeaders", "client"]

Header = tuple[str, str] | NeverIndexedHeaderTuple

VERSION: Final = ProtocolVersion.V6
_ALPHABET: Final = string.digits + string.ascii_letters


class _RestateEncoder(Encoder):
    """Writes "never indexed" as "without indexing", which hpack has no word for."""

    def _encode_literal(self, name: bytes, value: bytes, indexbit: bytes, huffman: bool = False) -> Any:
        return super()._encode_literal(name, value, INDEX_NONE if indexbit == INDEX_NEVER else indexbit, huffman)

    def _encode_indexed_literal(self, index: int, value: bytes, indexbit: bytes, huffman: bool = False) -> Any:
        return super()._encode_indexed_literal(
            index, value, INDEX_NONE if indexbit == INDEX_NEVER else indexbit, huffman
        )


def client() -> H2Connection:
    """A connection that has said hello, with as much window for answers as there is."""
    connection = H2Connection(H2Configuration(client_side=True, validate_inbound_headers=False))
    connection.encoder = _RestateEncoder()
    connection.initiate_connection()
    connection.increment_flow_control_window(2**30)
    return connection


class RequestHeaders:
    """The headers of invocations, each with an id of its own."""

    def __init__(self, authority: str = "127.0.0.1:9080", seed: int = 1) -> None:
        self._authority = authority
        self._random = random.Random(seed)

    def __call__(self, path: str) -> list[Header]:
        return [
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", self._authority),
            NeverIndexedHeaderTuple(":path", path),
            ("content-type", VERSION.content_type),
            ("accept", VERSION.content_type),
            ("x-restate-invocation-id", "inv_1" + "".join(self._random.choices(_ALPHABET, k=33))),
            ("x-restate-cluster-name", "localcluster"),
        ]
