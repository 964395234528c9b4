"""Services in the syntax of PEP 695 and PEP 696; imported on Python 3.12 and newer only."""

from __future__ import annotations

from pydantic import BaseModel

from restate_reflect.context import ObjectContext, ObjectSharedContext

type Ids = list[int]
type Pair[A, B] = tuple[A, B]
type Tree = dict[str, Tree] | int
type Ctx = ObjectContext
type Blob = bytes
type Broken = list[Missing]  # type: ignore[name-defined]


class Page[T](BaseModel):
    items: list[T]


class Repository[K, T]:
    def get(self, ctx: ObjectSharedContext) -> T | None: ...
    def put(self, ctx: ObjectContext, key: K, value: T) -> None: ...
    def page(self, ctx: ObjectSharedContext) -> Page[T]: ...
    def pair(self, ctx: ObjectSharedContext) -> Pair[K, T]: ...


class Users(Repository[int, str]): ...


class Aliases:
    def ids(self, ctx: ObjectContext, ids: Ids) -> Pair[int, str]: ...
    def tree(self, ctx: Ctx, tree: Tree) -> Tree: ...
    def blob(self, ctx: Ctx, blob: Blob) -> Blob: ...


class BrokenAlias:
    def go(self, ctx: Ctx, ids: Broken) -> None: ...


class GenericMethod:
    def go[X](self, ctx: Ctx, value: X) -> X: ...
