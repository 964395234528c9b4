"""Fan-out and fan-in with ``asyncio.TaskGroup``: the standard library is durable here.

Shows concurrent tasks that each take a step and make a call, a child that fails and thereby
stops its siblings, and results in the order of the tasks however they finish. A crash in the
middle repeats no page that was fetched.

Try it::

    restate-reflect serve examples.fan_out --with-server
    curl localhost:8080/Survey/count --json '["mars", "venus", "pluto"]'
    curl localhost:8080/Survey/count --json '["mars", "vulcan"]'    # 404: there is no such page
"""

from __future__ import annotations

import asyncio

from pydantic import BaseModel

from restate_reflect import Context, TerminalError


class PageCount(BaseModel):
    """Words of one page."""

    page: str
    words: int


class Total(BaseModel):
    """Words of all pages."""

    pages: list[PageCount]
    words: int


class Library:
    """Stands for a web site."""

    pages = {
        "mars": "the red planet",
        "venus": "the morning star and the evening star",
        "pluto": "no longer a planet",
    }

    async def fetch(self, page: str) -> str:
        """The text of a page. Raises ``TerminalError`` (404) if there is none."""
        await asyncio.sleep(0.01)
        if page not in self.pages:
            raise TerminalError(f"there is no page {page!r}", code=404)
        return self.pages[page]


class WordCounter:
    """Counts words; many instances of it can run at once, on many machines."""

    async def words(self, ctx: Context, text: str) -> int:
        """Number of words in a text."""
        return len(text.split())


class Survey:
    """Counts the words of many pages at once."""

    def __init__(self, library: Library | None = None) -> None:
        self.library = library or Library()

    async def count(self, ctx: Context, pages: list[str]) -> Total:
        """Fetches and counts all pages concurrently, and adds up."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._count_one(ctx, page)) for page in pages]
        counts = [task.result() for task in tasks]
        return Total(pages=counts, words=sum(each.words for each in counts))

    async def _count_one(self, ctx: Context, page: str) -> PageCount:
        text = await ctx.run(f"fetch {page}", self.library.fetch, page)
        return PageCount(page=page, words=await ctx.call(WordCounter.words, text))
