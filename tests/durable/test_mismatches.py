"""A journal that was written by other code: 570, with both commands and the place; a peer that lies: 571."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from restate_reflect import Context, ObjectContext, State, WorkflowContext
from restate_reflect.durable.guards import Guard
from restate_reflect.protocol import _pb2 as pb
from restate_reflect.protocol.framing import encode_frame
from tests.journals import (
    V7,
    M,
    Played,
    ack,
    called,
    command,
    done,
    frame,
    given_input,
    inv,
    journal,
    play,
    signal,
    start,
)


class Callee:
    async def work(self, ctx: Context, n: int) -> int:
        raise AssertionError("not run here")


class Old:
    """The code that wrote the journal."""

    async def go(self, ctx: ObjectContext) -> int:
        ctx.set("a", 1)
        n = await ctx.call(Callee.work, 1)
        await ctx.sleep(1, name="nap")
        ctx.set("b", n)
        return n


RESULTS = (
    called(1, inv(0)),
    done(M.CALL_COMPLETION, 2, b"5"),
    done(M.SLEEP_COMPLETION, 3),
)


def finished() -> Played:
    return play(Old, "go", others=[Callee], state={}).feed(*RESULTS)


def mismatch(new: type) -> str:
    """The text of the 570 that ``new`` gets on the finished journal of ``Old``."""
    played = finished().again(target=new, state={})
    assert played.types == [M.ERROR], played.messages
    assert played.error.code == 570
    text: str = played.error.message
    assert "journal mismatch" in text
    assert "recorded:" in text
    assert "current:" in text
    assert "test_mismatches.py:" in text
    return text


def test_unchanged_code_replays() -> None:
    assert finished().again(state={}).types == [M.END]


def test_another_type_of_command() -> None:
    class New:
        async def go(self, ctx: ObjectContext) -> int:
            ctx.clear("a")
            return 1

    text = mismatch(New)
    assert "recorded: set state 'a'  value=1" in text
    assert "current:  clear state 'a'" in text
    assert "New.go" in text
    assert "deploy the old code" in text


def test_another_payload() -> None:
    class New:
        async def go(self, ctx: ObjectContext) -> int:
            ctx.set("a", 1)
            return await ctx.call(Callee.work, 2)

    text = mismatch(New)
    assert "recorded: call Callee/work  parameter=1" in text
    assert "current:  call Callee/work  parameter=2" in text
    assert "at command 2" in text


def test_another_state_value() -> None:
    class New:
        async def go(self, ctx: ObjectContext) -> int:
            ctx.set("a", 2)
            return 1

    assert "current:  set state 'a'  value=2" in mismatch(New)


def test_an_additional_command() -> None:
    class New:
        async def go(self, ctx: ObjectContext) -> int:
            ctx.set("a", 1)
            ctx.set("new", 1)
            return await ctx.call(Callee.work, 1)

    assert "current:  set state 'new'" in mismatch(New)


def test_a_missing_command() -> None:
    class New:
        async def go(self, ctx: ObjectContext) -> int:
            n = await ctx.call(Callee.work, 1)
            await ctx.sleep(1, name="nap")
            return n

    assert "recorded: set state 'a'" in mismatch(New)


def test_another_name() -> None:
    class New:
        async def go(self, ctx: ObjectContext) -> int:
            ctx.set("a", 1)
            n = await ctx.call(Callee.work, 1)
            await ctx.sleep(1, name="sleep")
            return n

    text = mismatch(New)
    assert "recorded: sleep 'nap'" in text
    assert "current:  sleep 'sleep'" in text


def test_an_added_await_of_something_the_journal_has_not() -> None:
    class New:
        async def go(self, ctx: ObjectContext) -> int:
            ctx.set("a", 1)
            await ctx.signal("never")
            return await ctx.call(Callee.work, 1)

    text = mismatch(New)
    assert "the next result in the journal (completion 1) belongs to a step that the code has not reached" in text
    assert "recorded: call Callee/work" in text
    assert "current:  an await" in text
    assert "New.go" in text


def test_an_added_await_where_no_result_is_left() -> None:
    class First:
        async def go(self, ctx: ObjectContext) -> None:
            ctx.set("a", 1)
            ctx.set("b", 1)

    class Second:
        async def go(self, ctx: ObjectContext) -> None:
            ctx.set("a", 1)
            await ctx.signal("never")
            ctx.set("b", 1)

    error = play(First, "go").again(target=Second).error
    assert error.code == 570
    assert "the code waits for a result that this invocation's journal does not have" in error.message
    assert "recorded: set state 'b'" in error.message
    assert "Second.go" in error.message


def test_an_added_await_of_what_nobody_completes() -> None:
    class New:
        async def go(self, ctx: ObjectContext) -> int:
            ctx.set("a", 1)
            await asyncio.Event().wait()
            return await ctx.call(Callee.work, 1)

    assert "current:  an await" in mismatch(New)


def test_an_await_moved_before_its_turn() -> None:
    """The journal has the timer's result first; this code has not even set the timer."""

    class First:
        async def go(self, ctx: ObjectContext) -> int:
            call, nap = ctx.call(Callee.work, 1), ctx.sleep(1)
            await nap
            return await call

    class Second:
        async def go(self, ctx: ObjectContext) -> int:
            n = await ctx.call(Callee.work, 1)
            await ctx.sleep(1)
            return n

    written = play(First, "go", others=[Callee]).feed(done(M.SLEEP_COMPLETION, 3), done(M.CALL_COMPLETION, 2, b"5"))
    assert written.output == b"5"
    played = written.again(target=Second)
    assert played.error.code == 570
    assert "belongs to a step that the code has not reached" in played.error.message
    assert "recorded: sleep" in played.error.message
    assert "in test_an_await_moved_before_its_turn.<locals>.Second.go" in played.error.message


