"""Side effects: ``ctx.run``."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any

import pytest

from restate_reflect import Context, RetryableError, RetryPolicy, TerminalError
from restate_reflect.durable.extending import HAS_EAGER_TASKS
from restate_reflect.durable.guards import Guard
from restate_reflect.durable.plain import utc
from restate_reflect.durable.step_functions import step_function
from restate_reflect.protocol.versions import ProtocolVersion
from tests.journals import CANCEL, LOOP, V5, V6, V7, M, Played, command, done, given_input, journal, play

VERSIONS = pytest.mark.parametrize("version", [V5, V6, V7])
ran: list[str] = []


async def succeed() -> str:
    ran.append("body")
    return "fine"


def succeed_in_thread() -> str:
    ran.append(threading.current_thread().name)
    return "fine"


async def slow() -> str:
    await asyncio.sleep(0.001)
    return "fine"


async def fail() -> str:
    raise ValueError("bad thing")


async def refuse() -> str:
    raise TerminalError("no way", code=418, metadata={"why": "teapot"})


async def wait() -> str:
    raise RetryableError("busy", retry_after=3, code=503)


async def takes_two(a: int, b: int) -> int:
    return a + b


def runs_out() -> str:
    return next(iter([]))


def gives_coroutine() -> Any:
    return slow()


class Steps:
    body: Callable[..., Any] = staticmethod(succeed)

    def __init__(self, body: Callable[..., Any] = succeed, policy: RetryPolicy | None = None, *args: Any) -> None:
        self.body = body
        self.policy = policy
        self.args = args

    async def go(self, ctx: Context) -> Any:
        return await ctx.options(retry=self.policy).run("step", self.body, *self.args)

    async def catch(self, ctx: Context) -> str:
        try:
            await ctx.options(retry=self.policy).run("step", self.body, *self.args)
        except TerminalError as error:
            return f"{type(error).__name__} {error.code} {error.message} {error.metadata}"
        return "no error"


@pytest.fixture(autouse=True)
def _empty() -> None:
    ran.clear()


@VERSIONS
@pytest.mark.parametrize("body", [succeed, succeed_in_thread, slow, gives_coroutine])
def test_the_body_runs_and_its_result_is_proposed(version: ProtocolVersion, body: Callable[..., Any]) -> None:
    played = play(Steps(body), "go", version=version).finish_runs()
    assert [type_ for type_ in played.types if type_ != M.AWAITING_ON] == [M.RUN_COMMAND, M.PROPOSE_RUN_COMPLETION]
    run = played.one(M.RUN_COMMAND)
    assert (run.name, run.result_completion_id) == ("step", 1)
    proposal = played.one(M.PROPOSE_RUN_COMPLETION)
    assert (proposal.result_completion_id, proposal.value) == (1, b'"fine"')
    assert played.waits
    assert played.echo().output == b'"fine"'


def test_plain_functions_run_in_a_thread() -> None:
    play(Steps(succeed_in_thread), "go").finish_runs()
    assert ran != [threading.main_thread().name]


def test_the_command_is_written_before_the_body_starts() -> None:
    """So that the server counts attempts from this entry on."""
    seen: list[list[M]] = []
    service: Steps

    async def body() -> None:
        seen.append(played.types)

    service = Steps(body)
    played = Played(service, "go", V6, (), guard=play(Steps(), "go").environment.guard)
    from tests.journals import given_input

    played.begin([given_input()])
    assert played.types[0] == M.RUN_COMMAND


def test_v7_asks_for_an_ack_and_the_ack_settles_the_step() -> None:
    played = play(Steps(), "go", version=V7)
    flags = [played.sink.data[i + 2] for i in [played.sink.data.index(b"\x00\x05\x80")]]
    assert flags == [0x80]
    assert played.echo().output == b'"fine"'


@pytest.mark.parametrize("version", [V5, V6])
def test_before_v7_no_ack_is_asked_for(version: ProtocolVersion) -> None:
    played = play(Steps(), "go", version=version)
    assert b"\x00\x05\x00\x00" in played.sink.data


def test_replay_with_the_recorded_completion_does_not_run_the_body() -> None:
    first = play(Steps(), "go").echo()
    ran.clear()
    recorded = command(M.RUN_COMMAND, name="step", result_completion_id=1)
    played = play(Steps(), "go", recorded, done(M.RUN_COMPLETION, 1, b'"recorded"'))
    assert played.output == b'"recorded"'
    assert ran == []
    assert first.output == b'"fine"'


@VERSIONS
def test_replay_without_the_recorded_completion_runs_the_body_again(version: ProtocolVersion) -> None:
    recorded = command(M.RUN_COMMAND, name="step", result_completion_id=1)
    played = play(Steps(), "go", recorded, version=version)
    assert ran == ["body"]
    assert M.RUN_COMMAND not in played.types
    assert played.echo().output == b'"fine"'


def test_terminal_failure_of_the_body_is_recorded() -> None:
    played = play(Steps(refuse), "catch")
    failure = played.one(M.PROPOSE_RUN_COMPLETION).failure
    assert (failure.code, failure.message, failure.metadata[0].value) == (418, "no way", "teapot")
    assert played.echo().output == b"\"TerminalError 418 no way {'why': 'teapot'}\""


def test_terminal_failure_with_metadata_needs_v6() -> None:
    played = play(Steps(refuse), "catch", version=V5)
    assert played.error.code == 573
    assert "metadata of a TerminalError needs service protocol V6" in played.error.message


def test_other_errors_end_the_attempt_and_name_the_step() -> None:
    played = play(Steps(fail), "go")
    assert played.types == [M.RUN_COMMAND, M.ERROR]
    error = played.error
    assert (error.code, error.message) == (500, "ValueError: bad thing")
    assert (error.related_command_index, error.related_command_type, error.related_command_name) == (1, 0x0411, "step")
    assert "in fail" in error.stacktrace
    assert not error.HasField("next_retry_delay")


def test_retryable_error_of_the_body_sets_delay_and_code() -> None:
    error = play(Steps(wait, RetryPolicy(initial_interval=9)), "go").error
    assert (error.code, error.next_retry_delay) == (503, 3000)


@pytest.mark.parametrize("retries, delay", [(0, 1000), (1, 3000), (2, 9000), (5, 10000)])
def test_retry_policy_sets_the_delay_by_the_attempt(retries: int, delay: int) -> None:
    """The count in the start message belongs to this step if nothing was stored since."""
    recorded = command(M.RUN_COMMAND, name="step", result_completion_id=1)
    policy = RetryPolicy(initial_interval=1, factor=3, max_interval=timedelta(seconds=10))
    played = play(Steps(fail, policy), "go", recorded, retry_count_since_last_stored_entry=retries)
    assert played.error.next_retry_delay == delay


def test_the_servers_count_is_not_this_steps_if_the_attempt_stored_something() -> None:
    policy = RetryPolicy(initial_interval=1, max_attempts=5)
    played = play(Steps(fail, policy), "go", retry_count_since_last_stored_entry=40)
    assert played.error.next_retry_delay == 1000


@pytest.mark.parametrize("retries, gives_up", [(0, False), (1, False), (2, True), (9, True)])
def test_max_attempts_makes_the_failure_terminal(retries: int, gives_up: bool) -> None:
    recorded = command(M.RUN_COMMAND, name="step", result_completion_id=1)
    policy = RetryPolicy(max_attempts=3)
    played = play(Steps(fail, policy), "catch", recorded, retry_count_since_last_stored_entry=retries)
    if gives_up:
        assert played.echo().output == b'"TerminalError 500 ValueError: bad thing {}"'
    else:
        assert played.types == [M.ERROR]


@pytest.mark.parametrize("spent, gives_up", [(9_000, False), (10_000, True)])
def test_max_duration_makes_the_failure_terminal(spent: int, gives_up: bool) -> None:
    recorded = command(M.RUN_COMMAND, name="step", result_completion_id=1)
    played = play(
        Steps(fail, RetryPolicy(max_duration=10)),
        "catch",
        recorded,
        retry_count_since_last_stored_entry=3,
        duration_since_last_stored_entry=spent,
    )
    assert (M.PROPOSE_RUN_COMPLETION in played.types) is gives_up


def test_duration_of_a_first_attempt_is_the_age_of_the_entry_and_does_not_count() -> None:
    recorded = command(M.RUN_COMMAND, name="step", result_completion_id=1)
    policy = RetryPolicy(max_duration=10)
    played = play(Steps(fail, policy), "go", recorded, duration_since_last_stored_entry=3_600_000)
    assert M.ERROR in played.types


@pytest.mark.parametrize("version, behavior", [(V6, 0), (V7, 1)])
def test_pause_policy_pauses_on_v7(version: ProtocolVersion, behavior: int) -> None:
    policy = RetryPolicy(max_attempts=1, on_max_attempts="pause")
    assert play(Steps(fail, policy), "go", version=version).error.behavior == behavior


def test_wrong_arguments_of_the_body_are_its_failure() -> None:
    """They are found when the body is called, which is after the handler has gone to wait."""
    played = play(Steps(takes_two, None, 1), "go")
    assert played.types == [M.RUN_COMMAND, M.ERROR]
    assert "takes_two() missing 1 required positional argument: 'b'" in played.error.message


def test_stop_iteration_of_a_plain_function_is_its_failure() -> None:
    """asyncio's futures can't hold one; the step would hang."""
    played = play(Steps(runs_out), "go").finish_runs()
    assert "raised StopIteration" in played.error.message


def test_a_body_that_cancels_itself_is_tried_again() -> None:
    async def body() -> None:
        raise asyncio.CancelledError

    assert "cancelled from outside" in play(Steps(body), "go").error.message


def test_a_forgotten_return_of_a_step_is_not_journaled() -> None:
    """It could not be read back: the invocation would be lost."""

    async def body() -> int:  # type: ignore[empty-body]
        pass

    played = play(Steps(body), "go")
    assert played.types == [M.RUN_COMMAND, M.ERROR]
    assert "a value of type NoneType does not fit the declared type int" in played.error.message


def test_a_result_that_would_change_in_the_journal_is_refused() -> None:
    async def body():  # type: ignore[no-untyped-def]
        return {1: (2, 3)}

    played = play(Steps(body), "go")
    assert played.types == [M.RUN_COMMAND, M.ERROR]
    assert "  key 1: it would come back as another key: '1'" in played.error.message
    assert "test_runs.py:" in played.error.message
    assert "ctx.options(type=" in played.error.message


def test_a_result_that_does_not_fit_its_annotation_is_retryable() -> None:
    async def body() -> int:
        return "three"  # type: ignore[return-value]

    played = play(Steps(body), "go")
    assert played.types == [M.RUN_COMMAND, M.ERROR]
    assert "the result of run 'step' can't be journaled" in played.error.message


def test_steps_of_a_gather_run_together_and_settle_in_journal_order() -> None:
    running: list[int] = []
    both = asyncio.Event()

    async def body(n: int) -> int:
        running.append(n)
        if len(running) == 2:
            both.set()
        await both.wait()
        return n

    class Two:
        async def go(self, ctx: Context) -> list[int]:
            return list(await asyncio.gather(ctx.run("a", body, 1), ctx.run("b", body, 2)))

    played = play(Two, "go").finish_runs()
    assert sorted(running) == [1, 2]
    assert played.echo().output == b"[1,2]"


def test_cancelled_body_is_really_cancelled() -> None:
    """The body's asyncio task gets CancelledError and may clean up."""
    events: list[str] = []

    async def body() -> None:
        events.append("started")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            events.append("cancelled")
            raise

    played = play(Steps(body), "catch")
    assert events == ["started"]
    played.feed(CANCEL)
    assert played.output == b'"InvocationCancelledError 409 cancelled {}"'
    assert events == ["started", "cancelled"]


