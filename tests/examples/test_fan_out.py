"""Fan-out with TaskGroup on the real server."""

from __future__ import annotations

import asyncio

from examples.fan_out import Library, Survey, WordCounter
from restate_reflect.server import RestateServer
from tests.conftest import Serve
from tests.support import call


class TogetherLibrary(Library):
    """Answers only when all pages are asked for at once."""

    def __init__(self, pages: int) -> None:
        self.barrier = asyncio.Barrier(pages)

    async def fetch(self, page: str) -> str:
        async with asyncio.timeout(20), self.barrier:
            return await super().fetch(page)


def test_counts_in_the_order_given(any_server: RestateServer, serve: Serve) -> None:
    """Results stand in the order of the input, whatever comes first."""
    serve(any_server, Survey, WordCounter)
    answer = call(any_server, "Survey", "count", ["venus", "mars", "pluto"]).json
    assert [each["page"] for each in answer["pages"]] == ["venus", "mars", "pluto"]
    assert answer["words"] == 7 + 3 + 4


def test_pages_are_fetched_concurrently(any_server: RestateServer, serve: Serve) -> None:
    """Each fetch waits until all three are in progress."""
    serve(any_server, Survey(TogetherLibrary(3)), WordCounter)
    assert call(any_server, "Survey", "count", ["venus", "mars", "pluto"]).json["words"] == 14


def test_a_missing_page_fails_the_whole_survey(any_server: RestateServer, serve: Serve) -> None:
    """A group of terminal errors is terminal; the caller sees the first one."""
    serve(any_server, Survey, WordCounter)
    answer = call(any_server, "Survey", "count", ["mars", "vulcan"])
    assert (answer.status, answer.json["message"]) == (404, "there is no page 'vulcan'")


def test_nothing_to_count(any_server: RestateServer, serve: Serve) -> None:
    """An empty group ends at once."""
    serve(any_server, Survey, WordCounter)
    assert call(any_server, "Survey", "count", []).json == {"pages": [], "words": 0}
