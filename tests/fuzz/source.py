"""Takes a fuzzer's bytes apart: whatever is asked for is there, zeros after the end."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

__all__ = ["Source", "cut", "mutations"]


class Source:
    """Reads decisions from bytes; the same bytes make the same decisions."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        """Whether bytes are left."""
        return self._at < len(self._data)

    def byte(self) -> int:
        value = self._data[self._at] if self._at < len(self._data) else 0
        self._at += 1
        return value

    def number(self, size: int) -> int:
        """A big-endian number of so many bytes."""
        return int.from_bytes(bytes(self.byte() for _ in range(size)), "big")

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.byte() % len(choices)]

    def take(self, size: int) -> bytes:
        """At most ``size`` bytes."""
        taken = self._data[self._at : self._at + size]
        self._at += size
        return taken

    def rest(self) -> bytes:
        return self.take(len(self._data))


def cut(data: bytes, size: int) -> list[bytes]:
    """Pieces of ``size`` bytes; 0: one piece."""
    return [data[at : at + size] for at in range(0, len(data), size)] if size else [data]


def mutations(seeds: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    """The seeds, then ``count`` inputs made of them: bytes flipped, removed, doubled, joined with others'."""
    yield from seeds
    chance = random.Random(seed)
    for _ in range(count):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 4)):
            _mutate(data, chance, seeds)
        yield bytes(data)


def _mutate(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    at = chance.randint(0, len(data))
    match chance.randrange(5):
        case 0 if at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        case 1:
            data[at:at] = chance.randbytes(chance.randint(1, 4))
        case 2:
            del data[at : at + chance.randint(1, 8)]
        case 3:
            data[at:at] = data[at : at + chance.randint(1, 40)]
        case _:
            other = chance.choice(seeds)
            data[at:] = other[chance.randint(0, len(other)) :]
