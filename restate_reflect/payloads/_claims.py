"""Large payloads kept elsewhere; the journal has where."""

from __future__ import annotations

import asyncio
import os
import struct
import tempfile
from collections import OrderedDict
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from restate_reflect.errors import PayloadDamagedError, PayloadUnavailableError

__all__ = ["Claim", "ClaimCheck", "ClaimStore", "DirectoryStore"]


class ClaimStore(Protocol):
    """Where large payloads are kept, by the SHA-256 of their content: 64 hexadecimal digits. Called on the event loop
    of the endpoint."""

    async def put(self, digest: str, data: bytes, /) -> None:
        """Keeps it; the same content may come again."""
        ...

    async def get(self, digest: str, /) -> bytes:
        """Raises ``KeyError``: there is none."""
        ...


class Claim(NamedTuple):
    """What the journal has of a payload that is kept elsewhere."""

    digest: str
    size: int


_CLAIM: Final = struct.Struct(">Q32s")


class ClaimCheck:
    """Keeps payloads above a size in a store of yours. The last of a chain: what others have done is kept there.

    Args:
        store: Where to.
        above: Bytes; larger ones are kept there.
        cache_bytes: Of what was last put and read; each attempt reads again what its journal refers to.
    """

    name = "claim"

    def __init__(self, store: ClaimStore, *, above: int = 256_000, cache_bytes: int = 32 << 20) -> None:
        self.store = store
        self.above = above
        self._cache = _Cache(cache_bytes)

    def claim(self, data: bytes) -> bytes:
        """What stands in the journal for ``data``."""
        return _CLAIM.pack(len(data), sha256(data).digest())

    async def put(self, data: bytes) -> None:
        """Whatever the store raises."""
        digest = sha256(data).hexdigest()
        await self.store.put(digest, data)
        self._cache.add(digest, data)

    async def get(self, claim: bytes, limit: int) -> bytes:
        """The payload; see ``PayloadCodec.decode``."""
        wanted = _read(claim)
        if wanted.size > limit:
            said = f"it has {wanted.size:,} bytes, and at most {limit:,} are read"
            raise PayloadDamagedError(said, is_too_large=True)
        known = self._cache.get(wanted.digest)
        return known if known is not None else await self._get(wanted)

    def at_hand(self, claim: bytes) -> bytes:
        """What was put or read lately. Raises ``PayloadUnavailableError``."""
        known = self._cache.get(_read(claim).digest)
        if known is None:
            raise PayloadUnavailableError(f"it is kept in {type(self.store).__name__}, and was not asked for")
        return known

    async def _get(self, wanted: Claim) -> bytes:
        try:
            data = await self.store.get(wanted.digest)
        except KeyError:
            raise PayloadUnavailableError(
                f"{type(self.store).__name__} has nothing with the digest {wanted.digest}. Keep payloads there as long"
                " as journals and state refer to them"
            ) from None
        except Exception as error:  # of the user's store
            why = f"{type(self.store).__name__}.get failed: {type(error).__name__}: {error}"
            raise PayloadUnavailableError(why) from error
        if len(data) != wanted.size or sha256(data).hexdigest() != wanted.digest:
            raise PayloadDamagedError(f"what {type(self.store).__name__} has as {wanted.digest} is something else")
        self._cache.add(wanted.digest, data)
        return data


def _read(claim: bytes) -> Claim:
    if len(claim) != _CLAIM.size:
        raise PayloadDamagedError(f"a claim has {_CLAIM.size} bytes, not {len(claim)}")
    size, digest = _CLAIM.unpack(claim)
    return Claim(digest.hex(), size)


class _Cache:
    """The last contents, by digest: they never change."""

    def __init__(self, limit: int) -> None:
        self._limit, self._size = limit, 0
        self._kept: OrderedDict[str, bytes] = OrderedDict()

    def get(self, digest: str) -> bytes | None:
        if digest in self._kept:
            self._kept.move_to_end(digest)
        return self._kept.get(digest)

    def add(self, digest: str, data: bytes) -> None:
        if len(data) > self._limit or digest in self._kept:
            return
        self._kept[digest] = data
        self._size += len(data)
        while self._size > self._limit:
            self._size -= len(self._kept.popitem(last=False)[1])


class DirectoryStore:
    """Payloads as files of one directory: for tests, and for processes that share a disk. Nothing is ever removed."""

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)

    async def put(self, digest: str, data: bytes, /) -> None:
        await asyncio.to_thread(self._put, self._path(digest), data)

    async def get(self, digest: str, /) -> bytes:
        try:
            return await asyncio.to_thread(self._path(digest).read_bytes)
        except FileNotFoundError:
            raise KeyError(digest) from None

    def _path(self, digest: str) -> Path:
        return self.directory / digest[:2] / digest

    def _put(self, path: Path, data: bytes) -> None:
        """Whole or not at all: written beside it, and renamed."""
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(path)
