"""PEP 696: defaults of type variables, in classes, methods, models and aliases."""

from __future__ import annotations

import sys
from typing import Any, Generic

import pytest
from typing_extensions import TypeVar, TypeVarTuple, Unpack

from restate_reflect.context import Context
from restate_reflect.errors import ReflectionError
from restate_reflect.reflection import reflect

K = TypeVar("K")
V = TypeVar("V", default=list[K])
X = TypeVar("X", default=int)
Ts = TypeVarTuple("Ts", default=Unpack[tuple[int, str]])


class OldOfAnother(Generic[K, V]):
    async def go(self, ctx: Context, key: K) -> V: ...


class OldOfInt(OldOfAnother[int]): ...


class OldVariadic(Generic[*Ts]):
    async def go(self, ctx: Context) -> tuple[*Ts]: ...


class OldOfMethod:
    async def go(self, ctx: Context, value: X) -> X: ...


def annotations_of(cls: Any) -> list[Any]:
    (handler,) = reflect(cls).handlers.values()
    return [*(parameter.annotation for parameter in handler.input.parameters), handler.output.annotation]


@pytest.mark.parametrize(
    "cls, annotations",
    [(OldOfInt, [int, list[int]]), (OldVariadic, [tuple[int, str]]), (OldOfMethod, [int, int])],
)
def test_the_older_spelling_has_defaults_too(cls: type, annotations: list[Any]) -> None:
    assert annotations_of(cls) == annotations


if sys.version_info >= (3, 13):
    from tests.reflection import default_services_696 as shop

    @pytest.mark.parametrize(
        "cls, annotations",
        [
            (shop.Simple, [shop.User, list[shop.User]]),
            (shop.Simple[int], [int, list[int]]),
            (shop.OfInt, [int, list[int]]),
            (shop.OfBoth, [int, str]),
            (shop.Chain, [int, dict[str, int]]),
            (shop.ChainBare, [int, dict[str, int]]),
            (shop.ChainOfStr, [str, dict[str, str]]),
            (shop.ChainSwapped, [str, int]),
            (shop.Variadic, [tuple[int, str], list[tuple[bool, int, str]]]),
            (shop.VariadicOfBytes, [tuple[bytes], list[tuple[bool, bytes]]]),
            (shop.OfMethod, [int, int]),
            (shop.OfModel, [shop.Page, shop.Page[int]]),
            (shop.Later, [shop.Late, shop.Page[shop.Late]]),
            (shop.Quoted, [shop.User, type(None)]),
            (shop.AbsentUnused, [int, type(None)]),
        ],
    )
    def test_a_variable_without_an_argument_is_its_default(cls: type, annotations: list[Any]) -> None:
        """Defaults may be of variables that come before them, and of classes that come later."""
        assert annotations_of(cls) == annotations

    def test_models_and_aliases_apply_their_own_defaults() -> None:
        page = reflect(shop.OfModel).handlers["go"].input
        assert page.decode(b'{"items": [{"name": "a"}]}')[0][0].items == [shop.User(name="a")]
        assert reflect(shop.OfAlias).handlers["go"].input.decode(b"[1, 2]") == (((1, 2),), {})

    def test_a_default_that_is_not_there_is_reported_where_it_is_needed() -> None:
        with pytest.raises(ReflectionError, match="parameter 'value': the default of T can't be evaluated: name 'Now"):
            reflect(shop.Absent)

    def test_a_variable_with_neither_is_reported() -> None:
        with pytest.raises(ReflectionError, match="the type variable K is not bound"):
            reflect(shop.OfAnother)
