"""What came of an attempt, read off it while it still stands there."""

from __future__ import annotations

import asyncio
import reprlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import CoroutineType, FrameType
from typing import Any, Final

from restate_reflect.durable.attempt import Attempt
from restate_reflect.durable.locations import Spot, is_own_file
from restate_reflect.durable.shown import Codecs, command_line, text_of, title_of
from restate_reflect.engine import journal as journals
from restate_reflect.engine import notifications
from restate_reflect.engine.ending import Ending
from restate_reflect.engine.journal import Mismatch
from restate_reflect.engine.notifications import Notification, NotificationId, SignalIndex
from restate_reflect.errors import ProtocolViolationError
from restate_reflect.protocol.framing import RawMessage, is_notification
from restate_reflect.protocol.messages import MessageType
from restate_reflect.replay._recorded import RecordedJournal
from restate_reflect.replay._result import Awaited, Outcome, Replay, ReplayedStep, WaitingFrame
from restate_reflect.versions import Gate

__all__ = ["Seen", "summary"]


@dataclass(slots=True)
class Seen:
    """What an attempt has told while it went on."""

    issued: dict[int, tuple[RawMessage, Spot | None]] = field(default_factory=dict)
    """Commands by number, and where they were issued."""
    mismatch: Mismatch | None = None
    exception: BaseException | None = None
    frames: tuple[WaitingFrame, ...] = ()
    awaited: tuple[tuple[NotificationId, str], ...] = ()
    place: str = ""
    gates: Mapping[Gate, bool] = field(default_factory=dict)
    used_random: bool = False

    def look_at_mismatch(self, attempt: Attempt, mismatch: Mismatch) -> None:
        """At the command that does not fit, or at the await instead of one."""
        self.mismatch, self.place = mismatch, mismatch.where
        self.frames = tuple(_calling() if mismatch.current is not None else _all_waiting(attempt))

    def look(self, attempt: Attempt) -> None:
        """Before the attempt is closed."""
        operations = attempt.operations
        if operations is not None:
            self.gates, self.used_random = operations.gates, operations.used_random
        if self.mismatch is None:
            self.place = attempt.locate()
            self.frames = tuple(_all_waiting(attempt))
            self.awaited = tuple(_awaited(attempt))


def summary(recorded: RecordedJournal, attempt: Attempt, seen: Seen) -> Replay:
    """The result of an attempt that was looked at last."""
    return _Summary(recorded, attempt, seen).made()


class _Summary:
    def __init__(self, recorded: RecordedJournal, attempt: Attempt, seen: Seen) -> None:
        self._recorded, self._attempt, self._seen = recorded, attempt, seen
        self._codecs = Codecs(attempt.service, attempt.handler, attempt.environment.routes.directory)
        self._results = dict(_results(recorded))
        self._asked: dict[int, int] = {}
        """Numbers of commands, by the completion that each asks for."""

    def made(self) -> Replay:
        attempt, seen = self._attempt, self._seen
        steps = tuple(self._steps())
        failure, outcome = attempt.engine.failure, self._outcome(steps)
        raised = () if seen.exception is None else tuple(_raised(seen.exception))
        return Replay(
            self._recorded,
            outcome,
            steps,
            tuple(self._awaited()) if outcome in (Outcome.WAITS, Outcome.GOES_ON) else (),
            str(raised[-1].place) if raised else seen.place,
            raised or seen.frames,
            self._output(),
            None if failure is None else failure.message,
            seen.mismatch,
            gates=seen.gates,
            exception=seen.exception,
            used_random=seen.used_random,
        )

    def _outcome(self, steps: Sequence[ReplayedStep]) -> Outcome:
        ending = self._attempt.engine.ending
        if self._seen.mismatch is not None:
            return Outcome.MISMATCH
        if ending is Ending.FAILED:
            return Outcome.FAILS
        if ending is Ending.COMPLETED:
            return Outcome.RETURNS if steps[-1].is_new else Outcome.COMPLETED
        return Outcome.GOES_ON if any(each.is_new for each in steps) else Outcome.WAITS

    # ------------------------------------------------------------ steps

    def _steps(self) -> Iterator[ReplayedStep]:
        commands = self._recorded.commands
        yield self._step(0, commands[0], commands[0], None)
        for index, (current, place) in self._seen.issued.items():
            yield self._step(index, commands[index] if index < len(commands) else None, current, place)

    def _step(self, index: int, recorded: RawMessage | None, current: RawMessage, place: Spot | None) -> ReplayedStep:
        try:
            message: Any = journals.decode(current.type, current.payload)
        except ProtocolViolationError as error:
            return ReplayedStep(index, str(error), place, str(error), str(error))
        shown = command_line(current.type, current.payload, self._codecs)
        completion = getattr(message, "result_completion_id", 0)
        self._asked[completion] = index
        return ReplayedStep(
            index,
            title_of(current.type, message),
            place,
            None if recorded is None else self._as_recorded(recorded, current, shown),
            shown,
            None if self._is_wrong(index) else self._result(completion, current.type, message),
        )

    def _is_wrong(self, index: int) -> bool:
        """Whether it is the command that does not fit: results belong to the recorded one."""
        return self._seen.mismatch is not None and index >= self._seen.mismatch.number

    def _as_recorded(self, recorded: RawMessage, current: RawMessage, shown: str) -> str:
        return shown if recorded == current else command_line(recorded.type, recorded.payload, self._codecs)

    def _result(self, completion: int, type_: int, message: Any) -> str | None:
        found = self._results.get(completion)
        if found is None or not completion:
            return None
        if found.failure is not None:
            return f"[{found.failure.code}] {found.failure.message}"
        if found.state_keys is not None:
            return ", ".join(found.state_keys)
        return text_of(found.value or b"", self._codecs.received(type_, message))

    def _output(self) -> str | None:
        last = max(self._seen.issued, default=0)
        command = self._seen.issued.get(last)
        if command is None or command[0].type != MessageType.OUTPUT_COMMAND:
            return None
        message: Any = journals.decode(*command[0])
        if message.WhichOneof("result") == "failure":
            return f"[{message.failure.code}] {message.failure.message}"
        return text_of(message.value.content, self._attempt.handler.output.codec)

    # ------------------------------------------------------------ what it waits for

    def _awaited(self) -> Iterator[Awaited]:
        for id_, label in self._seen.awaited:
            yield Awaited(label, _shown_id(id_), self._asked.get(id_) if type(id_) is int else None)


