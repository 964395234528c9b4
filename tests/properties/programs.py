"""Random handlers: small programs as plain data, the handler that interprets them, and a server that is in no hurry.

A program is a nested tuple, ``("gather", (("call", 1), ("sleep", 2)))``. Its result is the order in which its steps
were done, with what they gave: whatever depends on timing shows there.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from typing import Any, TypeAlias

from hypothesis import strategies as st

from restate_reflect import TerminalError, WorkflowContext
from restate_reflect.durable.guards import Guard
from restate_reflect.protocol import _pb2 as pb
from restate_reflect.protocol.framing import RawMessage, encode_frame
from restate_reflect.protocol.messages import MessageType, command_classes
from restate_reflect.protocol.versions import ProtocolVersion
from tests.journals import CANCEL, M, Played, ack, called, done, frame, given_input, read, signal

Program: TypeAlias = tuple[Any, ...]

SIMPLE = (
    "get",
    "set",
    "clear",
    "keys",
    "call",
    "send",
    "run",
    "sleep",
    "asyncio.sleep",
    "awakeable",
    "signal",
    "promise",
)
NESTED = ("seq", "gather", "group", "race", "completed", "timeout", "try", "wait", "event")

NUMBERS = st.integers(0, 6)
STEPS = st.tuples(st.sampled_from(SIMPLE), NUMBERS)


def _nest(children: st.SearchStrategy[Program]) -> st.SearchStrategy[Program]:
    return st.tuples(st.sampled_from(NESTED), st.lists(children, min_size=1, max_size=4).map(tuple))


PROGRAMS: st.SearchStrategy[Program] = st.recursive(STEPS, _nest, max_leaves=10)
STEPLESS = PROGRAMS.filter(lambda program: "run" not in {node[0] for node in nodes(program)})


def nodes(program: Program) -> Iterator[Program]:
    yield program
    if isinstance(program[1], tuple):
        for child in program[1]:
            yield from nodes(child)


class Interpreter:
    """The handler."""

    def __init__(self, program: Program) -> None:
        self.program = program

    async def run(self, ctx: WorkflowContext) -> list[Any]:
        trace: list[Any] = []
        try:
            await Execution(ctx, trace).execute(self.program)
        except* TimeoutError:
            pass  # would be tried again, for ever
        return trace


class Execution:
    def __init__(self, ctx: WorkflowContext, trace: list[Any]) -> None:
        self.ctx = ctx
        self.trace = trace
        self.signals = 0

    async def execute(self, node: Program) -> None:
        kind, argument = node
        try:
            result = await getattr(self, f"do_{kind.replace('.', '_')}")(argument)
        except BaseException as error:
            self.trace.append([kind, type(error).__name__])
            raise
        self.trace.append([kind, result])

    # -- steps

    async def do_get(self, n: int) -> Any:
        return await self.ctx.get(f"k{n}", int)

    async def do_set(self, n: int) -> None:
        self.ctx.set(f"k{n}", len(self.trace))

    async def do_clear(self, n: int) -> None:
        if n:
            self.ctx.clear(f"k{n}")
        else:
            self.ctx.clear_all()

    async def do_keys(self, n: int) -> Any:
        return await self.ctx.keys()

    async def do_call(self, n: int) -> Any:
        return (await self.ctx.call_raw("Other", "go", b"%d" % n)).decode()

    async def do_send(self, n: int) -> Any:
        handle = self.ctx.send_raw("Other", "go", delay=n)
        return await handle if n % 2 else None

    async def do_run(self, n: int) -> Any:
        return await self.ctx.run(f"r{n}", body, n)

    async def do_sleep(self, n: int) -> None:
        await self.ctx.sleep(n + 1)

    async def do_asyncio_sleep(self, n: int) -> Any:
        return await asyncio.sleep(n, n)

    async def do_awakeable(self, n: int) -> Any:
        return await self.ctx.awakeable()

    async def do_signal(self, n: int) -> Any:
        self.signals += 1
        return await self.ctx.signal(f"s{self.signals}")

    async def do_promise(self, n: int) -> Any:
        promise = self.ctx.promise(f"p{n}")
        return await (promise.resolve(n) if n % 3 == 0 else promise.peek() if n % 3 == 1 else promise.get())

    # -- combinations

    async def do_seq(self, children: Program) -> None:
        for child in children:
            await self.execute(child)

    async def do_gather(self, children: Program) -> None:
        await asyncio.gather(*map(self.execute, children))

    async def do_group(self, children: Program) -> None:
        async with asyncio.TaskGroup() as group:
            for child in children:
                group.create_task(self.execute(child))

    async def do_race(self, children: Program) -> None:
        tasks = [asyncio.create_task(self.execute(child)) for child in children]
        finished, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:  # a set: in the order of making, thanks to the tasks' hashes
            task.cancel()
        for task in finished:
            await task

    async def do_wait(self, children: Program) -> None:
        finished, _ = await asyncio.wait({asyncio.create_task(self.execute(child)) for child in children})
        for task in finished:
            await task

    async def do_completed(self, children: Program) -> None:
        for future in asyncio.as_completed([asyncio.create_task(self.execute(child)) for child in children]):
            await future

    async def do_timeout(self, children: Program) -> None:
        async with asyncio.timeout(len(children)):
            await self.do_seq(children)

    async def do_try(self, children: Program) -> None:
        for child in children:
            try:
                await self.execute(child)
            except (TerminalError, TimeoutError):
                pass
            except ExceptionGroup as group:
                if group.split((TerminalError, TimeoutError))[1] is not None:
                    raise

    async def do_event(self, children: Program) -> None:
        ready, queue = asyncio.Event(), asyncio.Queue[int]()

        async def serve() -> None:
            try:
                await self.do_seq(children)
            finally:
                ready.set()
                queue.put_nowait(len(self.trace))

        task = asyncio.create_task(serve())
        await ready.wait()
        self.trace.append(await queue.get())
        await task


async def body(n: int) -> int:
    """A side effect: some take a while, some fail."""
    for _ in range(n % 3):
        await asyncio.sleep(0)
    if n == 5:
        raise TerminalError("five", 405)
    return n


# ---------------------------------------------------------------- a server


class Server:
    """Runs a program to its end, whatever the order of answers, crashes and suspensions.

    ``journal`` is what it stored: commands as they reached it, and answers in the order in which it sent them. An
    answer may be stored before commands that the handler has already written.
    """

    def __init__(self, program: Program, version: ProtocolVersion, seed: int, *, calm: bool = False) -> None:
        self.random = random.Random(seed)
        self.calm = calm
        self.version = version
        self.service = Interpreter(program)
        self.journal: list[bytes] = [given_input()]
        self.incoming: list[RawMessage] = []
        self.answers: list[tuple[bytes, bytes]] = []
        """What can be sent: as it is stored, and as it is sent."""
        self.seen = 0
        self.lazy = self.random.random() < 0.5
        self.attempts = 0
        wanted = [node[0] for node in nodes(program)]
        self.answers += [self._same(signal(f"s{n + 1}", b"%d" % n)) for n in range(wanted.count("signal"))]
        self.answers += [self._same(signal(17 + n, b"%d" % n)) for n in range(wanted.count("awakeable"))]
        if not calm and self.random.random() < 0.3:
            self.answers.append(self._same(CANCEL))

    @staticmethod
    def _same(data: bytes) -> tuple[bytes, bytes]:
        return data, data

    def run(self) -> Played:
        played = self._attempt()
        for _ in range(500):
            self._collect(played)
            if played.sink.ended:
                if played.types[-1] != M.SUSPENSION:
                    self._store(len(self.incoming))
                    return played
                played = self._attempt()
            elif not self.calm and self.random.random() < 0.1:
                played = self._disturb(played)
            else:
                self._answer(played)
        raise AssertionError("the program does not end")

    def _attempt(self) -> Played:
        """A new attempt, with what was stored; what had not been is lost, or (after a suspension) stored by now."""
        self.attempts += 1
        self._store(len(self.incoming))
        self.seen = 0
        return play_journal(self.service, self.version, self.journal, lazy=self.lazy)

    def _disturb(self, played: Played) -> Played:
        if self.random.random() < 0.5:
            played.eof().finish_runs()
            return played
        played.attempt.abort("crash")
        self.incoming.clear()
        return self._attempt()

    def _collect(self, played: Played) -> None:
        written = played.written
        for raw in written[self.seen :]:
            if raw.type in command_classes() or raw.type == M.PROPOSE_RUN_COMPLETION:
                self.incoming.append(raw)
        self.seen = len(written)

    def _store(self, count: int) -> None:
        stored, self.incoming = self.incoming[:count], self.incoming[count:]
        for raw in stored:
            if raw.type == M.PROPOSE_RUN_COMPLETION:
                self._confirm(read(raw))
                continue
            self.journal.append(encode_frame(raw.type, raw.payload))
            self.answers += answers_to(raw)

    def _confirm(self, proposal: pb.ProposeRunCompletionMessage) -> None:
        completion = run_completion(proposal)
        if completion not in self.journal and completion not in [stored for stored, _ in self.answers]:
            confirmed = ack(proposal.result_completion_id) if self.version.has_run_acks else completion
            self.answers.append((completion, confirmed))

    def _answer(self, played: Played) -> None:
        """Stores some of what has come, then sends one of the answers."""
        low = 0 if self.answers else 1
        self._store(self.random.randint(min(low, len(self.incoming)), len(self.incoming)))
        if not self.answers:
            assert self.incoming or played.attempt.runs.is_executing(), "the handler waits for nothing that can come"
            played.finish_runs()
            return
        stored, sent = self.answers.pop(self.random.randrange(len(self.answers)))
        self.journal.append(stored)
        is_ack = stored is not sent and stored != sent
        played.raw(sent if not is_ack or acked(played, stored) else stored)


def acked(played: Played, completion: bytes) -> bool:
    """Whether this attempt has proposed the result itself."""
    id_ = pb.Notification.FromString(completion[8:]).completion_id
    return any(proposal.result_completion_id == id_ for proposal in played.all(M.PROPOSE_RUN_COMPLETION))


def run_completion(proposal: pb.ProposeRunCompletionMessage) -> bytes:
    failed = proposal.WhichOneof("result") == "failure"
    id_ = proposal.result_completion_id
    if failed:
        return done(M.RUN_COMPLETION, id_, error=(proposal.failure.code, proposal.failure.message))
    return done(M.RUN_COMPLETION, id_, proposal.value)


def answers_to(raw: RawMessage) -> list[tuple[bytes, bytes]]:
    """The completions of a command; steps are confirmed when they are proposed."""
    command = read(raw)
    found: list[bytes] = []
    id_ = getattr(command, "result_completion_id", 0)
    match MessageType(raw.type):
        case M.CALL_COMMAND:
            found.append(called(command.invocation_id_notification_idx, f"inv_{id_}"))
            failed = command.parameter == b"5"
            found.append(done(M.CALL_COMPLETION, id_, b"%d" % id_, error=(405, "five") if failed else None))
        case M.ONE_WAY_CALL_COMMAND:
            found.append(called(command.invocation_id_notification_idx, "inv_sent"))
        case M.SLEEP_COMMAND:
            found.append(done(M.SLEEP_COMPLETION, id_))
        case M.GET_LAZY_STATE_COMMAND:
            found.append(done(M.GET_LAZY_STATE_COMPLETION, id_, b"7"))
        case M.GET_LAZY_STATE_KEYS_COMMAND:
            keys = pb.Notification(completion_id=id_, state_keys=pb.StateKeys(keys=[b"k1"]))
            found.append(frame(M.GET_LAZY_STATE_KEYS_COMPLETION, keys))
        case M.GET_PROMISE_COMMAND:
            found.append(done(M.GET_PROMISE_COMPLETION, id_, b"3"))
        case M.PEEK_PROMISE_COMMAND:
            found.append(done(M.PEEK_PROMISE_COMPLETION, id_))
        case M.COMPLETE_PROMISE_COMMAND:
            found.append(done(M.COMPLETE_PROMISE_COMPLETION, id_, error=(409, "before") if id_ % 2 else None))
        case _:
            pass
    return [(data, data) for data in found]


def play_journal(
    service: Any, version: ProtocolVersion, entries: list[bytes], *, lazy: bool = True, eof: bool = False
) -> Played:
    """An attempt with the given journal."""
    state = None if lazy else {"k1": b"1", "k2": b"2"}
    return Played(service, "run", version, (), Guard.OFF).begin(entries, state=state, key="k", eof=eof)


def is_answer(entry: bytes) -> bool:
    return entry[0] >= 0x80
