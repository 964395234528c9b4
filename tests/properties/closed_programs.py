"""Random handlers that do not take it lightly when they are closed, and a server that closes them at every await.

A program is a nested tuple, as in ``programs``. Its result says what was done, which must not depend on how often its
attempts were closed, nor on what they did then.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextvars import ContextVar
from typing import Any, TypeAlias

from hypothesis import strategies as st

from restate_reflect import Context
from restate_reflect.protocol.framing import RawMessage, encode_frame
from restate_reflect.protocol.messages import command_classes
from tests.journals import M, frames, given_input, journal, read
from tests.properties.programs import answers_to, run_completion

Program: TypeAlias = tuple[Any, ...]
Attempt: TypeAlias = Callable[[bytes], Awaitable[bytes]]
"""Sends a journal over a transport, and returns what the attempt wrote until it was closed."""

WAITS = ("asyncio.sleep", "sleep", "run", "call", "event")
AROUND = ("body of group", "group", "timeout", "gather", "shield", "stack", "generator", "manager", "token", "task")
AT_THE_END = (
    "error",
    "base group",
    "nested group",
    "cancelled",
    "interrupt",
    "exit",
    "wait",
    "wait for the context",
    "wait twice",
    "swallow",
    "swallow and wait",
    "start a task",
    "own exception",
)
NESTED = (*AROUND, *(f"at the end: {how}" for how in AT_THE_END))

STEPS = st.tuples(st.sampled_from(WAITS), st.integers(0, 2))


def _nest(children: st.SearchStrategy[Program]) -> st.SearchStrategy[Program]:
    return st.tuples(st.sampled_from(NESTED), st.lists(children, min_size=1, max_size=3).map(tuple))


PROGRAMS: st.SearchStrategy[Program] = st.recursive(STEPS, _nest, max_leaves=5)

variable: ContextVar[str] = ContextVar("variable")
executed: list[str] = []
"""Names of the steps whose bodies have run."""
wrong: list[str] = []
"""What went wrong in a handler that nobody waits for."""


DEADLINE = 10_000
"""Seconds that never pass."""


class Own(BaseException):
    """Not an Exception."""


class Closed:
    """The handler."""

    def __init__(self, program: Program) -> None:
        self.program = program

    async def go(self, ctx: Context) -> list[str]:
        trace: list[str] = []
        await Execution(ctx, trace).execute(self.program)
        return sorted(trace)


class Execution:
    def __init__(self, ctx: Context, trace: list[str]) -> None:
        self.ctx = ctx
        self.trace = trace

    async def execute(self, node: Program) -> None:
        kind, argument = node
        name, _, how = kind.partition(": ")
        method = getattr(self, f"do_{name.replace('.', '_').replace(' ', '_')}")
        await (method(argument, how) if how else method(argument))
        self.trace.append(kind)

    async def all(self, children: Program) -> None:
        for child in children:
            await self.execute(child)

    # -- what is waited for

    async def do_asyncio_sleep(self, n: int) -> None:
        await asyncio.sleep(n + 1)

    async def do_sleep(self, n: int) -> None:
        await self.ctx.sleep(n + 1)

    async def do_run(self, n: int) -> None:
        await self.ctx.run(f"step {n}", body, n)

    async def do_call(self, n: int) -> None:
        await self.ctx.call_raw("Other", "go", b"%d" % n)

    async def do_event(self, n: int) -> None:
        ready = asyncio.Event()
        asyncio.get_running_loop().call_later(n + 1, ready.set)
        await ready.wait()

    # -- around it

    async def do_body_of_group(self, children: Program) -> None:
        async with asyncio.TaskGroup():
            await self.all(children)

    async def do_group(self, children: Program) -> None:
        async with asyncio.TaskGroup() as group:
            for child in children[1:]:
                group.create_task(self.execute(child))
            await self.execute(children[0])

    async def do_timeout(self, children: Program) -> None:
        async with asyncio.timeout(DEADLINE):
            await self.all(children)

    async def do_gather(self, children: Program) -> None:
        await asyncio.gather(*map(self.execute, children))

    async def do_shield(self, children: Program) -> None:
        await asyncio.shield(self.all(children))

    async def do_task(self, children: Program) -> None:
        await asyncio.create_task(self.all(children))

    async def do_stack(self, children: Program) -> None:
        async def leave() -> None:
            await asyncio.sleep(0)
            if isinstance(sys.exc_info()[1], GeneratorExit):
                raise ValueError("while leaving")

        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(leave)
            await stack.enter_async_context(asyncio.TaskGroup())
            await self.all(children)

    async def do_generator(self, children: Program) -> None:
        async def each() -> AsyncGenerator[Program]:
            for child in children:
                try:
                    await self.execute(child)
                    yield child
                finally:
                    await asyncio.sleep(0)

        async with contextlib.aclosing(each()) as generator:
            async for child in generator:
                await self.execute(child)

    async def do_manager(self, children: Program) -> None:
        @contextlib.asynccontextmanager
        async def manager() -> AsyncGenerator[None]:
            try:
                yield
            except GeneratorExit:
                raise ExceptionGroup("left", [ValueError("by GeneratorExit")]) from None
            finally:
                await asyncio.sleep(0)

        async with manager():
            await self.all(children)

    async def do_token(self, children: Program) -> None:
        token = variable.set("here")
        try:
            await self.all(children)
        finally:
            try:
                variable.reset(token)
            except ValueError as error:
                wrong.append(str(error))
            if asyncio.current_task() is None:
                wrong.append("there is no current task")

    async def do_at_the_end(self, children: Program, how: str) -> None:
        try:
            await self.all(children)
        except GeneratorExit as ending:
            await self.ends(how, ending)
            raise

    async def ends(self, how: str, ending: GeneratorExit) -> None:
        match how:
            case "error":
                raise ValueError("at the end")
            case "base group":
                raise BaseExceptionGroup("at the end", [ending])
            case "nested group":
                raise BaseExceptionGroup("outer", [BaseExceptionGroup("inner", [ending, ValueError()]), KeyError()])
            case "cancelled":
                raise asyncio.CancelledError
            case "interrupt":
                raise KeyboardInterrupt
            case "exit":
                raise SystemExit(3)
            case "wait":
                await asyncio.sleep(1)
            case "wait for the context":
                await self.ctx.sleep(1)
            case "wait twice":
                try:
                    await asyncio.Event().wait()
                finally:
                    await asyncio.sleep(0)
            case "swallow":
                return
            case "swallow and wait":
                with contextlib.suppress(GeneratorExit):
                    await asyncio.sleep(1)
                await asyncio.sleep(1)
            case "start a task":
                asyncio.create_task(asyncio.sleep(1))  # noqa: RUF006  left alone on purpose
            case _:
                raise Own


def _is_deadline(raw: RawMessage) -> bool:
    return raw.type == M.SLEEP_COMMAND and read(raw).wake_up_time > (time.time() + DEADLINE / 2) * 1000


async def body(n: int) -> int:
    executed.append(f"step {n}")
    if n:
        await asyncio.sleep(0)
    return n


async def outcome(program: Program, attempt: Attempt) -> tuple[bytes, int]:
    """What the program ends with, and after how many attempts: each is closed where it waits for the first time."""
    stored = [given_input()]
    answers: list[bytes] = []
    for attempts in range(1, 200):
        written = frames(await attempt(journal(*stored)))
        for raw in written:
            if raw.type == M.PROPOSE_RUN_COMPLETION:
                answers.append(run_completion(read(raw)))
            elif raw.type in command_classes():
                stored.append(encode_frame(raw.type, raw.payload))
                answers += [answer for answer, _ in answers_to(raw) if not _is_deadline(raw)]
        if written[-1].type == M.END:
            return read(written[-2]).value.content, attempts
        assert written[-1].type == M.SUSPENSION, read(written[-1])
        stored.append(answers.pop(0))
    raise AssertionError("the program does not end")