def _awaited(attempt: Attempt) -> Iterator[tuple[NotificationId, str]]:
    for id_, waiter in attempt.results.pending():
        if waiter.is_awaited:
            yield id_, str(getattr(waiter, "label", "") or "sleep")


def _results(recorded: RecordedJournal) -> Iterator[tuple[int, Notification]]:
    for entry in recorded.entries:
        if is_notification(entry.type):
            found = notifications.parse(entry.type, entry.payload)
            if type(found.id) is int and found.invocation_id is None:
                yield found.id, found


def _shown_id(id_: NotificationId) -> str:
    if isinstance(id_, str):
        return f"signal {id_!r}"
    return f"signal {int(id_)}" if isinstance(id_, SignalIndex) else f"completion {id_}"


def _all_waiting(attempt: Attempt) -> Iterator[WaitingFrame]:
    """The user's frames of every task that waits, outermost first, in the order in which the tasks were made."""
    for task in attempt.loop.tasks:
        if not task.done():
            yield from _waiting(task)


def _waiting(task: asyncio.Task[Any]) -> Iterator[WaitingFrame]:
    """The user's frames of a task, outermost first."""
    coroutine: Any = task.get_coro()
    while isinstance(coroutine, CoroutineType):
        frame: FrameType | None = coroutine.cr_frame
        if frame is not None and is_own_file(frame.f_code.co_filename):
            yield _frame(task.get_name(), frame)
        coroutine = coroutine.cr_await


def _calling() -> Iterator[WaitingFrame]:
    """The user's frames that lead to the current call, outermost first."""
    task = asyncio.current_task()
    outermost = getattr(task.get_coro(), "cr_frame", None) if task is not None else None
    frames: list[FrameType] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        frames.append(frame)
        frame = None if frame is outermost else frame.f_back
    for each in reversed(frames):
        if is_own_file(each.f_code.co_filename):
            yield _frame("" if task is None else task.get_name(), each)


def _raised(error: BaseException) -> Iterator[WaitingFrame]:
    """The user's frames of a traceback, outermost first."""
    trace = error.__traceback__
    while trace is not None:
        if is_own_file(trace.tb_frame.f_code.co_filename):
            yield _frame("", trace.tb_frame, trace.tb_lasti)
        trace = trace.tb_next


class _Repr(reprlib.Repr):
    """Short enough for a line, long enough to be of use."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 200
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = 20
        self.maxlevel = 4


_REPR: Final = _Repr()


def _frame(task: str, frame: FrameType, at: int | None = None) -> WaitingFrame:
    variables = {name: _value(value) for name, value in frame.f_locals.items() if name != "__class__"}  # of ``super()``
    return WaitingFrame(task, Spot(frame.f_code, frame.f_lasti if at is None else at), variables)


def _value(value: Any) -> str:
    try:
        return _REPR.repr(value)
    except Exception as error:  # of a class of the user's
        return f"(no text: its __repr__ raised {type(error).__name__})"
