"""Crawls sites and keeps what it has found."""

import asyncio
import time
import urllib.request
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, ClassVar

import aiohttp

import restate_reflect as rr
from restate_reflect import Context, ObjectContext

SEEN: set[str] = set()
HITS: defaultdict[str, int] = defaultdict(int)


@dataclass
class Page:
    url: str
    links: list[str]


async def download(url: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.text()


async def fetch_now(url: str) -> str:
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as answer:  # expect: RR106
            return await answer.text()


async def with_backoff(ctx: Context, url: str) -> str:
    delay = 1.0
    while True:
        try:
            return await ctx.run("download", download, url)
        except asyncio.CancelledError:  # expect: RR202
            pass
        except rr.TerminalError:
            await asyncio.sleep(delay)
            delay *= 2


def links_of(text: str) -> set[str]:
    return {word for word in text.split() if word.startswith("http")}


class Crawler:
    limits: ClassVar[dict[str, int]] = {"default": 10}

    async def crawl(self, ctx: rr.Context, url: str) -> Page:
        text = await fetch_now(url)
        SEEN.add(url)  # expect: RR303
        return Page(url, sorted(links_of(text)))

    async def deep(self, ctx: rr.Context, url: str) -> int:
        text = await with_backoff(ctx, url)
        pages = 0
        for link in links_of(text):  # expect: RR110
            await ctx.call(Crawler.crawl, link)
            pages += 1
        return pages

    async def wide(self, ctx: rr.Context, urls: list[str]) -> list[Page]:
        calls = [ctx.call(Crawler.crawl, url) for url in set(urls)]  # expect: RR110
        return list(await asyncio.gather(*calls))

    async def ping(self, ctx: rr.Context, url: str) -> int:
        with urllib.request.urlopen(url) as answer:  # expect: RR106
            return int(answer.status)

    async def warm(self, ctx: rr.Context, urls: list[str]) -> None:
        for url in urls:
            asyncio.create_task(self.load(ctx, url))  # expect: RR204
        await ctx.sleep(1)

    async def load(self, ctx: Context, url: str) -> str:
        async def body() -> str:
            await ctx.sleep(1)  # expect: RR301
            return await download(url)

        return await ctx.run("load", body)

    async def count(self, ctx: Context, url: str) -> int:
        HITS[url] += 1  # expect: RR303
        return HITS[url]

    async def limit(self, ctx: Context, site: str, limit: int) -> None:
        self.limits[site] = limit  # expect: RR302/RR303

    async def race(self, ctx: Context, urls: list[str]) -> str:
        tasks = {asyncio.create_task(with_backoff(ctx, url)) for url in urls}
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        return next(iter(done)).result()

    async def stepwise(self, ctx: Context, url: str) -> str:
        ctx.run("prepare", print, url)  # expect: RR203
        return await ctx.run("load", lambda: f"{url}-{ctx.uuid()}")  # expect: RR301

    async def politely(self, ctx: Context, url: str) -> str:
        time.sleep(0.5)  # expect: RR109
        return await ctx.run("download", partial(download, url))

    async def stream(self, ctx: Context, url: str) -> int:
        total = 0
        async for chunk in self._chunks(url):
            total += len(chunk)
        return total

    async def _chunks(self, url: str) -> AsyncIterator[bytes]:
        async with aiohttp.request("GET", url) as answer:  # expect: RR106
            async for chunk in answer.content:
                yield chunk


class Site:
    """One site; the key is its host."""

    async def visit(self, ctx: ObjectContext, url: Annotated[str, "absolute"]) -> None:
        self.last = url  # expect: RR302
        visits = await ctx.get("visits", int) or 0
        ctx.set("visits", visits + 1)

    async def revisit(self, ctx: ObjectContext, urls: list[str]) -> None:
        for url in urls:
            await ctx.call(self.visit, url, key=ctx.key)  # expect: RR206

    async def forget(self, ctx: ObjectContext, reason) -> None:  # expect: RR401
        ctx.clear_all()
