"""Code that is mended while invocations wait for it, and finished ones that begin anew."""

from __future__ import annotations

from typing import Any

import pytest

from restate_reflect import Context, TerminalError, reflect
from restate_reflect.server import RestateServer
from tests.conftest import ServerMaker
from tests.realserver.waiting import eventually
from tests.scenarios.conftest import Invocation, Site, result
from tests.support import ServedInThread, call, fetch


class Restarted:
    """Fails for good until it is told not to."""

    def __init__(self) -> None:
        self.is_broken, self.version = True, "old"

    async def echo(self, ctx: Context, text: str) -> str:
        seen = await ctx.run("look", self._look)
        if self.is_broken:
            raise TerminalError("no progress", code=418)
        return f"{text} from {seen}"

    def _look(self) -> str:
        return self.version


class Kept:
    async def greet(self, ctx: Context, name: str) -> str:
        await ctx.sleep(0.01)
        return name


RESTARTED = Restarted()
SERVICES = (RESTARTED, Kept())


@pytest.mark.parametrize("query, seen", [("", "new"), ("?from=1", "old")])
def test_what_failed_for_good_may_begin_anew(once: Site, query: str, seen: str) -> None:
    """From its input, or from a step whose result it keeps; the failed one stays as it is."""
    RESTARTED.is_broken, RESTARTED.version = True, "old"
    sent = once.send("Restarted/echo", "text")
    assert sent.attach() == "418 no progress"
    RESTARTED.is_broken, RESTARTED.version = False, "new"
    answer = fetch(f"{once.server.admin_url}/invocations/{sent.id}/restart-as-new{query}", method="PATCH")
    again = Invocation(once.server, answer.json["new_invocation_id"])
    assert again.attach() == f"text from {seen}"
    assert sent.attach() == "418 no progress"
    assert [each.row["status"] for each in (sent, again)] == ["completed"] * 2


def test_a_finished_journal_is_kept(site: Site) -> None:
    """Of a handler that slept: nothing else is in it, however often it was suspended."""
    sent = site.send("Kept/greet", "ada", headers={"idempotency-key": f"kept {site.suffix} {id(site)}"})
    assert sent.attach() == "ada"
    assert sent.row["status"] == "completed"
    assert sent.journal == ["Command: Input", "Command: Sleep", "Notification: Sleep", "Command: Output"]


# ---------------------------------------------------------------- another version of the code


class Old:
    """Can't get on with its step; calls a service that is not there yet."""

    def __init__(self) -> None:
        self.attempts: list[str] = []

    async def step(self, ctx: Context) -> str:
        return await ctx.run("step", self._step)

    async def calls(self, ctx: Context) -> str:
        self.attempts.append("calls")
        return (await ctx.call_raw("Later", "answer", b"")).decode()

    async def sends(self, ctx: Context) -> str:
        self.attempts.append("sends")
        ctx.send_raw("Later", "answer", b"")
        return await ctx.run("done", self._done)

    async def waits(self, ctx: Context) -> str:
        awakeable = ctx.awakeable(str)
        self.attempts.append(awakeable.id)
        return await awakeable

    def _step(self) -> str:
        self.attempts.append("step")
        raise ConnectionError("in the old version")

    def _done(self) -> str:
        return "done"


class New(Old):
    def _step(self) -> str:
        return "in the new version"


class Later:
    async def answer(self, ctx: Context) -> str:
        return "here"


@pytest.mark.both_engines
@pytest.mark.server
def test_invocations_go_on_in_the_code_that_their_deployment_is_led_to(server_with: ServerMaker) -> None:
    """An awakeable, a step that failed, a call and a message to somebody who was not there."""
    old, new = Old(), New()
    server = server_with()
    with ServedInThread(reflect(old, name="Code")) as before:
        deployment = server.register(before.url)["id"]
        sent = {name: send(server, name) for name in ("step", "calls", "sends", "waits")}
        eventually(lambda: {"step", "calls", "sends"} <= set(old.attempts) and len(set(old.attempts)) == 4)
        eventually(lambda: "Command: Run" in sent["step"].journal)
    awakeable = next(each for each in old.attempts if each.startswith("sign_1"))
    with ServedInThread(reflect(new, name="Code")) as after, ServedInThread(Later) as later:
        server.register(later.url)
        moved = fetch(f"{server.admin_url}/deployments/{deployment}", {"uri": after.url}, method="PATCH")
        assert (moved.status, moved.json["uri"]) == (200, f"{after.url}/")
        assert fetch(f"{server.ingress_url}/restate/awakeables/{awakeable}/resolve", "solved").status == 202
        results = {name: each.attach() for name, each in sent.items()}
        assert results == {"step": "in the new version", "calls": '"here"', "sends": "done", "waits": "solved"}
        assert {each.row["pinned_deployment_id"] for each in sent.values()} == {deployment}
        assert result(call(server, "Code", "sends")) == "done"


def send(server: RestateServer, handler: str) -> Invocation:
    keyed: dict[str, Any] = {"idempotency-key": handler}
    return Invocation(server, call(server, "Code", handler, send=True, headers=keyed).invocation_id)
