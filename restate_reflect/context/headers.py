"""Headers, whose names are the same however they are spelled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["Headers"]


class Headers(dict[str, str]):
    """Names in lower case, as HTTP/2 has them, found by any spelling: ``headers["X-Tenant"]``, ``headers["x-tenant"]``.

    Of names that differ in their spelling alone the first one counts. It is for reading.
    """

    __slots__ = ()

    def __init__(self, given: Mapping[str, str]) -> None:
        super().__init__()
        for name, value in given.items():
            self.setdefault(name.lower(), value)

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)

    def __reduce__(self) -> tuple[Any, ...]:
        return Headers, (dict(self),)
