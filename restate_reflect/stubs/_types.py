"""What stubs know of types: plain data between the JSON Schemas that come and the source that goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

__all__ = [
    "ANY",
    "NONE",
    "ClassRef",
    "EnumClass",
    "Field",
    "ListOf",
    "Literals",
    "MapOf",
    "Model",
    "Place",
    "Scalar",
    "Shape",
    "TupleOf",
    "Union",
]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a schema is used: what a class without a name is named after, and what an error names."""

    service: str
    handler: str
    side: str
    """``Input`` or ``Output``."""
    path: tuple[str, ...] = ()

    def inside(self, *steps: str) -> Place:
        return Place(self.service, self.handler, self.side, (*self.path, *steps))

    def __str__(self) -> str:
        return "".join([f"{self.service}.{self.handler}, {self.side.lower()}", *(f" / {step}" for step in self.path)])


@dataclass(frozen=True, slots=True)
class Scalar:
    """``int``, ``str``, ``datetime`` …, and how pydantic bounds it."""

    name: str
    bounds: tuple[tuple[str, int | float], ...] = ()
    is_hashable = True


@dataclass(frozen=True, slots=True)
class Literals:
    """JSON scalars."""

    values: tuple[Any, ...]
    is_hashable = True


@dataclass(frozen=True, slots=True)
class ClassRef:
    """A class by its identity."""

    identity: str
    is_hashable: bool = False


@dataclass(frozen=True, slots=True)
class ListOf:
    """``list`` or ``set``."""

    item: Shape
    container: str = "list"
    bounds: tuple[tuple[str, int | float], ...] = ()
    is_hashable = False


@dataclass(frozen=True, slots=True)
class TupleOf:
    """Of a fixed length."""

    parts: tuple[Shape, ...]
    is_hashable = False


@dataclass(frozen=True, slots=True)
class MapOf:
    """From strings."""

    value: Shape
    is_hashable = False


@dataclass(frozen=True, slots=True)
class Union:
    """One of several."""

    choices: tuple[Shape, ...]
    is_hashable = False


Shape: TypeAlias = Scalar | Literals | ClassRef | ListOf | TupleOf | MapOf | Union

ANY: Final = Scalar("Any")
"""What Python's types can't say."""
NONE: Final = Scalar("None")


@dataclass(frozen=True, slots=True)
class Field:
    """A property of a model."""

    wire: str
    shape: Shape
    required: bool
    default: Any = None
    has_default: bool = False


@dataclass(slots=True)
class Model:
    """An object schema."""

    name: str
    """Empty if it has none: it is named after its place then."""
    place: Place
    extra: str | None = None
    documentation: str | None = None
    fields: list[Field] = field(default_factory=list)


@dataclass(slots=True)
class EnumClass:
    """A schema with a name and a list of values."""

    name: str
    place: Place
    values: list[str | int]
    documentation: str | None = None
