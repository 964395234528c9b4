"""Invocations by the ten thousand over one HTTP/2 connection: frames are prepared once and only counted on return."""

from __future__ import annotations

import itertools
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import hpack
from hyperframe.frame import SettingsFrame, WindowUpdateFrame

from restate_reflect.protocol.versions import ProtocolVersion
from tests.http2.peer import PREFACE

__all__ = ["Invocation", "invoke_many"]

END_STREAM = 1
STREAMS = 100
"""Invocations in progress at once."""


@dataclass(frozen=True)
class Invocation:
    """What is sent on a stream, but for the stream's number."""

    path: str
    body: bytes
    end: bool = True
    """Whether the request ends; if not, it is reset once it is out."""

    def frames(self, stream_id: int) -> bytes:
        block = _block(self.path)
        head = struct.pack(">LBL", len(block) << 8 | 1, 4, stream_id) + block
        body = struct.pack(">LBL", len(self.body) << 8, END_STREAM if self.end else 0, stream_id) + self.body
        reset = b"" if self.end else struct.pack(">LBLL", 4 << 8 | 3, 0, stream_id, 8)
        return head + body + reset


_blocks: dict[str, bytes] = {}


def _block(path: str) -> bytes:
    """A header block that leaves the dynamic table alone, so that it is the same on every stream."""
    if path not in _blocks:
        encoder = hpack.Encoder()
        fields = {":method": "POST", ":scheme": "http", ":authority": "a.test", ":path": path}
        fields["content-type"] = ProtocolVersion.V6.content_type
        _blocks[path] = b"".join(encoder.add((k.encode(), v.encode()), sensitive=True) for k, v in fields.items())
    return _blocks[path]


def invoke_many(port: int, mix: Sequence[Invocation], count: int) -> None:
    """Sends ``count`` invocations, the mix over and over, and waits for the end of each."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        grant = WindowUpdateFrame(0, window_increment=2**30).serialize()
        connection.sendall(PREFACE + SettingsFrame(0).serialize() + grant)
        stream_ids, reader = itertools.count(1, 2), _Reader(connection)
        chosen = itertools.islice(itertools.cycle(mix), count)
        while batch := list(itertools.islice(chosen, STREAMS)):
            connection.sendall(b"".join(each.frames(next(stream_ids)) for each in batch))
            reader.wait_for(sum(each.end for each in batch))


class _Reader:
    """Counts streams that end."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._rest = b""

    def wait_for(self, ends: int) -> None:
        while ends > 0:
            received = self._connection.recv(1 << 20)
            assert received, "the endpoint has closed the connection"
            ends -= self._count(self._rest + received)

    def _count(self, data: bytes) -> int:
        at = ended = 0
        while len(data) - at >= 9:
            word, flags, _ = struct.unpack_from(">LBL", data, at)
            if at + 9 + (word >> 8) > len(data):
                break
            assert word & 0xFF != 7, f"GOAWAY: {data[at : at + 100]!r}"
            ended += word & 0xFF in (0, 1) and bool(flags & END_STREAM)
            at += 9 + (word >> 8)
        self._rest = data[at:]
        return ended
