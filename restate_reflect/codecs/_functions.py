"""Types of the closures that codecs are made of: ``Codec.encode`` and ``Codec.decode``, name for name."""

from __future__ import annotations

from typing import Protocol, TypeVar

__all__ = ["Decode", "Encode"]

T_contra = TypeVar("T_contra", contravariant=True)
T_co = TypeVar("T_co", covariant=True)


class Encode(Protocol[T_contra]):
    def __call__(self, value: T_contra) -> bytes:
        """Raises ``EncodeError``."""
        ...


class Decode(Protocol[T_co]):
    def __call__(self, data: bytes) -> T_co:
        """Raises ``DecodeError``."""
        ...