def test_a_timeout_cancels_the_body() -> None:
    events: list[str] = []

    async def body() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            events.append("cancelled")
            raise

    class Late:
        async def go(self, ctx: Context) -> str:
            try:
                async with asyncio.timeout(5):
                    await ctx.run("slow", body)
            except TimeoutError:
                return "late"
            return "in time"

    played = play(Late, "go")
    assert played.types == [M.SLEEP_COMMAND, M.RUN_COMMAND]
    assert played.feed(done(M.SLEEP_COMPLETION, 1)).output == b'"late"'
    assert events == ["cancelled"]


def test_a_cancelled_body_that_does_not_stop_does_not_keep_the_attempt_open() -> None:
    """A thread can't be stopped; its result concerns nobody any more."""
    release = threading.Event()

    class Late:
        async def go(self, ctx: Context) -> None:
            try:
                async with asyncio.timeout(5):
                    await ctx.run("slow", release.wait)
            except TimeoutError:
                pass
            await ctx.sleep(1)

    played = play(Late, "go").feed(done(M.SLEEP_COMPLETION, 1)).eof()
    assert played.suspended_on == [3, "#1"]
    release.set()


def test_an_attempt_that_ends_cancels_its_bodies() -> None:
    events: list[str] = []

    async def body() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            events.append("cancelled")
            raise

    class Fails:
        async def go(self, ctx: Context) -> None:
            task = asyncio.create_task(_await(ctx.run("a", body)))
            await ctx.sleep(1)
            task.get_name()
            raise ValueError("now")

    played = play(Fails, "go").feed(done(M.SLEEP_COMPLETION, 2))
    assert played.error.message == "ValueError: now"
    assert events == ["cancelled"]


