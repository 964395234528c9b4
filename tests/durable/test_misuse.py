"""What a handler must not do: forgotten awaits, deadlocks, contexts out of place, I/O."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import gc
import json
import os
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from restate_reflect import Context, RetryPolicy
from restate_reflect.durable.at_once import AT_ONCE
from restate_reflect.durable.guards import Guard, GuardWarning
from restate_reflect.errors import HandlerBugError
from tests.journals import LOOP, M, Played, done, play, signal


def handler(function: Callable[[Any, Context], Any], **options: Any) -> Played:
    """Plays a handler made of one function of ``(self, ctx)``."""
    return play(type("Service", (), {"go": function}), "go", **options)


def bug(function: Callable[[Any, Context], Any], **options: Any) -> str:
    """The message of the retryable error the handler ends with; it must name a line of this file."""
    played = handler(function, **options)
    assert played.types[-1] == M.ERROR, played.messages
    assert played.error.code == 500
    message: str = played.error.message
    assert "test_misuse.py:" in message, message
    return message


# ---------------------------------------------------------------- forgotten awaits


async def quick() -> None:
    return None


def test_a_step_that_nobody_awaits_is_named() -> None:
    async def go(self: Any, ctx: Context) -> None:
        ctx.run("charge", quick)

    message = bug(go)
    assert "run 'charge' was never awaited" in message
    assert "Write 'await' before it" in message


async def named(*, type: str) -> str:
    return type


def test_options_of_a_step_that_went_to_its_function_are_pointed_out() -> None:
    async def go(self: Any, ctx: Context) -> None:
        await ctx.run("charge", quick, retry=RetryPolicy(max_attempts=3))  # type: ignore[call-overload]

    message = bug(go)
    assert "retry=… was passed on to the function of run 'charge'" in message
    assert "ctx.options(retry=…).run('charge', …)" in message


def test_a_function_may_have_arguments_of_those_names() -> None:
    async def go(self: Any, ctx: Context) -> None:
        assert await ctx.run("charge", named, type="visa") == "visa"

    assert handler(go).finish_runs().types[0] == M.RUN_COMMAND


def test_a_timer_that_nobody_awaits_is_named() -> None:
    async def go(self: Any, ctx: Context) -> None:
        ctx.sleep(1, name="nap")

    assert "sleep 'nap' was never awaited" in bug(go)


def test_a_plain_handler_forgets_likewise() -> None:
    def go(self: Any, ctx: Context) -> None:
        ctx.sleep(1)

    assert "sleep was never awaited" in bug(go)


def test_a_race_forgets_nothing() -> None:
    """The loser of a race was awaited; it just did not come."""

    async def go(self: Any, ctx: Context) -> None:
        await asyncio.wait([ctx.sleep(1), ctx.run("quick", quick)], return_when="FIRST_COMPLETED")

    assert handler(go).feed(done(M.SLEEP_COMPLETION, 1)).types[-1] == M.END


def test_a_cancelled_timer_is_not_forgotten() -> None:
    async def go(self: Any, ctx: Context) -> None:
        ctx.sleep(1).cancel()

    assert handler(go).types[-1] == M.END


def test_an_error_is_not_hidden_by_a_forgotten_await() -> None:
    async def go(self: Any, ctx: Context) -> None:
        ctx.sleep(1)
        raise ValueError("the cause")

    assert handler(go).error.message == "ValueError: the cause"


# ---------------------------------------------------------------- deadlocks


@pytest.mark.parametrize("wait", [lambda: asyncio.Event().wait(), lambda: asyncio.Queue().get()])
def test_waiting_for_what_nobody_completes_is_a_deadlock(wait: Callable[[], Any]) -> None:
    async def go(self: Any, ctx: Context) -> None:
        await wait()

    message = bug(go)
    assert "something that nothing will complete" in message
    assert "asyncio.Event or Queue" in message


def test_a_deadlock_of_a_nested_call_names_the_inner_place() -> None:
    async def inner() -> None:
        await asyncio.Event().wait()

    async def go(self: Any, ctx: Context) -> None:
        await inner()

    assert ".inner for something" in bug(go)


def test_a_deadlock_of_a_plain_handler_names_the_place_of_what_it_returned() -> None:
    async def inner() -> None:
        await asyncio.Event().wait()

    def go(self: Any, ctx: Context) -> Any:
        return inner()

    assert ".inner for something" in bug(go)


def test_a_lock_taken_twice_is_a_deadlock() -> None:
    async def go(self: Any, ctx: Context) -> None:
        lock = asyncio.Lock()
        async with lock, lock:
            pass

    bug(go)


def test_spinning_is_told_from_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """No result is handed out before the handler waits: a busy loop would block the process for ever."""
    from restate_reflect.durable import ready

    monkeypatch.setattr(ready, "MAX_CALLBACKS", 1000)

    async def go(self: Any, ctx: Context) -> None:
        call = ctx.call_raw("Other", "go")
        while not call.done():
            await asyncio.sleep(0)

    message = bug(go)
    assert "the handler spins at" in message
    assert "asyncio.sleep(0)" in message


def test_a_callback_that_raises_ends_the_attempt() -> None:
    """What is no Exception too, and after the handler has returned."""

    class Left:
        async def go(self, ctx: Context) -> int:
            loop = asyncio.get_running_loop()
            lost = loop.create_future()
            lost.cancel()
            loop.call_soon(lost.result)
            return 1

    assert play(Left, "go").error.message == "CancelledError"


# ---------------------------------------------------------------- contexts out of place


def test_a_context_in_an_async_step_is_refused() -> None:
    async def go(self: Any, ctx: Context) -> None:
        async def body() -> None:
            await ctx.sleep(1)

        await ctx.run("body", body)

    assert "used outside of its handler" in bug(go)


def test_a_context_in_a_thread_is_refused() -> None:
    async def go(self: Any, ctx: Context) -> None:
        def body() -> None:
            ctx.sleep(1)

        await ctx.run("body", body)

    played = handler(go).finish_runs()
    assert "used outside of its handler" in played.error.message
    assert "test_misuse.py:" in played.error.message


def test_a_context_in_a_foreign_thread_is_refused() -> None:
    errors: list[Exception] = []

    async def go(self: Any, ctx: Context) -> None:
        def work() -> None:
            try:
                ctx.send_raw("Other", "go")
            except Exception as error:
                errors.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    assert handler(go).types == [M.OUTPUT_COMMAND, M.END]
    assert isinstance(errors[0], HandlerBugError)


def test_a_context_kept_beyond_its_attempt_is_refused() -> None:
    kept: list[Context] = []

    async def go(self: Any, ctx: Context) -> None:
        kept.append(ctx)

    played = handler(go)
    with pytest.raises(Exception, match="this attempt has ended"):
        kept[0].send_raw("Other", "go")
    assert played.types == [M.OUTPUT_COMMAND, M.END]


def test_a_context_of_another_invocation_is_refused() -> None:
    kept: list[Context] = []

    async def first(self: Any, ctx: Context) -> None:
        kept.append(ctx)
        await ctx.sleep(1)

    async def second(self: Any, ctx: Context) -> None:
        kept[0].send_raw("Other", "go")

    waiting = handler(first)
    assert "used outside of its handler" in bug(second)
    assert waiting.types == [M.SLEEP_COMMAND]


# ---------------------------------------------------------------- I/O by the loop


class Protocol(asyncio.Protocol):
    pass


LOOP_METHODS: dict[str, Callable[[asyncio.AbstractEventLoop], Any]] = {
    "create_connection": lambda loop: loop.create_connection(Protocol, "localhost", 1),
    "create_server": lambda loop: loop.create_server(Protocol, "localhost", 0),
    "create_datagram_endpoint": lambda loop: loop.create_datagram_endpoint(asyncio.DatagramProtocol),
    "run_in_executor": lambda loop: loop.run_in_executor(None, int),
    "to_thread": lambda loop: asyncio.to_thread(int),
    "open_connection": lambda loop: asyncio.open_connection("localhost", 1),
    "subprocess": lambda loop: asyncio.create_subprocess_exec(sys.executable),
    "shell": lambda loop: asyncio.create_subprocess_shell("true"),
    "getaddrinfo": lambda loop: loop.getaddrinfo("localhost", 1),
    "sock_recv": lambda loop: loop.sock_recv(None, 1),  # type: ignore[arg-type]
    "add_reader": lambda loop: loop.add_reader(0, int),
    "run_forever": lambda loop: loop.run_forever(),
}


@pytest.mark.parametrize("name", list(LOOP_METHODS))
def test_io_on_the_handlers_loop_is_refused_with_place_and_fix(name: str) -> None:
    async def go(self: Any, ctx: Context) -> None:
        await LOOP_METHODS[name](asyncio.get_running_loop())

    message = bug(go)
    assert "can't be used in handler code" in message
    assert "await ctx.run(" in message


def test_an_executor_of_ours_runs_at_once_and_is_no_thread() -> None:
    """For libraries that take one for their plain functions."""
    threads: list[int] = []

    async def go(self: Any, ctx: Context) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(AT_ONCE, threads.append, threading.get_ident())
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(AT_ONCE, divmod, 1, 0)

    assert handler(go).types[-2:] == [M.OUTPUT_COMMAND, M.END]
    assert threads == [threading.get_ident()]


def test_an_executor_of_ours_has_threads_elsewhere() -> None:
    assert AT_ONCE.submit(threading.get_ident).result() != threading.get_ident()


def test_a_future_of_another_loop_is_refused_with_the_fix() -> None:
    foreign = LOOP.create_future()

    async def go(self: Any, ctx: Context) -> None:
        await foreign

    played = handler(go)
    assert "attached to a different loop" in played.error.message
    assert "await ctx.run(" in played.error.message
    assert "test_misuse.py" in played.error.stacktrace


def test_a_thread_pool_of_ones_own_is_refused() -> None:
    """Its results would have to come from another thread; nobody waits for that here."""
    release = threading.Event()

    with concurrent.futures.ThreadPoolExecutor(1) as pool:

        async def go(self: Any, ctx: Context) -> None:
            await asyncio.wrap_future(pool.submit(release.wait))

        message = bug(go)
        release.set()
    assert "a future of a thread or a process can't be used in handler code" in message


# ---------------------------------------------------------------- I/O past the loop: guards


def open_file(ctx: Context) -> None:
    Path(__file__).read_text()


def connect(ctx: Context) -> None:
    with socket.socket() as sock, contextlib.suppress(OSError):
        sock.settimeout(0.01)
        sock.connect(("127.0.0.1", 9))


def look_up(ctx: Context) -> None:
    socket.getaddrinfo("127.0.0.1", 9)


def spawn(ctx: Context) -> None:
    subprocess.run([sys.executable, "-c", ""], check=True)


def system(ctx: Context) -> None:
    os.system("true")


IO = {"a file": open_file, "a network connection": connect, "a name look-up": look_up, "a subprocess": spawn}


@pytest.mark.parametrize("thing", list(IO))
def test_guard_fail_refuses_io_of_handler_code(thing: str) -> None:
    async def go(self: Any, ctx: Context) -> None:
        IO[thing](ctx)

    message = bug(go, guard=Guard.FAIL)
    assert f"handler code opens {thing}" in message
    assert "await ctx.run(" in message
    assert "ctx.unguarded()" in message


@pytest.mark.parametrize("thing", list(IO))
def test_guard_warn_warns_and_lets_it_happen(thing: str) -> None:
    async def go(self: Any, ctx: Context) -> str:
        IO[thing](ctx)
        return "did it"

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert handler(go, guard=Guard.WARN).output == b'"did it"'
    ours = [warning for warning in seen if warning.category is GuardWarning]
    assert f"handler code opens {thing}" in str(ours[0].message)
    assert "test_misuse.py:" in str(ours[0].message)


@pytest.mark.parametrize("thing", list(IO))
def test_guard_off_says_nothing(thing: str) -> None:
    async def go(self: Any, ctx: Context) -> str:
        IO[thing](ctx)
        return "did it"

    assert handler(go, guard=Guard.OFF).output == b'"did it"'


@pytest.mark.parametrize("thing", list(IO))
def test_steps_and_unguarded_blocks_may_do_io(thing: str) -> None:
    def body() -> None:
        IO[thing](None)  # type: ignore[arg-type]

    async def async_body() -> None:
        IO[thing](None)  # type: ignore[arg-type]

    async def go(self: Any, ctx: Context) -> str:
        with ctx.unguarded():
            IO[thing](ctx)
        await ctx.run("thread", body)
        await ctx.run("loop", async_body)
        return "did it"

    played = handler(go, guard=Guard.FAIL).finish_runs().echo().finish_runs().echo()
    assert played.output == b'"did it"'


def test_the_guard_holds_in_tasks_and_after_steps() -> None:
    async def go(self: Any, ctx: Context) -> None:
        await ctx.run("quick", quick)
        await asyncio.create_task(task(ctx))

    async def task(ctx: Context) -> None:
        open_file(ctx)

    played = handler(go, guard=Guard.FAIL).echo()
    assert "handler code opens a file" in played.error.message


def test_the_guard_does_not_leave_the_handler() -> None:
    async def go(self: Any, ctx: Context) -> None:
        await ctx.sleep(1)

    handler(go, guard=Guard.FAIL)
    assert Path(__file__).read_text()


def test_the_first_codec_of_a_process_is_no_io_of_the_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    """pydantic reads the entry points of what is installed, to find its plugins."""
    monkeypatch.setattr("pydantic.plugin._loader._plugins", None)

    async def go(self: Any, ctx: Context) -> str:
        return repr(TypeAdapter(list[int]).validate_json(b"[1]"))

    assert handler(go, guard=Guard.FAIL).output == b'"[1]"'


def test_imports_and_tracebacks_in_handlers_are_no_io_of_theirs() -> None:
    async def go(self: Any, ctx: Context) -> str:
        import importlib
        import traceback

        sys.modules.pop("colorsys", None)
        importlib.import_module("colorsys")
        try:
            raise ValueError
        except ValueError:
            traceback.format_exc()
        return "fine"

    assert handler(go, guard=Guard.FAIL).output == b'"fine"'


# ---------------------------------------------------------------- sets and order


def test_wait_gives_gathers_in_an_order_that_replays() -> None:
    """asyncio makes the future of a gather itself, and sets walk those by memory address."""

    async def go(self: Any, ctx: Context) -> list[int]:
        gathers = [asyncio.gather(ctx.awakeable(int)) for _ in range(20)]
        done_, _ = await asyncio.wait(gathers)
        return [future.result()[0] for future in done_]

    played = handler(go)
    ballast = [object() for _ in range(1000)]
    again = handler(go)
    for each in (played, again):
        each.raw(b"".join(signal(17 + number, b"%d" % number) for number in range(20)))
    assert played.output == again.output == json.dumps(list(range(20)), separators=(",", ":")).encode()
    assert len(ballast) == 1000


def test_as_completed_over_bare_coroutines_is_refused() -> None:
    """It starts them in the order of a set of coroutines, which is that of their addresses."""

    async def one(ctx: Context, n: int) -> int:
        await ctx.sleep(n)
        return n

    async def go(self: Any, ctx: Context) -> list[int]:
        return [await future for future in asyncio.as_completed([one(ctx, n) for n in (3, 1, 2)])]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the coroutines that were refused
        message = bug(go)
        gc.collect()
    assert "asyncio.as_completed() starts bare coroutines in an order that changes" in message
    assert "ctx.as_completed(…)" in message


def test_as_completed_over_tasks_and_futures_works() -> None:
    async def go(self: Any, ctx: Context) -> list[object]:
        futures: list[asyncio.Future[Any]] = [ctx.sleep(3), asyncio.create_task(asyncio.sleep(1, "task")), ctx.sleep(2)]
        return [await future for future in asyncio.as_completed(futures)]

    played = handler(go).feed(*(done(M.SLEEP_COMPLETION, id_) for id_ in (2, 3, 1)))
    assert played.output == b'[null,"task",null]'


def test_ctx_as_completed_takes_coroutines_in_the_order_given() -> None:
    async def one(ctx: Context, n: int) -> int:
        await ctx.sleep(n)
        return n

    async def go(self: Any, ctx: Context) -> list[int]:
        return [result async for result in ctx.as_completed(one(ctx, n) for n in (3, 1, 2))]

    played = handler(go)
    assert [sleep.wake_up_time for sleep in played.all(M.SLEEP_COMMAND)] == [1_003_000, 1_001_000, 1_002_000]
    assert played.feed(*(done(M.SLEEP_COMPLETION, id_) for id_ in (2, 3, 1))).output == b"[1,2,3]"


def test_first_success_takes_the_first_that_does_not_fail() -> None:
    async def go(self: Any, ctx: Context) -> bytes:
        return await ctx.first_success(*(ctx.call_raw("Other", "go", bytes([n])) for n in range(3)))

    played = handler(go)
    played.feed(done(M.CALL_COMPLETION, 4, error=(500, "no")), done(M.CALL_COMPLETION, 6, b"third"))
    assert played.output == b"third"


def test_first_success_raises_the_last_failure_if_all_fail() -> None:
    async def go(self: Any, ctx: Context) -> bytes:
        return await ctx.first_success(*(ctx.call_raw("Other", "go") for _ in range(2)))

    played = handler(go)
    played.feed(done(M.CALL_COMPLETION, 4, error=(500, "one")), done(M.CALL_COMPLETION, 2, error=(410, "two")))
    assert played.failure == (410, "two")


def test_first_success_of_nothing_is_a_value_error() -> None:
    async def go(self: Any, ctx: Context) -> None:
        await ctx.first_success()

    assert "ValueError: first_success() needs at least one awaitable" in handler(go).error.message


def test_an_exception_in_a_callback_ends_the_attempt() -> None:
    async def go(self: Any, ctx: Context) -> None:
        asyncio.get_running_loop().call_soon(int, "x")
        await ctx.sleep(1)

    assert "ValueError: invalid literal for int()" in handler(go).error.message
