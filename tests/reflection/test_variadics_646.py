"""PEP 646: classes with any number of type variables."""

from __future__ import annotations

from typing import Any, Generic, TypeVar, TypeVarTuple

import pytest

from restate_reflect.context import Context
from restate_reflect.errors import ReflectionError
from restate_reflect.reflection import reflect

A = TypeVar("A")
B = TypeVar("B")
Ts = TypeVarTuple("Ts")
Us = TypeVarTuple("Us")


class Rows(Generic[*Ts]):
    async def go(self, ctx: Context, row: tuple[*Ts]) -> list[tuple[bool, *Ts]]: ...


class Framed(Generic[A, *Ts, B]):
    async def go(self, ctx: Context, first: A, last: B) -> tuple[*Ts]: ...


class Narrower(Framed[A, *Us, A], Generic[A, *Us]): ...


class None_(Rows[()]): ...


class Two(Rows[int, str]): ...


class Four(Framed[int, str, bytes, float]): ...


class NoMiddle(Framed[int, float]): ...


class Narrow(Narrower[int, str]): ...


def annotations_of(cls: Any) -> list[Any]:
    (handler,) = reflect(cls).handlers.values()
    return [*(parameter.annotation for parameter in handler.input.parameters), handler.output.annotation]


@pytest.mark.parametrize(
    "cls, annotations",
    [
        (Two, [tuple[int, str], list[tuple[bool, int, str]]]),
        (None_, [tuple[()], list[tuple[bool]]]),
        (Rows[int], [tuple[int], list[tuple[bool, int]]]),
        (Four, [int, float, tuple[str, bytes]]),
        (NoMiddle, [int, float, tuple[()]]),
        (Narrow, [int, int, tuple[str]]),
    ],
)
def test_variables_are_bound_by_position(cls: Any, annotations: list[Any]) -> None:
    assert annotations_of(cls) == annotations


def test_values_come_back() -> None:
    handler = reflect(Two).handlers["go"]
    assert handler.output.decode(handler.output.encode([(True, 1, "a")])) == [(True, 1, "a")]


def test_unbound_ones_are_reported() -> None:
    with pytest.raises(ReflectionError, match="the type variable Ts is not bound"):
        reflect(Rows)