async def _await(future: asyncio.Future[Any]) -> Any:
    return await future


def test_after_end_of_input_a_running_step_finishes_first() -> None:
    """Request-response: the result is proposed, then the attempt suspends on its confirmation."""
    may_end = asyncio.Event()

    async def body() -> str:
        await may_end.wait()
        return "fine"

    played = play(Steps(body), "go", eof=True)
    assert played.waits
    may_end.set()
    played.finish_runs()
    assert played.types == [M.RUN_COMMAND, M.PROPOSE_RUN_COMPLETION, M.SUSPENSION]
    assert played.suspended_on == [1, "#1"]


def test_closures_given_to_run_are_not_kept_alive() -> None:
    """The look-up of return annotations is cached, but not by function."""
    import gc
    import weakref

    class Big:
        pass

    alive: list[weakref.ref[Big]] = []

    class Closes:
        async def go(self, ctx: Context) -> int:
            big = Big()
            alive.append(weakref.ref(big))

            async def body() -> int:
                return len(repr(big))

            return await ctx.run("a", body)

    play(Closes, "go").echo()
    gc.collect()
    assert [ref() for ref in alive] == [None]


def test_now_is_read_once() -> None:
    class Clock:
        async def go(self, ctx: Context) -> float:
            return (await ctx.now()).timestamp()

    first = play(Clock, "go").echo()
    assert float(first.output) == 1000.0  # the environment's clock, which test kits move
    following = first.again()
    assert following.types == [M.END]


