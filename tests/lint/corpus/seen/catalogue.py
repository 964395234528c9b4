"""A catalogue with search and import. Faults of state, modules, sets and signatures."""

from __future__ import annotations

import asyncio
import collections
import functools
import itertools
from dataclasses import dataclass, field
from typing import FrozenSet, Generic, TypeVar

from pydantic import BaseModel

from restate_reflect import Context, ObjectContext, ObjectSharedContext, State, WorkflowContext, handler

T = TypeVar("T")
EMPTY: list[str] = []
INDEX: dict[str, list[str]] = {}
queue = collections.deque()
numbers = itertools.count()
total = 0


class Article(BaseModel):
    name: str
    tags: FrozenSet[str] = frozenset()
    views: int = 0


@dataclass
class Draft:
    """Made by a handler: it belongs to one invocation."""

    lines: list[str] = field(default_factory=list)

    def write(self, line: str) -> None:
        self.lines.append(line)


def index(article: Article) -> None:
    INDEX.setdefault(article.name, [])  # expect: RR303


class Base(Generic[T]):
    async def publish(self, ctx: ObjectContext, item: T) -> None:
        self.published = True  # expect: RR302
        ctx.set("item", item)


class Articles(Base[Article]):
    article = State(Article | None)
    names = State(list[str], default=[])

    def __init__(self) -> None:
        self.cache: dict[str, Article] = {}
        self.seen = set()

    async def view(self, ctx: ObjectContext) -> int:
        article = await ctx.get(Articles.article)
        article.views += 1  # expect: RR306
        return article.views

    async def rename(self, ctx: ObjectContext, name: str) -> None:
        names = await ctx.get(Articles.names)
        names[0] = name  # expect: RR306

    async def forget(self, ctx: ObjectContext, name: str) -> bool:
        names = await ctx.get("names", list[str], default=EMPTY)  # expect: RR304
        if name in names:
            names.remove(name)  # expect: RR306
            return True
        return False

    async def load(self, ctx: ObjectContext) -> Article:
        if ctx.key not in self.cache:
            self.cache[ctx.key] = await ctx.run("load", Article, name=ctx.key)  # expect: RR302
        self.seen.add(ctx.key)  # expect: RR302
        return self.cache[ctx.key]

    async def draft(self, ctx: ObjectContext, lines: list[str]) -> list[str]:
        draft = Draft()
        for line in lines:
            draft.write(line)
        return draft.lines

    async def enter(self, ctx: ObjectContext, article: Article) -> None:
        global total
        total += 1  # expect: RR303
        index(article)
        queue.append(article)  # expect: RR303
        Articles.last = article.name  # expect: RR303

    async def leave(self, ctx: ObjectContext) -> None:
        del self.cache[ctx.key]  # expect: RR302
        INDEX.pop(ctx.key, None)  # expect: RR303

    async def tag(self, ctx: ObjectContext, article: Article) -> None:
        for tag in article.tags:  # expect: RR110
            await ctx.run(f"tag {tag}", print, tag)

    async def merge(self, ctx: ObjectContext, left: set[str], right: set[str]) -> list[str]:
        both = left & right
        results = [await ctx.run(f"merge {name}", str.upper, name) for name in both]  # expect: RR110
        async with asyncio.TaskGroup() as group:
            for name in left.union(right):  # expect: RR110
                group.create_task(self._fetch(ctx, name))
        return results

    async def _fetch(self, ctx: ObjectContext, name: str) -> str:
        return await ctx.run(f"fetch {id(name)}", str.lower, name)  # expect: RR305 RR111

    async def one(self, ctx: ObjectContext, names: list[str]) -> None:
        chosen = set(names).pop()  # expect: RR110
        await ctx.run("choose", print, chosen)

    async def all(self, ctx: ObjectContext, names: list[str]) -> list[str]:
        return await asyncio.gather(*[ctx.run(f"all {name}", print, name) for name in {*names}])  # expect: RR110

    async def number(self, ctx: ObjectContext) -> str:
        return await ctx.run(f"number {self._number}", print)  # expect: RR305

    def _number(self) -> int:
        return 1

    async def attempt(self, ctx: ObjectContext) -> None:
        await ctx.run(f"attempt {ctx.request.retry_count}", print)  # expect: RR305

    async def inside(self, ctx: ObjectContext, name: str) -> str:
        def body() -> str:
            ctx.log.info("inside")  # expect: RR301
            return name.upper()

        return await ctx.run("inside", body)

    async def partly(self, ctx: ObjectContext, name: str) -> None:
        await ctx.run("partly", functools.partial(self._enter, ctx, name))  # expect: RR301
        await ctx.run("state", ctx.get, "names", list[str])  # expect: RR301

    def _enter(self, ctx: ObjectContext, name: str) -> None:
        print(name)

    async def untyped(self, ctx: ObjectContext, name, tags: list[str]) -> None:  # expect: RR401
        print(name, tags)

    async def starred(self, ctx: ObjectContext, **words: str) -> None:  # expect: RR401
        print(words)

    async def listing(self, ctx: ObjectSharedContext, prefix: str):  # expect: RR401
        for name in await ctx.get(Articles.names):
            yield name

    async def almost(self, ctx, name: str) -> None:  # expect: RR402
        print(name)

    async def swapped(self, name: str, ctx: ObjectContext) -> None:  # expect: RR402
        print(name)


class Mixed:  # expect: RR403
    async def one(self, ctx: Context) -> None:
        """Of a service."""

    async def other(self, ctx: ObjectContext) -> None:
        """Of a virtual object."""


class Twice:  # expect: RR403
    async def run(self, ctx: WorkflowContext) -> None:
        """One."""

    @handler(name="Again")
    async def run_again(self, ctx: WorkflowContext) -> None:
        """And another."""
