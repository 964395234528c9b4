"""The server's side of attempts: which run, what they say, what they are told.

Two phases, as the kernel demands: ``read`` hands what attempts have said to the kernel, within a
transaction; ``flush`` acts after the commit: it stops, tells and starts attempts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Final, Protocol

from google.protobuf.message import DecodeError

from restate_reflect.embedded.attempts.attempt import ServerAttempt
from restate_reflect.embedded.attempts.frames import Frame
from restate_reflect.embedded.attempts.starting import request_headers, start_message
from restate_reflect.embedded.deployments.catalog import Registration
from restate_reflect.embedded.durations import format_duration
from restate_reflect.embedded.kernel import commands, lifecycle, operating
from restate_reflect.embedded.kernel.awaiting import from_suspension, is_empty
from restate_reflect.embedded.kernel.commands import CommandRefused
from restate_reflect.embedded.kernel.journal import Entry
from restate_reflect.embedded.kernel.kernel import Kernel
from restate_reflect.embedded.kernel.records import Failure, Invocation, Status
from restate_reflect.embedded.kernel.retrying import AttemptFailure, fail, handler_info
from restate_reflect.embedded.kernel.timers import TimerKind
from restate_reflect.errors import ProtocolViolationError
from restate_reflect.protocol import _pb2 as pb
from restate_reflect.protocol.framing import REQUESTED_ACK, encode_frame, is_command
from restate_reflect.protocol.messages import MessageType
from restate_reflect.protocol.versions import ProtocolVersion

__all__ = ["AttemptEnd", "Attempts", "Observer"]


_TIME_TO_END: Final = 5000
"""Milliseconds for an attempt that is given up, as on the server."""


class AttemptEnd(Enum):
    """How an attempt ended."""

    COMPLETED = "completed"
    SUSPENDED = "suspended"
    FAILED = "failed"
    STOPPED = "stopped"
    """By kill, pause, or a crash that was asked for."""


class Observer(Protocol):
    """Who watches attempts come and go; must not raise."""

    def attempt_started(self, invocation: Invocation, version: ProtocolVersion) -> None:
        """Journal and state are about to be sent."""
        ...

    def attempt_ended(self, invocation: Invocation, end: AttemptEnd, failure: Failure | None) -> None:
        """Called within the transaction that records it."""
        ...


class Attempts:
    """All attempts in progress; the kernel's ``Executor``."""

    def __init__(self, activity: Callable[[], None]) -> None:
        """``activity`` is called when an attempt has said something."""
        self.running: dict[str, ServerAttempt] = {}
        self.observer: Observer | None = None
        self.is_patient: Callable[[], bool] = _never
        """Whether no attempt is timed out now, as somebody debugs one."""
        self.kernel: Kernel
        """Set by the runtime, as each of the two needs the other."""
        self._activity = activity
        self._spoken: deque[ServerAttempt] = deque()
        self._to_start: dict[str, Invocation] = {}
        self._unserved: dict[str, Invocation] = {}
        self._to_abort: list[ServerAttempt] = []
        self._to_write: dict[ServerAttempt, None] = {}
        self._finished: list[Invocation] = []

    # ------------------------------------------------------------ from the kernel

    def start(self, invocation: Invocation) -> None:
        self._to_start[invocation.id] = invocation

    def stop(self, invocation: Invocation) -> None:
        self._to_start.pop(invocation.id, None)
        self._unserved.pop(invocation.id, None)
        attempt = self.running.pop(invocation.id, None)
        if attempt is not None:
            self._let_go(attempt, AttemptEnd.STOPPED)
            self._to_abort.append(attempt)

    def pause(self, invocation: Invocation) -> bool:
        attempt = self.running.get(invocation.id)
        if attempt is None:
            return False
        attempt.pausing = True
        self._close_soon(attempt)
        return True

    def forward(self, invocation: Invocation, entry: Entry) -> None:
        attempt = self.running.get(invocation.id)
        if attempt is not None and not attempt.input_closed:
            attempt.active_at = self.kernel.now()
            self._tell(attempt, entry.frame)

    def finished(self, invocation: Invocation) -> None:
        self._finished.append(invocation)

    def crash(self, invocation: Invocation) -> None:
        attempt = self.running.get(invocation.id)
        if attempt is None:
            return
        self.stop(invocation)
        if attempt.pausing:
            operating.park(self.kernel, invocation)
        else:
            self.start(invocation)

    # ------------------------------------------------------------ what attempts say

    def spoke(self, attempt: ServerAttempt) -> None:
        """An attempt has said something, or its exchange has ended."""
        self._spoken.append(attempt)
        self._activity()

    def read(self) -> None:
        """Hands everything said to the kernel."""
        while self._spoken:
            attempt = self._spoken.popleft()
            if not attempt.is_over:
                self._read(attempt)

    def _read(self, attempt: ServerAttempt) -> None:
        if attempt.given_up is not None:
            if attempt.has_ended:
                self._fail(attempt, AttemptFailure(attempt.given_up))
            return
        attempt.active_at = self.kernel.now()
        try:
            for frame in attempt.take_frames():
                self._on_frame(attempt, frame)
                if attempt.is_over:
                    return
        except CommandRefused as error:
            self._give_up(attempt, Failure(500, str(error), doc_code=error.doc_code))
        except ProtocolViolationError as error:
            self._fail(attempt, AttemptFailure(Failure(500, str(error))))
        except DecodeError as error:
            self._fail(attempt, AttemptFailure(Failure(571, f"malformed message: {error}")))
        else:
            if attempt.has_ended:
                self._fail(attempt, AttemptFailure(attempt.why_ended()))

    def _on_frame(self, attempt: ServerAttempt, frame: Frame) -> None:
        invocation = attempt.invocation
        if is_command(frame.type):
            self._pin(attempt)
            commands.apply(self.kernel, invocation, frame.type, frame.payload)
            if frame.type == MessageType.OUTPUT_COMMAND:
                attempt.output = frame.payload
            if frame.flags & REQUESTED_ACK:
                ack = pb.CommandAckMessage(command_index=invocation.commands - 1)
                self._tell(attempt, encode_frame(MessageType.COMMAND_ACK, ack.SerializeToString()))
            return
        if frame.type == MessageType.PROPOSE_RUN_COMPLETION:
            self._pin(attempt)
            self._on_run(attempt, frame.payload, frame.flags)
        elif frame.type == MessageType.AWAITING_ON:
            pass  # restate-server shows it; here nobody asks
        else:
            self._on_last(attempt, frame)

    def _on_last(self, attempt: ServerAttempt, frame: Frame) -> None:
        """A message that ends the attempt, or one that must not come."""
        match frame.type:
            case MessageType.SUSPENSION:
                self._on_suspension(attempt, pb.SuspensionMessage.FromString(frame.payload))
            case MessageType.END:
                self._on_end(attempt)
            case MessageType.ERROR:
                self._fail(attempt, AttemptFailure.read(pb.ErrorMessage.FromString(frame.payload)))
            case _:
                raise ProtocolViolationError(f"a deployment must not send messages of type {frame.type:#06x}")

    def _pin(self, attempt: ServerAttempt) -> None:
        """From the first stored entry on, the invocation belongs to this deployment and protocol version."""
        invocation = attempt.invocation
        if invocation.deployment != attempt.deployment or invocation.protocol is None:
            invocation.deployment, invocation.protocol = attempt.deployment, int(attempt.version)

    def _on_run(self, attempt: ServerAttempt, payload: bytes, flags: int) -> None:
        completion_id, done = commands.propose_run(self.kernel, attempt.invocation, payload)
        if attempt.input_closed:
            return
        if attempt.version.has_run_acks and flags & REQUESTED_ACK:
            ack = pb.ProposeRunCompletionAckMessage(completion_id=completion_id)
            self._tell(attempt, encode_frame(MessageType.PROPOSE_RUN_COMPLETION_ACK, ack.SerializeToString()))
        else:
            self._tell(attempt, done.frame)

    def _on_suspension(self, attempt: ServerAttempt, message: pb.SuspensionMessage) -> None:
        if is_empty(from_suspension(message)):
            raise ProtocolViolationError("a suspension that waits for nothing")
        self._close(attempt, AttemptEnd.SUSPENDED)
        if attempt.pausing:
            operating.park(self.kernel, attempt.invocation)
        else:
            lifecycle.suspend(self.kernel, attempt.invocation, message)

    def _on_end(self, attempt: ServerAttempt) -> None:
        output = lifecycle.output_of(self.kernel, attempt.invocation, attempt.output)
        if output is None:
            raise ProtocolViolationError("the attempt has ended without output")
        self._close(attempt, AttemptEnd.COMPLETED)
        lifecycle.complete(self.kernel, attempt.invocation, output)

    def _fail(self, attempt: ServerAttempt, reason: AttemptFailure) -> None:
        if not attempt.is_over:
            self._close(attempt, AttemptEnd.FAILED, reason.failure)
            fail(self.kernel, attempt.invocation, reason, pausing=attempt.pausing)

    def _close(self, attempt: ServerAttempt, end: AttemptEnd, failure: Failure | None = None) -> None:
        self.running.pop(attempt.invocation.id, None)
        self._let_go(attempt, end, failure)
        self._to_abort.append(attempt)

    def _let_go(self, attempt: ServerAttempt, end: AttemptEnd, failure: Failure | None = None) -> None:
        attempt.is_over = True
        if self.observer is not None:
            self.observer.attempt_ended(attempt.invocation, end, failure)
        self._to_write.pop(attempt, None)
        for kind in (TimerKind.INACTIVITY, TimerKind.ABORT):
            self.kernel.timers.cancel(attempt.invocation.id, kind)

    def _tell(self, attempt: ServerAttempt, frame: bytes) -> None:
        attempt.outbox.append(frame)
        self._to_write[attempt] = None

    # ------------------------------------------------------------ timeouts

    def inactive(self, identifier: str) -> None:
        """The inactivity timer has fired: without news since, the attempt is asked to suspend."""
        attempt = self.running.get(identifier)
        if attempt is None:
            return
        due = self._active_at(attempt) + attempt.inactivity_timeout
        if due > self.kernel.now():
            self.kernel.set_timer(due, TimerKind.INACTIVITY, identifier)
        else:
            self._close_soon(attempt)

    def _close_soon(self, attempt: ServerAttempt) -> None:
        attempt.closing = True
        self._to_write[attempt] = None

    def abandoned(self, identifier: str) -> None:
        """The abort timer has fired: without news since, the attempt is given up."""
        attempt = self.running.get(identifier)
        if attempt is None:
            return
        if attempt.given_up is not None:
            self._fail(attempt, AttemptFailure(attempt.given_up))
            return
        due = self._active_at(attempt) + attempt.abort_timeout
        if due > self.kernel.now():
            self.kernel.set_timer(due, TimerKind.ABORT, identifier)
        else:
            shown = format_duration(attempt.abort_timeout)
            message = f"the invocation stream was closed after the 'abort timeout' ({shown}) fired."
            self._give_up(attempt, Failure(500, message, doc_code="RT0001"))

    def _give_up(self, attempt: ServerAttempt, reason: Failure) -> None:
        """It fails as soon as it has come to its end: a step is not cut off, as on the server, nor executed twice at a
        time."""
        attempt.given_up = reason
        if attempt.has_ended:
            self._fail(attempt, AttemptFailure(reason))
            return
        self._close_soon(attempt)
        self.kernel.set_timer(self.kernel.now() + _TIME_TO_END, TimerKind.ABORT, attempt.invocation.id)

    def _active_at(self, attempt: ServerAttempt) -> int:
        if self.is_patient():
            attempt.active_at = self.kernel.now()
        return attempt.active_at

    # ------------------------------------------------------------ after the commit

    def take_finished(self) -> list[Invocation]:
        """Invocations that were completed since the last call."""
        finished, self._finished = self._finished, []
        return finished

    def served(self, services: list[str]) -> None:
        """These services have a deployment now."""
        for invocation in list(self._unserved.values()):
            if invocation.target.service in services:
                del self._unserved[invocation.id]
                self.start(invocation)

    @property
    def has_spoken(self) -> bool:
        return bool(self._spoken)

    @property
    def is_executing(self) -> bool:
        """Whether an attempt can go on without being told anything."""
        return any(attempt.exchange is not None and attempt.exchange.is_executing for attempt in self.running.values())

    @property
    def will_act(self) -> bool:
        """Whether somebody is about to hear of what has happened: an attempt that goes on or starts, or a caller."""
        return bool(self._to_write or self._to_start or self._finished)

    def flush(self) -> None:
        """Stops, tells and starts attempts."""
        aborting, self._to_abort = self._to_abort, []
        for attempt in aborting:
            attempt.abort()
        writing, self._to_write = self._to_write, {}
        for attempt in writing:
            self._write(attempt)
        limit = self.kernel.settings.max_concurrent_attempts
        while self._to_start and len(self.running) < limit:
            identifier = next(iter(self._to_start))
            self._start(self._to_start.pop(identifier))

    def _write(self, attempt: ServerAttempt) -> None:
        if attempt.is_over:
            return
        attempt.write_outbox()
        if attempt.closing and not attempt.input_closed and not attempt.is_over:
            self._close_input(attempt)

    def _close_input(self, attempt: ServerAttempt) -> None:
        attempt.active_at = self.kernel.now()
        time = attempt.abort_timeout if attempt.given_up is None else _TIME_TO_END
        self.kernel.set_timer(attempt.active_at + time, TimerKind.ABORT, attempt.invocation.id)
        attempt.close_input()

    def _start(self, invocation: Invocation) -> None:
        if invocation.status is not Status.RUNNING or invocation.id in self.running:
            return
        registration = self.kernel.catalog.choose(invocation.target.service, invocation.deployment)
        if registration is None:
            self._unserved[invocation.id] = invocation
            return
        attempt = self._open(invocation, registration)
        attempt.write(start_message(self.kernel, invocation, attempt.version))
        if attempt.closing and not attempt.is_over:
            self._close_input(attempt)

    def _open(self, invocation: Invocation, registration: Registration) -> ServerAttempt:
        info = handler_info(self.kernel, invocation)
        settings = self.kernel.settings
        negotiated = registration.negotiate(settings.max_protocol_version)
        attempt = ServerAttempt(self, invocation, registration.id, negotiated)
        attempt.active_at = self.kernel.now()
        if info is not None:
            attempt.inactivity_timeout, attempt.abort_timeout = info.inactivity_timeout, info.abort_timeout
        transport = registration.transport
        attempt.closing = (
            settings.force_suspension
            or not attempt.inactivity_timeout
            or not transport.is_bidirectional
            or registration.protocol_mode == "REQUEST_RESPONSE"
        )
        self.running[invocation.id] = attempt
        if not attempt.closing:
            due = attempt.active_at + attempt.inactivity_timeout
            self.kernel.set_timer(due, TimerKind.INACTIVITY, invocation.id)
        if self.observer is not None:
            self.observer.attempt_started(invocation, attempt.version)
        target = invocation.target
        path = f"/invoke/{target.service}/{target.handler}"
        attempt.exchange = transport.open(path, request_headers(invocation, attempt.version), attempt)
        return attempt

    def abort_all(self) -> None:
        """The runtime is being closed: nothing is written any more."""
        for attempt in list(self.running.values()):
            self._let_go(attempt, AttemptEnd.STOPPED)
            attempt.abort()
        self.running.clear()
        self._to_start.clear()

    def let_go(self) -> None:
        """Nobody is told anything any more."""
        self.observer = None
        self._activity = _nobody


def _never() -> bool:
    return False


def _nobody() -> None:
    """Stands for the driver of attempts that is closed."""