def test_now_needs_no_thread() -> None:
    """Compiled functions don't show whether they are async."""
    assert step_function(utc).is_async


def test_return_annotations_of_one_code_object_may_differ() -> None:
    """A decorator's wrapper shares its code among all it wraps."""
    from datetime import date

    def make(tp: Any) -> Callable[..., Any]:
        async def body() -> Any:
            return date(2020, 1, 2) if tp is date else 5

        body.__annotations__["return"] = tp
        return body

    class Both:
        async def go(self, ctx: Context) -> str:
            return f"{await ctx.run('a', make(date))!r} {await ctx.run('b', make(int))!r}"

    assert play(Both, "go").echo().echo().output == b'"datetime.date(2020, 1, 2) 5"'


# ---------------------------------------------------------------- bodies that fail in odd ways


class _Mute(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


@pytest.mark.parametrize(
    "error, message",
    [
        (_Mute(), "_Mute: (no text: its __str__ raised ValueError)"),
        (RetryableError("later", code="503"), "later"),  # type: ignore[arg-type]
        (RetryableError("soon", retry_after=Decimal(3)), "soon"),  # type: ignore[arg-type]
    ],
    ids=["broken __str__", "code is no number", "decimal delay"],
)
def test_an_odd_error_of_a_body_ends_the_attempt(error: Exception, message: str) -> None:
    """One that raises again while it is reported left the attempt waiting for its step for ever."""

    async def body() -> None:
        raise error

    played = play(Steps(body), "go").finish_runs()
    assert played.error.message == message


def test_an_odd_code_of_a_terminal_error_is_recorded_as_500() -> None:
    async def body() -> None:
        raise TerminalError("no", code="409")  # type: ignore[arg-type]

    assert play(Steps(body), "catch").finish_runs().one(M.PROPOSE_RUN_COMPLETION).failure.code == 500


def test_a_codec_that_makes_no_bytes_ends_the_attempt() -> None:
    class Texts:
        content_type = "text/plain"

        def encode(self, value: str) -> bytes:
            return value  # type: ignore[return-value]

        def decode(self, data: bytes) -> str:
            return str(data)

        def json_schema(self, mode: str) -> dict[str, Any]:
            return {}

    class Coded:
        async def go(self, ctx: Context) -> str:
            return str(await ctx.options(type=Annotated[str, Texts()]).run("step", succeed))

    assert play(Coded, "go").finish_runs().types[-1] == M.ERROR


@pytest.mark.parametrize("plain", [True, False])
def test_sys_exit_in_a_body_fails_the_step_not_the_process(plain: bool) -> None:
    """asyncio lets SystemExit through, which ends the loop and every other invocation."""

    async def leave() -> None:
        sys.exit(3)

    played = play(Steps(sys.exit, None, 3) if plain else Steps(leave), "go").finish_runs()
    assert played.error.message == "RuntimeError: the step called sys.exit(3)"


@VERSIONS
def test_a_subclass_of_terminal_error_comes_out_of_the_journal_as_terminal_error(version: ProtocolVersion) -> None:
    """On the first run too (V7 keeps the result here), or ``except Declined`` would run once and never again."""

    class Declined(TerminalError):
        pass

    async def decline() -> None:
        raise Declined("no", code=402)

    played = play(Steps(decline), "catch", version=version).finish_runs().echo()
    assert played.output == b'"TerminalError 402 no {}"'


def test_a_step_that_gives_up_keeps_the_code_of_a_retryable_error() -> None:
    played = play(Steps(wait, RetryPolicy(max_attempts=1)), "catch").echo()
    assert played.output == b'"TerminalError 503 busy {}"'


def test_kill_is_no_option_of_a_step() -> None:
    played = play(Steps(fail, RetryPolicy(max_attempts=1, on_max_attempts="kill")), "go")
    assert "Write 'fail' or 'pause'" in played.error.message


@pytest.mark.skipif(not HAS_EAGER_TASKS, reason="on 3.11 all bodies have started before the first one's first turn")
def test_steps_that_have_not_started_stay_so_when_another_has_failed() -> None:
    """A body that does not wait ends within its start."""

    class Two:
        async def go(self, ctx: Context) -> None:
            await asyncio.gather(ctx.run("a", fail), ctx.run("b", succeed))

    assert play(Two, "go").error.message == "ValueError: bad thing"
    assert ran == []


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda ctx: ctx.run(succeed, 1), "ctx.run takes a name and a function, not function and int"),
        (lambda ctx: ctx.run("step", 5), "ctx.run takes a name and a function, not str and int"),
        (lambda ctx: ctx.run("step", succeed()), "was given a coroutine"),
    ],
)
def test_what_is_no_step_is_refused_with_the_place(call: Callable[[Any], Any], text: str) -> None:
    class Misused:
        async def go(self, ctx: Context) -> None:
            await call(ctx)

    error = play(Misused, "go").error
    assert text in error.message
    assert "test_runs.py:" in error.message