def test_a_handler_that_returns_early() -> None:
    class New:
        async def go(self, ctx: ObjectContext) -> int:
            ctx.set("a", 1)
            return 1

    text = mismatch(New)
    assert "recorded: call Callee/work" in text
    assert "current:  output  value=1" in text
    assert "New.go" in text


def test_a_handler_that_raises_early() -> None:
    """A bug is a bug: the error itself is what helps, and nothing was continued."""

    class New:
        async def go(self, ctx: ObjectContext) -> int:
            raise ValueError("new bug")

    played = finished().again(target=New, state={})
    assert (played.error.code, played.error.message) == (500, "ValueError: new bug")


def test_another_result() -> None:
    class New:
        async def go(self, ctx: ObjectContext) -> int:
            ctx.set("a", 1)
            n = await ctx.call(Callee.work, 1)
            await ctx.sleep(1, name="nap")
            ctx.set("b", n)
            return n + 1

    text = mismatch(New)
    assert "recorded: output  value=5" in text
    assert "current:  output  value=6" in text


def test_the_error_names_the_current_command() -> None:
    class New:
        async def go(self, ctx: ObjectContext) -> int:
            ctx.set("a", 1)
            await ctx.sleep(1, name="other")
            return 1

    error = finished().again(target=New, state={}).error
    assert (error.related_command_index, error.related_command_type) == (2, M.SLEEP_COMMAND)
    assert error.related_command_name == "other"


def test_swallowing_the_mismatch_does_not_help() -> None:
    """Nothing is written after the error, whatever the handler does."""

    class New:
        async def go(self, ctx: ObjectContext) -> int:
            for key in ("x", "y", "z"):
                try:
                    ctx.set(key, 1)
                except Exception:
                    continue
            return 1

    mismatch(New)


