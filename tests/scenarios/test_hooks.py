"""What interceptors see of attempts, handlers and steps, however they end; and what operators see of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.realserver.waiting import eventually
from tests.scenarios.conftest import Invocation, Site, result
from tests.scenarios.hooked import HOOK_TIMES, NOTES, SEEN, Hooked, HookedObject, HookedService, Noting
from tests.support import call, fetch

HOOKED = Hooked()
SERVICES = (HOOKED,)
CALLED = (HookedService, HookedObject)
OPTIONS = {"interceptors": [Noting("outer")]}

WELL = ["handler >", "handler <", "completed"]
STEP = ["step >", "step <"]
MISMATCH = "journal mismatch at command 1: the code no longer does what this invocation's journal recorded."
LATE = "the invocation stream was closed after the 'abort timeout' (1ms) fired."
NOBODY = (
    "cannot process command Command: Call (command index 1) because of a failed precondition: "
    "the service handler NoSuchService/handler was not found"
)


def failed(step: str, why: str = "again") -> list[str]:
    """An attempt that a step has ended."""
    return ["handler >", f"{step} >", f"{step} ! {why}", "failed"]


@dataclass(frozen=True)
class Expected:
    """Of one handler of ``Hooked``."""

    result: Any
    outer: list[str]
    """What is seen around everything."""
    inner: list[str] | None = None
    """What is seen next to the handler, inside of the hooks that fail, if that is not the same."""
    errors: tuple[tuple[Any, ...], ...] = ()
    """Of attempts that others have followed, for operators: Restate's code, message, and the command's type, name and
    index."""


def error(message: str, code: str = "RT0007") -> tuple[Any, ...]:
    return (code, message, None, None, None)


def of_step(message: str, name: str = "step", index: int = 1) -> tuple[Any, ...]:
    return ("RT0007", message, "Run", name, index)


TOLD = ("restate_doc_error_code", "error_message", *(f"related_command_{what}" for what in ("type", "name", "index")))
AGAIN = "ConnectionError: again"
ANSWERS: dict[str, Expected] = {
    "plain": Expected("done", WELL),
    "step": Expected("done", ["handler >", *STEP, *WELL[1:]]),
    "retried": Expected("done", ["handler >", "handler ! again", "failed", *WELL], errors=(error(AGAIN),)),
    "twice_retried": Expected("done", ["handler >", "handler ! again", "failed"] * 2 + WELL, errors=(error(AGAIN),)),
    "twice_then_terminal": Expected(
        "418 at last",
        ["handler >", "handler ! again", "failed"] * 2 + ["handler >", "handler ! at last", "completed"],
        errors=(error(AGAIN),),
    ),
    "terminal": Expected("418 for good", ["handler >", "handler ! for good", "completed"]),
    "replayed_step": Expected(
        "done",
        ["handler >", "one >", "one <", "handler ! again", "failed", "handler >", "two >", "two <", *WELL[1:]],
        errors=(of_step(AGAIN, "one"),),
    ),
    "after_a_step": Expected(
        "418 at last",
        ["handler >", *STEP, "handler ! again", "failed", "handler >", "handler ! at last", "completed"],
        errors=(of_step(AGAIN),),
    ),
    "step_retried": Expected("done", [*failed("step"), "handler >", *STEP, *WELL[1:]], errors=(of_step(AGAIN),)),
    "step_terminal": Expected(
        "418 for good", ["handler >", "step >", "step ! for good", "handler ! for good", "completed"]
    ),
    "step_gives_up": Expected(
        f"500 {AGAIN}",
        [*failed("step"), *failed("step")[:-1], f"handler ! {AGAIN}", "completed"],
        errors=(of_step(AGAIN),),
    ),
    "translated": Expected(
        "402 no money", ["handler >", "charge >", "charge ! no money", "handler ! no money", "completed"]
    ),
    "hook_fails": Expected(
        "done",
        ["handler >", "handler ! the hook fails", "failed", *WELL],
        ["failed", *WELL],
        (error("ConnectionError: the hook fails"),),
    ),
    "hook_fails_after": Expected(
        "done",
        ["handler >", "handler ! the hook fails after", "failed", *WELL],
        [*WELL[:2], "failed", *WELL],
        (error("ConnectionError: the hook fails after"),),
    ),
    "hook_ends": Expected("418 the hook ends it", ["handler >", "handler ! the hook ends it", "completed"], WELL),
    "step_hook_fails": Expected(
        "done",
        [*failed("step", "the hook fails"), "handler >", *STEP, *WELL[1:]],
        ["handler >", "failed", "handler >", *STEP, *WELL[1:]],
        (of_step("ConnectionError: the hook fails"),),
    ),
    "step_hook_fails_after": Expected(
        "done",
        [*failed("step", "the hook fails after"), "handler >", *STEP, *WELL[1:]],
        ["handler >", *STEP, "failed", "handler >", *STEP, *WELL[1:]],
        (of_step("ConnectionError: the hook fails after"),),
    ),
    "step_hook_ends": Expected(
        "418 the hook ends it",
        ["handler >", "step >", "step ! the hook ends it", "handler ! the hook ends it", "completed"],
        ["handler >", *STEP, "handler ! the hook ends it", "completed"],
    ),
    "swallowed": Expected(
        "swallowed", ["handler >", *STEP, *WELL[1:]], ["handler >", "step >", "step ! for good", *WELL[1:]]
    ),
    "tagged": Expected(["from the hook"] * 2, ["handler >", "tag >", "tag <", *WELL[1:]]),
    "concurrent": Expected(
        ["run-1", "run-2"],
        [
            *["handler >", "run-1 >", "run-2 >", "run-1 ! run-1 fails", "failed", "run-2 ! CancelledError"],
            *["handler >", "run-1 >", "run-1 <", "run-2 >", "run-2 ! run-2 fails", "failed"],
            *["handler >", "run-2 >", "run-2 <", *WELL[1:]],
        ],
        errors=(
            of_step("ConnectionError: run-1 fails", "run-1"),
            of_step("ConnectionError: run-2 fails", "run-2", 2),
        ),
    ),
    "mismatched": Expected(
        f"570 {MISMATCH}",
        [*failed("a"), "handler >", f"handler ! {MISMATCH}", "failed"],
        errors=(of_step(AGAIN, "a"),),
    ),
}
"""Attempts wait here; what suspends in between is below."""


def first_line(found: Any) -> Any:
    return found.partition("\n")[0] if isinstance(found, str) else found


def notes(invocation: str) -> tuple[list[str], list[str]]:
    seen = NOTES[invocation]
    return seen["outer"], seen["inner"]


def ended(invocation: str, expected: tuple[list[str], list[str]]) -> bool:
    """Whether the hooks have seen this in the end: a caller has its answer a little before they have."""
    eventually(lambda: tuple(map(len, notes(invocation))) >= tuple(map(len, expected)))
    assert notes(invocation) == expected
    return True


def errors(site: Site, invocations: list[str]) -> dict[str, list[tuple[Any, ...]]]:
    """What operators are shown of failed attempts."""
    told: dict[str, list[tuple[Any, ...]]] = {invocation: [] for invocation in invocations}
    ids = ", ".join(f"'{invocation}'" for invocation in invocations)
    sql = f"SELECT id, event_json FROM sys_journal_events WHERE id IN ({ids}) AND event_type = 'TransientError'"
    for row in site.server.query(f"{sql} ORDER BY appended_at"):
        event = json.loads(row["event_json"])
        told[row["id"]].append(tuple(event.get(name) for name in TOLD))
    return told


def test_hooks_see_how_everything_ends(once: Site) -> None:
    """Around the endpoint and around the service; a step that is replayed is not seen again."""
    answers = {handler: once.ask(f"Hooked/{handler}") for handler in ANSWERS}
    told = errors(once, [answer.invocation_id for answer in answers.values()])
    for handler, expected in ANSWERS.items():
        invocation = answers[handler].invocation_id
        assert first_line(result(answers[handler])) == expected.result, handler
        assert ended(invocation, (expected.outer, expected.inner or expected.outer)), handler
        assert told[invocation] == list(expected.errors), handler


def test_a_hook_may_give_an_error_its_metadata(once: Site) -> None:
    """As the body of a step may."""
    for handler, source in (("hook_ends", "hook"), ("step_terminal", "step")):
        assert once.ask(f"Hooked/{handler}").json["metadata"] == {"source": source}


def test_a_hook_may_say_when_to_come_back(once: Site) -> None:
    """Not before, though the policy of the service says 10 ms."""
    sent = once.send("Hooked/hook_delays")
    assert sent.attach() == "done"
    failed_at, again_at = HOOK_TIMES[sent.id]
    assert again_at - failed_at > 0.38  # of 0.4: the server has a clock of its own


def test_what_is_no_input_reaches_no_hook(once: Site) -> None:
    answer = once.ask("Hooked/takes_a_number", "x")
    assert answer.status == 400
    eventually(lambda: notes(answer.invocation_id) == (["completed"], ["completed"]))


def test_a_result_that_cannot_be_stored_is_no_result(once: Site) -> None:
    """The hook of the step has seen it end well; the attempt has not."""
    answer = once.ask("Hooked/step_without_codec")
    assert first_line(result(answer)).startswith("500 the result of run 'step' can't be journaled")
    eventually(lambda: notes(answer.invocation_id)[0] == ["handler >", *STEP, "failed"] * 2)


def test_a_callee_that_is_not_there_is_looked_for_again(once: Site) -> None:
    """The same sentence for callers and operators; the last attempt, which nothing follows, is no error in passing."""
    answer = once.ask("Hooked/calls_nobody")
    assert result(answer) == f"500 {NOBODY}"
    assert errors(once, [answer.invocation_id])[answer.invocation_id] == [error(NOBODY, "RT0018")]
    eventually(lambda: notes(answer.invocation_id)[0] == ["handler >", "suspended"] * 2)


def test_a_step_beside_a_call_that_is_refused_is_not_cut_off(once: Site) -> None:
    """What it brings is too late for its attempt."""
    answer = once.ask("Hooked/calls_nobody_beside_a_step")
    assert answer.json["message"].endswith("the service handler NoSuchService/handler was not found")
    steps = ["slow >", "before >", "before <", "slow <"]
    eventually(lambda: notes(answer.invocation_id)[0] == ["handler >", *steps, "suspended"])


def test_who_takes_too_long_to_ask_for_anything_is_given_up(once: Site) -> None:
    answer = once.ask("Hooked/blocks")
    assert result(answer) == f"500 {LATE}"
    assert errors(once, [answer.invocation_id])[answer.invocation_id] == []


def test_each_await_ends_an_attempt_that_may_not_wait(replayed: Site) -> None:
    answer = replayed.ask("Hooked/two_steps")
    one, two = ["handler >", "one >", "one <", "suspended"], ["handler >", "two >", "two <", "suspended"]
    eventually(lambda: notes(answer.invocation_id)[0] == [*failed("one"), *one, *two, *WELL])


# ---------------------------------------------------------------- from outside


def begun(site: Site, handler: str) -> Invocation:
    sent = site.send(f"Hooked/{handler}")
    assert HOOKED.began[sent.id].wait(30)
    return sent


def complete(sent: Invocation, verb: str, body: Any) -> None:
    awakeable = eventually(lambda: HOOKED.awakeables.get(sent.id))
    kind = {"content-type": "text/plain"} if verb == "reject" else {}
    assert fetch(f"{sent.server.ingress_url}/restate/awakeables/{awakeable}/{verb}", body, headers=kind).status == 202


@pytest.mark.parametrize("verb, end", [("resolve", "hello"), ("reject", "500 no")])
def test_an_awakeable_is_waited_for(site: Site, verb: str, end: str) -> None:
    sent = site.send("Hooked/waits")
    waits = ["handler >", "before >", "before <"]
    if site.replays:  # after the step, and before the awakeable
        waits += ["suspended", "handler >", "suspended"]
        eventually(lambda: notes(sent.id)[0] == waits)
        sent.until("suspended")
    complete(sent, verb, "hello" if verb == "resolve" else b"no")
    assert sent.attach() == end
    after = ["after >", "after <"] if verb == "resolve" else []
    ends = [*after, *(["suspended", "handler >"] if site.replays and after else [])]
    ends += ["handler <" if after else "handler ! no", "completed"]
    eventually(lambda: notes(sent.id)[0] == [*waits, *(["handler >"] if site.replays else []), *ends])


def test_a_value_that_cannot_be_read_fails_the_attempt(once: Site) -> None:
    """The next one asks for a text; operators see after which command it was."""
    sent = once.send("Hooked/waits_for_a_number")
    complete(sent, "resolve", "hello")
    assert sent.attach() == "hello"
    (told,) = errors(once, [sent.id])[sent.id]
    assert told[2:] == ("Run", "before", 1)


def test_a_cancellation_ends_an_async_step(once: Site) -> None:
    sent = begun(once, "slow_step")
    assert sent.operate("cancel") == 202
    assert sent.attach() == "409 cancelled"
    seen = {"handler >", "slow >", "slow ! CancelledError", "handler ! cancelled", "completed"}
    eventually(lambda: set(notes(sent.id)[0]) == seen)


def test_a_cancellation_does_not_wait_for_a_thread(once: Site) -> None:
    """The invocation has ended before its step has."""
    sent = begun(once, "slow_thread")
    assert sent.operate("cancel") == 202
    assert sent.attach() == "409 cancelled"
    assert not HOOKED.may_end[sent.id].is_set()
    HOOKED.may_end[sent.id].set()
    eventually(lambda: {"handler ! cancelled", "completed"} <= set(notes(sent.id)[0]))


def test_a_pause_comes_after_the_step(once: Site) -> None:
    sent = begun(once, "slow_step")
    assert sent.operate("pause") == 202
    HOOKED.may_end[sent.id].set()
    sent.until("paused")
    eventually(lambda: notes(sent.id)[0] == ["handler >", "slow >", "slow <", "suspended"])
    assert sent.operate("resume") == 200
    assert sent.attach() == "done"


def test_hooks_know_whose_handler_it_is(once: Site) -> None:
    service = call(once.server, "HookedService", "ask").json
    object_ = call(once.server, "HookedObject", "ask", key="my key").json
    assert SEEN[service] == ["HookedService", "ask", None]
    assert SEEN[object_] == ["HookedObject", "ask", "my key"]