def test_results_of_finished_steps_are_not_kept() -> None:
    """An attempt remembers steps until they are awaited, not for as long as it lasts."""

    class Many:
        async def go(self, ctx: Context) -> int:
            for number in range(1000):
                await ctx.run(str(number), succeed)
            await ctx.sleep(1)
            return 0

    recorded = [
        entry
        for number in range(1000)
        for entry in (
            command(M.RUN_COMMAND, name=str(number), result_completion_id=number + 1),
            done(M.RUN_COMPLETION, number + 1, b'"fine"'),
        )
    ]
    played = play(Many, "go", *recorded)
    assert len(list(played.attempt.results.pending())) == 1  # the timer


def test_a_plain_function_that_is_annotated_as_awaitable_has_the_type_of_its_result() -> None:
    def ask() -> Awaitable[str]:
        return succeed()

    assert play(Steps(ask), "go").finish_runs().echo().output == b'"fine"'


def test_a_body_that_does_not_wait_needs_no_turn_of_the_loop() -> None:
    """It is a task of the real loop all the same, within another one. (On 3.11, which has no eager tasks, it needs
    one.)"""
    seen: list[Any] = []

    async def body() -> str:
        seen.append(asyncio.current_task())
        return "fine"

    async def waiting_body() -> str:
        await asyncio.sleep(0)
        seen.append(asyncio.current_task())
        return "later"

    class Service:
        async def go(self, ctx: Context) -> list[str]:
            return [await ctx.run("one", body), await ctx.run("two", waiting_body)]

    played = Played(Service, "go", V6, (), Guard.OFF)

    async def receive(data: bytes) -> list[Any]:
        tasks = [asyncio.current_task()]
        played.attempt.receive(data)
        return [*tasks, asyncio.current_task(), [each.type for each in played.written]]

    before, after, written = LOOP.run_until_complete(receive(journal(given_input())))
    assert before is after
    assert written == [M.RUN_COMMAND, *([M.PROPOSE_RUN_COMPLETION] if HAS_EAGER_TASKS else [])]
    LOOP.run_until_complete(asyncio.sleep(0))
    assert isinstance(seen[0], asyncio.Task)
    assert seen[0] is not before
    played.feed(done(M.RUN_COMPLETION, 1, b'"fine"')).finish_runs()
    assert len(set(seen)) == 2
