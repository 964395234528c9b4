"""Compression by Zstandard: of the standard library from Python 3.14 on, else of ``backports.zstd``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from restate_reflect.errors import PayloadDamagedError
from restate_reflect.payloads._positions import Position

__all__ = ["Zstd"]

_MAX_WINDOW: Final = 24
"""log2 of the memory that a frame may ask of its reader: 16 MiB. Level 19 writes up to 8 MiB; the library's own limit
is 128."""


class Zstd:
    """Compresses what gets smaller by it.

    Args:
        min_bytes: Shorter payloads are left alone.
        level: 1 (fast) to 19 (small).

    Raises:
        ImportError: Before Python 3.14 the extra ``zstd`` is needed.
        ValueError: There is no such level.
    """

    name = "zstd"

    def __init__(self, min_bytes: int = 1024, *, level: int = 3) -> None:
        if not 1 <= level <= 19:
            raise ValueError(f"Zstd(level={level}): levels are 1 to 19")
        self.min_bytes = min_bytes
        self.level = level
        self._zstd = _library()

    def encode(self, data: bytes, position: Position) -> bytes | None:
        if len(data) < self.min_bytes:
            return None
        smaller: bytes = self._zstd.compress(data, self.level)
        return smaller if len(smaller) < len(data) else None

    def decode(self, data: bytes, position: Position, limit: int) -> bytes:
        zstd = self._zstd
        reader = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _MAX_WINDOW})
        try:
            restored: bytes = reader.decompress(data, max_length=limit + 1)
        except zstd.ZstdError as error:
            raise PayloadDamagedError(f"it can't be decompressed: {error}") from error
        if len(restored) > limit:
            raise PayloadDamagedError(f"decompressed it has more than {limit:,} bytes", is_too_large=True)
        if not reader.eof or reader.unused_data:
            raise PayloadDamagedError("what was compressed is cut short, or goes on after its end")
        return restored


def _library() -> Any:
    try:
        if sys.version_info >= (3, 14) and not TYPE_CHECKING:
            from compression import zstd
        else:
            from backports import zstd
    except ImportError as error:
        raise ImportError(
            f"Zstd needs Zstandard ({error}). Install restate-reflect[zstd], or a Python from 3.14 on that has"
            " compression.zstd."
        ) from error
    return zstd
