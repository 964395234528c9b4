"""Defaults in the syntax of PEP 696; imported on Python 3.13 and newer only."""

from __future__ import annotations

from pydantic import BaseModel

from restate_reflect.context import Context


class User(BaseModel):
    name: str


class Simple[T = User]:
    async def go(self, ctx: Context, value: T) -> list[T]: ...


class OfAnother[K, V = list[K]]:
    async def go(self, ctx: Context, key: K) -> V: ...


class OfInt(OfAnother[int]): ...


class OfBoth(OfAnother[int, str]): ...


class Chain[K = int, V = dict[str, K]]:
    async def go(self, ctx: Context, key: K) -> V: ...


class ChainBare(Chain): ...


class ChainOfStr(Chain[str]): ...


class ChainSwapped[A = int, B = str](Chain[B, A]): ...


class Variadic[*Ts = *tuple[int, str]]:
    async def go(self, ctx: Context, value: tuple[*Ts]) -> list[tuple[bool, *Ts]]: ...


class VariadicOfBytes(Variadic[bytes]): ...


class OfMethod:
    async def go[X = int](self, ctx: Context, value: X) -> X: ...


class Page[T = User](BaseModel):
    items: list[T]


class OfModel:
    async def go(self, ctx: Context, page: Page) -> Page[int]: ...


class Later[T = Late]:
    async def go(self, ctx: Context, value: T) -> Page[T]: ...


class Late(BaseModel):
    a: int


class Quoted[T = "User"]:
    async def go(self, ctx: Context, value: T) -> None: ...


class Absent[T = Nowhere]:
    async def go(self, ctx: Context, value: T) -> None: ...


class AbsentUnused[T = Nowhere]:
    def helper(self, value: T) -> T: ...
    async def go(self, ctx: Context, value: int) -> None: ...


type Pair[A, B = A] = tuple[A, B]


class OfAlias:
    async def go(self, ctx: Context, value: Pair[int]) -> Pair[str, bool]: ...
