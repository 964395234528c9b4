"""Two versions of the code: invocations finish on the one they started with."""

from __future__ import annotations

import pytest

from restate_reflect import ObjectContext, service
from restate_reflect.server import RestateServer
from tests.conformance.driver import Driver, eventually, fresh_key
from tests.conformance.settings import SETTINGS
from tests.conftest import Serve, ServerMaker

pytestmark = [pytest.mark.server, pytest.mark.both_engines]


@service(name="Story")
class First:
    """Asks once."""

    async def tell(self, ctx: ObjectContext) -> str:
        ctx.set("version", 1)
        return "first " + await ctx.signal("word", str)

    async def give(self, ctx: ObjectContext, invocation: str, name: str, word: str) -> None:
        ctx.resolve_signal(invocation, name, word)


@service(name="Story")
class Second(First):
    """Does other things before it asks; no journal of the first fits."""

    async def tell(self, ctx: ObjectContext) -> str:
        await ctx.sleep(0.001)
        ctx.set("version", 2)
        return "second " + await ctx.signal("other word", str)


class Story:
    """Drives the service ``Story``, whatever its version."""

    def __init__(self, server: RestateServer) -> None:
        self.driver = Driver(server, None, SETTINGS["default"])  # type: ignore[arg-type]  # served by this process

    def begin(self, key: str | None = None) -> str:
        """Returns once the handler has set its state, right before it waits."""
        once = {"idempotency-key": fresh_key()}
        invocation = self.driver.send("Story", "tell", key=key or fresh_key(), headers=once)
        self.until_it_waits(invocation)
        return invocation

    def until_it_waits(self, invocation: str) -> None:
        """Signals that come before a handler has begun are lost, on both engines."""
        eventually(lambda: "Command: SetState" in self.driver.journal(invocation))

    def give(self, invocation: str, name: str, word: str) -> None:
        self.driver.call("Story", "give", {"invocation": invocation, "name": name, "word": word}, key=fresh_key())

    def deployment(self, invocation: str) -> str:
        return str(self.driver.row(invocation)["pinned_deployment_id"])


@pytest.mark.parametrize("inactivity", [None, 0], ids=["waiting", "suspended"])
def test_old_invocations_finish_on_the_old_version(
    server_with: ServerMaker, serve: Serve, inactivity: int | None
) -> None:
    """New ones start on the new version, behind another port; both end well."""
    server = server_with(inactivity_timeout=inactivity)
    story = Story(server)
    serve(server, First)
    old = [story.begin() for _ in range(5)]
    serve(server, Second)
    new = [story.begin() for _ in range(5)]
    for invocation in new:
        story.give(invocation, "other word", "b")
    for invocation in old:
        story.give(invocation, "word", "a")
    assert [story.driver.attach(invocation) for invocation in old] == ["first a"] * 5
    assert [story.driver.attach(invocation) for invocation in new] == ["second b"] * 5
    assert len({story.deployment(invocation) for invocation in old}) == 1
    assert {story.deployment(invocation) for invocation in old}.isdisjoint(map(story.deployment, new))


def test_a_queued_invocation_starts_on_the_new_version(server_with: ServerMaker, serve: Serve) -> None:
    """Only what has started is bound to its version."""
    server = server_with()
    story = Story(server)
    key = fresh_key()
    serve(server, First)
    running = story.begin(key)
    queued = story.driver.send("Story", "tell", key=key, headers={"idempotency-key": fresh_key()})
    serve(server, Second)
    story.give(running, "word", "a")
    assert story.driver.attach(running) == "first a"
    story.until_it_waits(queued)
    story.give(queued, "other word", "b")
    assert story.driver.attach(queued) == "second b"


def test_an_old_version_that_is_gone_is_waited_for(server_with: ServerMaker, serve: Serve) -> None:
    """Its invocations go on when it comes back."""
    server = server_with()
    story = Story(server)
    served = serve(server, First)
    old = story.begin()
    serve(server, Second)
    served.stop()
    story.give(old, "word", "a")
    eventually(lambda: story.driver.status(old), lambda seen: seen == "backing-off")
    again = serve(None, First, port=served.port)
    assert again.port == served.port
    assert story.driver.attach(old) == "first a"


def test_new_code_in_place_of_the_old_is_stopped(server_with: ServerMaker, serve: Serve) -> None:
    """570 for what is under way, until the old code is back; nothing continues on a journal that does not fit."""
    server = server_with(inactivity_timeout=0)
    story = Story(server)
    served = serve(server, First)
    old = story.begin()
    served.stop()
    wrong = serve(None, Second, port=served.port)
    story.give(old, "word", "a")
    failure = story.driver.last_failure(old, "RT0016")
    assert "recorded: set state" in failure
    assert "current:  sleep" in failure
    assert story.driver.status(old) != "completed"
    wrong.stop()
    serve(None, First, port=served.port)
    assert story.driver.attach(old) == "first a"