def test_a_retry_loop_around_a_dead_context_ends() -> None:
    """``except Exception: continue`` would otherwise spin for ever and block the process."""

    class New:
        async def go(self, ctx: ObjectContext) -> int:
            while True:
                try:
                    ctx.set("x", 1)
                    return 1
                except Exception:
                    continue

    mismatch(New)


COMMANDS = {
    "get": lambda ctx: ctx.get("k"),
    "set": lambda ctx: ctx.set("k", 1),
    "clear": lambda ctx: ctx.clear("k"),
    "clear_all": lambda ctx: ctx.clear_all(),
    "keys": lambda ctx: ctx.keys(),
    "call": lambda ctx: ctx.call_raw("S", "h"),
    "send": lambda ctx: ctx.send_raw("S", "h"),
    "run": lambda ctx: ctx.run("r", int),
    "sleep": lambda ctx: ctx.sleep(1),
    "resolve_awakeable": lambda ctx: ctx.resolve_awakeable("sign_1AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    "resolve_signal": lambda ctx: ctx.resolve_signal(inv(0), "s"),
    "cancel": lambda ctx: ctx.cancel(inv(0)),
    "promise": lambda ctx: ctx.promise("p").get(),
    "peek": lambda ctx: ctx.promise("p").peek(),
    "resolve": lambda ctx: ctx.promise("p").resolve(1),
    "attach": lambda ctx: ctx.attach(inv(0)),
    "output": lambda ctx: ctx.output(inv(0)),
}


class Single:
    def __init__(self, name: str) -> None:
        self.name = name

    async def run(self, ctx: WorkflowContext) -> None:
        COMMANDS[self.name](ctx)
        await ctx.signal("end")


@pytest.mark.parametrize("recorded", list(COMMANDS))
def test_every_pair_of_different_commands_is_told_apart(recorded: str) -> None:
    """Whatever is on record, any other command in its place is a mismatch, and the same one is none."""
    for eager in (None, {"k": b"1"}):
        old = play(Single(recorded), "run", state=eager)
        assert play(Single(recorded), "run", *_after_input(old), state=eager).types[:1] != [M.ERROR]
        for current in COMMANDS:
            if current == recorded:
                continue
            played = old.again(target=Single(current), state=eager)
            assert played.types == [M.ERROR]
            assert played.error.code == 570
            assert "test_mismatches.py:" in played.error.message


def _after_input(played: Played) -> list[bytes]:
    played._store_written()
    return played.stored[1:]


# ---------------------------------------------------------------- a peer that breaks the protocol


def raw(data: bytes) -> Played:
    from restate_reflect.durable.guards import Guard
    from tests.journals import V6

    return Played(Old, "go", V6, [Callee], Guard.OFF).raw(data)


VIOLATIONS = {
    "a command before the start": given_input(),
    "a notification before the start": signal("x"),
    "an empty journal": start(0),
    "two starts": start(1) + start(1),
    "no input": journal(signal("x")),
    "input missing": journal(command(M.SLEEP_COMMAND)),
    "a command after the journal": journal(given_input()) + command(M.SLEEP_COMMAND),
    "an unknown control message": encode_frame(0x0100, b""),
    "a custom command": encode_frame(0xFC00, b""),
    "an end message": journal(given_input()) + encode_frame(M.END, b""),
    "a malformed start": encode_frame(M.START, b"\xff"),
    "a malformed input": start(1) + encode_frame(M.INPUT_COMMAND, b"\xff"),
    "a malformed notification": journal(given_input()) + encode_frame(M.SLEEP_COMPLETION, b"\xff"),
    "a malformed ack": journal(given_input()) + encode_frame(M.PROPOSE_RUN_COMPLETION_ACK, b"\xff"),
    "a notification without id": journal(given_input()) + frame(M.SLEEP_COMPLETION, pb.Notification(void=pb.Void())),
    "a notification without result": journal(given_input())
    + frame(M.SLEEP_COMPLETION, pb.Notification(completion_id=1)),
    "a state key that is no text": start(1, state={}) [:0] + frame(
        M.START, pb.StartMessage(known_entries=1, state_map=[pb.StartMessage.StateEntry(key=b"\xff")])
    ),
    "an unexpected ack": journal(given_input()) + ack(1),
    "a result that nobody asked for": journal(given_input()) + done(M.SLEEP_COMPLETION, 99),
    "a malformed recorded command": journal(given_input(), encode_frame(M.SET_STATE_COMMAND, b"\xff")),
    "an unknown recorded command": journal(given_input(), encode_frame(0x0700, b"")),
}  # fmt: skip


@pytest.mark.parametrize("name", list(VIOLATIONS))
def test_protocol_violations_end_the_attempt_with_571(name: str) -> None:
    played = raw(VIOLATIONS[name])
    assert played.types[-1] == M.ERROR, played.messages
    assert played.sink.ended
    # An unknown command on record can't be this code's either way.
    assert played.error.code in ((570, 571) if name == "an unknown recorded command" else (571,))


@pytest.mark.parametrize("cut", [0, 1, 7, 8, 20])
def test_a_request_that_ends_before_the_whole_journal_is_a_violation(cut: int) -> None:
    played = raw(journal(given_input())[:cut]).eof()
    assert played.error.code == 571
    assert "the request ended before the whole journal had arrived" in played.error.message


def test_a_request_that_ends_within_a_message_is_a_violation() -> None:
    played = raw(journal(given_input()) + signal("x")[:9]).eof()
    assert played.error.code == 571
    assert "within a message" in played.error.message


def test_a_message_over_the_limit_is_a_violation() -> None:
    assert raw(b"\x00\x00\x00\x00\xff\xff\xff\xff").error.code == 571


def test_command_acks_are_accepted() -> None:
    message = frame(M.COMMAND_ACK, pb.CommandAckMessage(command_index=1))
    assert play(Old, "go", others=[Callee], state={}).raw(message).waits


def test_an_ack_settles_once() -> None:
    class Step:
        async def go(self, ctx: Context) -> None:
            await ctx.run("a", _nothing)
            await ctx.sleep(1)

    played = play(Step, "go", version=V7).echo().raw(ack(1))
    assert played.error.code == 571


async def _nothing() -> None:
    return None


def test_the_same_result_twice_is_harmless() -> None:
    played = play(Old, "go", others=[Callee], state={})
    played.feed(RESULTS[0], RESULTS[0], RESULTS[1], RESULTS[1], RESULTS[2])
    assert played.output == b"5"


# ---------------------------------------------------------------- what the report says


class Steps:
    """Writes the journals of what follows."""

    async def go(self, ctx: Context) -> int:
        for name in "abcdefg":
            await ctx.run(name, work)
        return await ctx.call(Callee.work, 1)


def work() -> int:
    return 1


def journal_of_steps() -> list[bytes]:
    entries = [given_input()]
    for number, name in enumerate("abcdefg", 1):
        entries += [
            command(M.RUN_COMMAND, name=name, result_completion_id=number),
            done(M.RUN_COMPLETION, number, b"1"),
        ]
    sent = {"service_name": "Callee", "handler_name": "work", "parameter": b"1"}
    return [*entries, command(M.CALL_COMMAND, **sent, invocation_id_notification_idx=8, result_completion_id=9)]


def report(names: str, argument: int = 1, **start_fields: Any) -> str:
    """The 570 of code that takes these steps, and calls then."""

    class New:
        async def go(self, ctx: Context) -> int:
            for name in names:
                await ctx.run(name, work)
            return await ctx.call(Callee.work, argument)

    played = Played(New, "go", V7, [Callee], Guard.OFF).begin(journal_of_steps(), **start_fields)
    assert played.error.code == 570
    text: str = played.error.message
    return text


@pytest.mark.parametrize(
    "names, argument, cause",
    [
        ("abdefg", 1, "run 'c' was removed, or moved behind run 'd', which is recorded as command 4"),
        ("abefg", 1, "what is recorded from run 'c' on, 2 steps, was removed, or moved behind run 'e'"),
        ("abdcefg", 1, "run 'c' was removed, or moved behind run 'd'"),
        ("abXdefg", 1, "run 'c' was renamed to run 'X', or run 'X' was added before it"),
        ("abcdefgh", 1, "run 'h' was added: the journal has no such step from here on"),
        ("abcdefg", 2, "the arguments of call Callee/work have changed"),
        ("abcdef", 1, "run 'g' was removed, or moved behind call Callee/work"),
    ],
)
def test_the_likeliest_cause_is_named(names: str, argument: int, cause: str) -> None:
    assert f"Likeliest cause: {cause}" in report(names, argument)


def test_changed_values_are_shown_by_themselves() -> None:
    assert "  changed:  parameter: 1 → 2" in report("abcdefg", 2)


def test_a_handler_that_ends_early_is_told() -> None:
    assert "was removed, or is behind a condition: the handler returns before it" in mismatch(EndsEarly)


class EndsEarly:
    async def go(self, ctx: ObjectContext) -> int:
        ctx.set("a", 1)
        return 1


def test_an_input_that_is_refused_is_told() -> None:
    class Strict:
        async def go(self, ctx: Context, number: int) -> None:
            await ctx.run("a", work)

    entries = [command(M.RUN_COMMAND, name="a", result_completion_id=1), done(M.RUN_COMPLETION, 1, b"1")]
    error = play(Strict, "go", *entries, body=b'"text"').error
    assert error.code == 570
    assert "the handler's input has changed: the recorded one is refused" in error.message
    assert "[400] invalid input" in error.message


def test_an_await_that_was_added_is_told() -> None:
    class New:
        async def go(self, ctx: ObjectContext) -> int:
            ctx.set("a", 1)
            await ctx.signal("never")
            return await ctx.call(Callee.work, 1)

    assert "Likeliest cause: an await was added or moved" in mismatch(New)


def test_the_report_ends_with_what_to_do() -> None:
    text = report("abdefg")
    assert "restate-reflect replay inv_test TARGET --pdb" in text
    assert "deploy the old code for invocations in flight" in text
    assert 'ctx.version("NAME", since=2)' in text


def test_the_last_five_steps_have_their_lines() -> None:
    """At the first failure already: who meets it in production has nothing else."""
    text = report("abcdefgh")
    before = text.partition("The steps before it, which fit:\n")[2].partition("Likeliest")[0].splitlines()
    assert [line.split() for line in before[::2]] == [[str(n), "run", f"'{name}'"] for n, name in enumerate("cdefg", 3)]
    assert all("test_mismatches.py:" in line and "await ctx.run(name, work)" in line for line in before[1::2])


def test_tests_and_dev_show_them_at_once() -> None:
    class New:
        async def go(self, ctx: Context) -> None:
            await ctx.run("a", work)
            await ctx.run("z", work)

    played = Played(New, "go", V7, [], Guard.OFF)
    played.environment.strict = True
    assert "The steps before it, which fit:\n    1  run 'a'\n" in played.begin(journal_of_steps()).error.message


def test_values_are_decoded_by_their_codecs() -> None:
    """A binary message is shown as its JSON, on both sides."""

    class Keeping:
        async def go(self, ctx: ObjectContext) -> None:
            ctx.set("at", Timestamp(seconds=60), type=Timestamp)

        at = State(Timestamp, default=None, name="at")

    recorded = command(M.SET_STATE_COMMAND, key=b"at", value={"content": Timestamp(seconds=0).SerializeToString()})
    text = play(Keeping, "go", recorded).error.message
    assert "current:  set state 'at'  value=\"1970-01-01T00:01:00Z\"" in text
    assert 'changed:  value: "1970-01-01T00:00:00Z" → "1970-01-01T00:01:00Z"' in text
