"""One attempt as a story: its bytes, in both directions, become lines for the log of ``dev``.

Told where the handler runs, from the bytes between engine and handler, so the log is the same on every engine. What
the engine had stored before this attempt comes first and is dimmed: those steps are not done again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from restate_reflect.codecs import Codec
from restate_reflect.dev import words
from restate_reflect.durable.attempt import Attempt
from restate_reflect.engine import journal, notifications
from restate_reflect.engine.notifications import FIRST_USER_SIGNAL, Notification, SignalIndex
from restate_reflect.errors import TerminalError
from restate_reflect.protocol import _pb2 as pb
from restate_reflect.protocol.framing import is_command
from restate_reflect.protocol.messages import MessageType

__all__ = ["Story", "Tell"]

Tell = Callable[[str, str, float | None], None]
"""Style, text and milliseconds of one line."""

_SLOW: Final = 0.3
"""Seconds after which a step that is not done is told of; quicker ones get one line, when they are done."""

_REPLAYED: Final = 20
"""Replayed steps that are shown; of more, the last ones."""


@dataclass(slots=True)
class _Step:
    text: str
    started: float
    result: str | None = None
    is_run: bool = False
    """Whether it is executed here, and again if its result was never stored."""
    timer: asyncio.TimerHandle | None = field(default=None, repr=False)


class Story:
    """Gets the messages of one attempt in order."""

    def __init__(self, attempt: Attempt, tell: Tell) -> None:
        self._attempt = attempt
        self.id, self.key = "", ""
        self._tell = tell
        self._loop = attempt.environment.loop
        self._began = self._loop.time()
        self._known = 0
        """Stored messages that are still to come; all others are news."""
        self._before: list[_Step] = []
        self._open: dict[int, _Step] = {}
        self._proposed: dict[int, Notification] = {}
        self._waits: dict[str, None] = {}
        self._input: Codec[Any] | None = attempt.handler.input.codec
        self._output: Codec[Any] | None = attempt.handler.output.codec
        self._body = b""
        self._is_retry = False
        self._is_suspending = False

    # ------------------------------------------------------------ from the engine

    def received(self, kind: int, payload: bytes) -> None:
        """A message of the request."""
        if kind == MessageType.START:
            start = pb.StartMessage.FromString(payload)
            self.id, self.key = start.debug_id, start.key
            self._known = start.known_entries
            self._is_retry = start.retry_count_since_last_stored_entry > 0
            return
        replayed, self._known = self._known > 0, max(self._known - 1, 0)
        if kind == MessageType.PROPOSE_RUN_COMPLETION_ACK:
            identifier = pb.ProposeRunCompletionAckMessage.FromString(payload).completion_id
            self._done(self._proposed.pop(identifier, Notification(identifier)), replayed=False)
        elif kind == MessageType.INPUT_COMMAND:
            self._body = pb.InputCommandMessage.FromString(payload).value.content
        elif is_command(kind):
            self._begun(kind, payload, replayed)
        elif kind > MessageType.GET_LAZY_STATE_COMMAND:
            self._done(notifications.parse(kind, payload), replayed)
        if replayed and not self._known:
            self._open_story()

    def _open_story(self) -> None:
        """Everything that was stored is here."""
        begins = "tries again" if self._is_retry else "goes on" if self._before else "begins"
        style = "again" if self._is_retry else "begin"
        body = f" with {words.text_of(self._body, self._input)}" if self._body and not self._before else ""
        replayed = f": {'; '.join(_stored(self._before))}" if self._before else ""
        self._tell(style, f"{begins}{body}{replayed}", None)
        if len(self._before) > _REPLAYED:
            self._tell("replay", f"… {len(self._before) - _REPLAYED} steps before these", None)
        for step in self._before[-_REPLAYED:]:
            self._tell("replay", f"{step.text}{step.result if step.result is not None else ' …'}", None)

    # ------------------------------------------------------------ from the handler

    def sent(self, kind: int, payload: bytes) -> None:
        """A message of the response."""
        if kind == MessageType.OUTPUT_COMMAND:
            self._answered(pb.OutputCommandMessage.FromString(payload))
        elif is_command(kind):
            self._begun(kind, payload, replayed=False)
        elif kind == MessageType.PROPOSE_RUN_COMPLETION:
            self._propose(pb.ProposeRunCompletionMessage.FromString(payload))
        elif kind == MessageType.AWAITING_ON:
            self._awaits(pb.AwaitingOnMessage.FromString(payload).awaiting_on)
        elif kind == MessageType.SUSPENSION:
            self._suspended(pb.SuspensionMessage.FromString(payload))

    def _propose(self, message: pb.ProposeRunCompletionMessage) -> None:
        failure = message.failure
        error = TerminalError(failure.message, failure.code) if message.WhichOneof("result") == "failure" else None
        identifier = message.result_completion_id
        self._proposed[identifier] = Notification(identifier, None if error else message.value, error)

    def _answered(self, message: pb.OutputCommandMessage) -> None:
        self.ended()
        milliseconds = (self._loop.time() - self._began) * 1000
        if message.HasField("failure"):
            self._tell("fail", f"ends with failure: {message.failure.message} ({message.failure.code})", milliseconds)
        else:
            self._tell("end", f"returns {words.text_of(message.value.content, self._output)}", milliseconds)

    def _awaits(self, tree: pb.Future) -> None:
        """Awakeables and signals have no command: that one is awaited is all there is to see."""
        for nested in tree.nested_futures:
            self._awaits(nested)
        self._wait_for_signals(tree.waiting_signals, tree.waiting_named_signals)

    def _wait_for_signals(self, numbers: Any, names: Any) -> None:
        awaited = ["awakeable"] * any(number >= FIRST_USER_SIGNAL for number in numbers)
        for text in [*awaited, *(f'signal "{name}"' for name in names)]:
            if text not in self._waits:
                self._waits[text] = None
                self._tell("wait", f"{text} …", None)

    def _suspended(self, message: pb.SuspensionMessage) -> None:
        self._is_suspending = True
        self._awaits(message.awaiting_on)
        self._wait_for_signals(message.waiting_signals, message.waiting_named_signals)
        self._announce_all()
        self._tell("wait", "suspended: uses no memory until that is there", None)
        self.ended()

    # ------------------------------------------------------------ steps

    def _begun(self, kind: int, payload: bytes, replayed: bool) -> None:
        step = _Step(words.step(kind, payload), self._loop.time(), is_run=kind == MessageType.RUN_COMMAND)
        identifier = _completion_id(kind, payload)
        if replayed:
            self._before.append(step)
        if identifier:
            self._open[identifier] = step
            if not replayed:
                step.timer = self._loop.call_later(_SLOW, self._announce, step)
        elif replayed:
            step.result = ""
        else:
            self._tell("step", step.text, None)

    def _done(self, done: Notification, replayed: bool) -> None:
        if not isinstance(done.id, int) or isinstance(done.id, SignalIndex):
            if replayed:
                self._before.append(_Step(words.arrived(done), 0.0, ""))
            else:
                self._tell("step", words.arrived(done), None)
            return
        step = self._open.pop(done.id, None)
        if step is None:
            return  # the id of a callee, which the call itself tells
        step.result = words.outcome(done)
        self._hush(step)
        if not replayed:
            self._tell("step", f"{step.text}{step.result}", (self._loop.time() - step.started) * 1000)

    def _announce(self, step: _Step) -> None:
        step.timer = None
        if not self._attempt.engine.is_closed or self._is_suspending:
            self._tell("wait", f"{step.text} …", None)

    def _announce_all(self) -> None:
        for step in self._open.values():
            if step.timer is not None:
                self._hush(step)
                self._announce(step)

    def _hush(self, step: _Step) -> None:
        if step.timer is not None:
            step.timer.cancel()
            step.timer = None

    def ended(self) -> None:
        """Nothing more will be told of this attempt."""
        for step in self._open.values():
            self._hush(step)


def _stored(steps: list[_Step]) -> list[str]:
    """What becomes of steps that an earlier attempt has stored: a step that failed has no result, and is done again."""
    done = [step for step in steps if step.result is not None]
    again = [step.text for step in steps if step.result is None and step.is_run]
    waiting = len(steps) - len(done) - len(again)
    told = [f"{_count(len(done), 'step')} replayed, not done again"] if done else []
    if again:
        told.append(f"{', '.join(again)} {'is' if len(again) == 1 else 'are'} done again")
    if waiting:
        told.append(f"{_count(waiting, 'step')} still waited for")
    return told


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number > 1 else ''}"


def _completion_id(kind: int, payload: bytes) -> int:
    """Of the notification that will complete a command; 0 if none will."""
    return int(getattr(journal.decode(kind, payload), "result_completion_id", 0))
