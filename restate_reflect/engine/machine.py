"""The journal machine of one attempt: bytes in, bytes out, no sockets, no clocks, no threads.

Theory of operation

1. Whatever a peer sends goes through ``receive``, whatever a handler does through ``record``,
   ``read_*`` or ``propose_run``, whatever it waits for through ``progress``. Each of them is
   guarded: an ``EngineError`` writes one ErrorMessage and closes the machine. Nothing is ever
   written after End, Suspension or Error.
2. While commands are left in ``Replaying``, a handler's command must equal the next recorded
   one. The last recorded command turns the machine to ``Processing``; from there commands are new.
3. Notifications are handed out one at a time, in journal order, and only when the handler can't
   go on without one. On replay the handler therefore sees each of them after the same commands
   as before, and every race ends the same way.
4. A handler that waits, with commands left to replay and no notification left to hand out, is
   not the handler that wrote the journal: that one went on from here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Final, TypeVar

from restate_reflect.engine import journal, notifications
from restate_reflect.engine.awaiting import AwaitNode, to_awaiting_on, to_suspension
from restate_reflect.engine.eager_state import EagerState
from restate_reflect.engine.ending import MAX_ERROR_TEXT, AttemptError, Ending, error_message
from restate_reflect.engine.journal import Command
from restate_reflect.engine.locator import NOWHERE, Locator
from restate_reflect.engine.notifications import Notification, NotificationId, parse, shortened
from restate_reflect.engine.opening import Input, StartInfo, read_input, read_start, read_state
from restate_reflect.engine.recorded import Recorded
from restate_reflect.engine.retries import RetryInfo
from restate_reflect.engine.states import CLOSED, PROCESSING, REPLAYING, WAITING_REPLAY, WAITING_START
from restate_reflect.errors import (
    AttemptClosedError,
    EngineError,
    JournalMismatchError,
    ProtocolViolationError,
    RelatedCommand,
    TerminalError,
    UnsupportedFeatureError,
)
from restate_reflect.protocol import pb, wire
from restate_reflect.protocol.framing import (
    MAX_MESSAGE_BYTES,
    REQUESTED_ACK,
    FrameDecoder,
    RawMessage,
    encode_frame,
    header,
    is_command,
    is_notification,
)
from restate_reflect.protocol.messages import MessageType, parsed
from restate_reflect.protocol.versions import ProtocolVersion

__all__ = ["Engine", "Progress"]

T = TypeVar("T")

_TOLD_PER_ENTRY: Final = 64
"""Bytes of await trees per journal entry; a tree of some 25 results is told at every change."""

_END_FRAME: Final = encode_frame(MessageType.END, b"")

RECORDING: Final[list[Callable[[Engine, int, bytes], None]]] = []
"""Called for each command that a handler issues, with its type and payload, in any engine of the process; for tests and
``replay``, and empty otherwise."""

_NO_NOTIFICATIONS: Final[deque[Notification]] = deque(maxlen=0)
"""Stands while there are none."""

_NO_STATE: Final = EagerState()
"""Stands until the start message comes; nothing is written to it before."""

_NOTHING_RECORDED: Final = Recorded(0)
"""Likewise."""


class Progress(Enum):
    """What has to happen before the handler can go on."""

    NEED_INPUT = "need input"
    """More bytes from the peer, or a run that is executing."""
    NEED_RUN = "need run"
    """The peer has closed its side; only a run that is executing can still change anything."""
    SUSPENDED = "suspended"


class Engine:
    """One attempt of one invocation."""

    __slots__ = (
        "_decoder",
        "_is_v7",
        "_last_awaiting",
        "_last_name",
        "_last_type",
        "_locator",
        "_next_completion",
        "_next_signal",
        "_output",
        "_proposals",
        "_queue",
        "_recorded",
        "_seen",
        "_start",
        "_started",
        "_state",
        "_telling_due",
        "_wrote_command",
        "command_index",
        "eager_state",
        "ending",
        "failure",
        "input_closed",
        "is_closed",
        "version",
    )

    def __init__(
        self,
        version: ProtocolVersion,
        *,
        locator: Locator = NOWHERE,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
    ) -> None:
        self.version = version
        self._is_v7 = version >= 7
        self._state = WAITING_START
        self.eager_state = _NO_STATE
        self.ending: Ending | None = None
        self.failure: AttemptError | None = None
        self.command_index = -1
        self._last_type = -1
        self._last_name: object = ""
        self.input_closed = False
        self.is_closed = False
        """Whether End, Suspension or Error was written; an attribute, as it is asked for often."""
        self._locator = locator
        self._decoder = FrameDecoder(max_message_bytes)
        self._start: pb.StartMessage | None = None
        self._started: StartInfo | None = None
        self._output: list[bytes] = []
        self._queue = _NO_NOTIFICATIONS
        """Those that were not handed out."""
        self._seen: set[NotificationId] | None = None
        """Made with the first notification: many an attempt gets none."""
        self._recorded = _NOTHING_RECORDED
        self._wrote_command = False
        """Whether this attempt has added a command: then the server's retry count, which belongs to the last stored
        entry, says nothing about the run that fails now."""
        self._proposals: dict[int, Notification] = {}
        self._next_completion = 1
        self._next_signal = notifications.FIRST_USER_SIGNAL
        self._last_awaiting: bytes | None = None
        self._telling_due = 0

    # ------------------------------------------------------------ bytes

    def receive(self, data: bytes) -> None:
        """Takes bytes of the request body, chunked in any way. Never raises on what a peer sent."""
        if self.is_closed:
            return
        try:
            for message_type, payload in self._decoder.cut(data):
                self._on_message(message_type, payload)
            if self._decoder.violation is not None:
                raise self._decoder.violation
        except EngineError as error:
            self.fail_with(error)

    def receive_eof(self) -> None:
        """The peer has closed its side. Never raises."""
        self.input_closed = True
        if self.is_closed:
            return
        if not self.is_ready:
            self.fail_with(ProtocolViolationError("the request ended before the whole journal had arrived"))
        elif not self._decoder.is_empty:
            self.fail_with(ProtocolViolationError("the request ended within a message"))

    def take_output(self) -> bytes:
        """Everything written since the last call."""
        output = self._output
        if not output:
            return b""
        self._output = []
        if len(output) == 2:  # one message, as most often
            return output[0] + output[1]
        return b"".join(output)

    # ------------------------------------------------------------ state

    @property
    def is_ready(self) -> bool:
        """Whether the whole journal has arrived and the handler may run."""
        return self._state == PROCESSING or self._state == REPLAYING

    @property
    def is_replaying(self) -> bool:
        return self._state == REPLAYING

    @property
    def has_started(self) -> bool:
        """Whether the start message has arrived."""
        return self._start is not None or self._started is not None

    @property
    def started(self) -> StartInfo:
        """The start message's content; only valid once ``has_started``. Read when first asked for (1.7 µs)."""
        if self._started is None:
            if self._start is None:
                raise ProtocolViolationError("no start message yet")
            self._started = read_start(self._start, self.version)
            self._start = None
        return self._started

    # ------------------------------------------------------------ input from the peer

    def _on_message(self, message_type: int, payload: bytes) -> None:
        if is_notification(message_type):
            self._enqueue(parse(message_type, payload))
        elif message_type == MessageType.START:
            self._on_start(payload)
        elif is_command(message_type):
            self._on_command(message_type, payload)
        elif message_type == MessageType.PROPOSE_RUN_COMPLETION_ACK:
            self._on_run_ack(payload)
        elif message_type != MessageType.COMMAND_ACK:
            raise ProtocolViolationError(f"unexpected message type {message_type:#06x}")

    def _on_start(self, payload: bytes) -> None:
        if self._state != WAITING_START:
            raise ProtocolViolationError("a second start message")
        start = self._start = parsed(pb.StartMessage, payload)
        if start.known_entries == 0:
            raise ProtocolViolationError("the start message announces an empty journal; the input is always there")
        self.eager_state = EagerState(read_state(start), start.partial_state)
        self._recorded = Recorded(start.known_entries)
        self._state = WAITING_REPLAY

    def _on_command(self, message_type: int, payload: bytes) -> None:
        if self._state != WAITING_REPLAY:
            raise ProtocolViolationError(f"a command (type {message_type:#06x}) outside of the replay")
        self._recorded.add(message_type, payload)
        self._count_entry()

    def _count_entry(self) -> None:
        if self._recorded.count_entry():
            self._state = REPLAYING

    def _on_run_ack(self, payload: bytes) -> None:
        completion_id = wire.read_run_ack(payload)
        if completion_id is None:
            completion_id = parsed(pb.ProposeRunCompletionAckMessage, payload).completion_id
        proposed = self._proposals.pop(completion_id, None)
        if proposed is None:
            raise ProtocolViolationError(
                f"an ack for run completion {completion_id}, which this attempt did not propose"
            )
        self._enqueue(proposed)

    def _enqueue(self, notification: Notification) -> None:
        if self._state == WAITING_START:
            raise ProtocolViolationError("a notification before the start message")
        if self._seen is None:
            self._seen = set()
        if self._queue is _NO_NOTIFICATIONS:
            self._queue = deque()
        self._queue.append(notification)
        self._seen.add(notification.id)
        if self._state == WAITING_REPLAY:
            self._count_entry()

    # ------------------------------------------------------------ commands of the handler

    def next_completion_id(self, count: int = 1) -> int:
        """The id under which a command's result will arrive; the first of ``count`` in a row."""
        completion_id = self._next_completion
        self._next_completion = completion_id + count
        return completion_id

    def next_signal_index(self) -> int:
        """The index for a new awakeable."""
        index = self._next_signal
        self._next_signal = index + 1
        return index

    def record(self, message_type: int, payload: bytes, name: object = "") -> None:
        """Writes the command, or accepts it as the recorded one. ``name`` is shown by ``str``, in errors only.

        Raises:
            AttemptClosedError: The attempt has ended.
            JournalMismatchError: The journal has another command here.
        """
        self.command_index += 1
        self._last_type, self._last_name = message_type, name
        if RECORDING:
            self._tell_recording(message_type, payload)
        if self._state == PROCESSING:
            self._wrote_command = True
            self._output.append(header(message_type, 0, len(payload)))
            self._output.append(payload)
            return
        try:
            recorded = self._next_recorded()
            if recorded[0] != message_type or recorded[1] != payload:  # the server stores a command as it got it
                self._compare(RawMessage(*recorded), Command(MessageType(message_type), payload, name))
            self._recorded.note(self.command_index, message_type, payload, self._locator)
        except EngineError as error:
            self.fail_with(error)
            raise

    def _tell_recording(self, message_type: int, payload: bytes) -> None:
        for told in RECORDING:
            told(self, message_type, payload)

    def require(self, supported: bool, feature: str, since: ProtocolVersion) -> None:
        """Ends the attempt if the negotiated version lacks a feature.

        Raises:
            UnsupportedFeatureError: It does.
        """
        if supported:
            return
        error = UnsupportedFeatureError(
            f"{feature} needs service protocol V{since.value}, but this invocation runs on V{self.version.value}"
            f" ({self._locator.locate()}). Enable V{since.value} on the server, or do without."
        )
        self.fail_with(error)
        raise error

    # ------------------------------------------------------------ the recorded journal

    def _next_recorded(self) -> tuple[int, bytes]:
        if self._state != REPLAYING:
            raise AttemptClosedError("this attempt has ended; its context can't be used any more")
        recorded = self._recorded.take()
        if self._recorded.is_over:
            self._state = PROCESSING
        return recorded

    def read_input(self) -> Input:
        """The input; the first thing to read, before the handler starts."""
        self.command_index += 1
        try:
            message_type, payload = self._next_recorded()
            if message_type != MessageType.INPUT_COMMAND:
                raise ProtocolViolationError(f"the journal starts with type {message_type:#06x}, not with the input")
            return read_input(payload)
        except EngineError as error:
            self.fail_with(error)
            raise

    def peek_recorded(self) -> RawMessage | None:
        """The next recorded command while replaying.

        State reads need it: whether one was answered eagerly is decided by the attempt that
        made it, and recorded in the command itself.
        """
        if self._state != REPLAYING:
            return None
        return self._recorded.peek()

    def read_recorded(self, recorded: RawMessage, read: Callable[[RawMessage], T]) -> T:
        """Reads into a recorded command.

        Raises:
            ProtocolViolationError: It is malformed; the attempt has ended with that.
        """
        try:
            return read(recorded)
        except EngineError as error:
            self.fail_with(error)
            raise

    def _compare(self, recorded: RawMessage, current: Command) -> None:
        if not journal.fits(recorded, current):
            why = "the code no longer does what this invocation's journal recorded."
            raise self._mismatch(self.command_index, why, recorded, current)

    def _unasked(self, completion_id: int) -> EngineError:
        if self._state != REPLAYING:
            return ProtocolViolationError(f"a result for completion {completion_id}, which no command has asked for")
        return self._astray(
            f"the next result in the journal (completion {completion_id}) belongs to a step that the code has not"
            " reached.",
            journal.AWAIT,
        )

    def _astray(self, why: str, doing: str) -> JournalMismatchError:
        """For a handler that issues no command, though the next one is recorded. ``doing``: what it does instead."""
        recorded = RawMessage(*self._recorded.take())
        return self._mismatch(self.command_index + 1, why, recorded, doing)

    def _mismatch(self, number: int, why: str, recorded: RawMessage, current: Command | str) -> JournalMismatchError:
        found = self._recorded.mismatch(number, why, recorded, current, self._locator.locate())
        return JournalMismatchError(self._locator.explain(found), related=self.related)

    # ------------------------------------------------------------ notifications

    def next_notification(self) -> Notification | None:
        """Takes the oldest notification that was not handed out yet.

        Results are handed out only when the handler waits, in journal order. One that comes before its command is a
        result which the code that wrote the journal asked for earlier: an await was moved, or a command was left out.

        Raises:
            JournalMismatchError: Such a one, while replaying.
            ProtocolViolationError: Such a one, later; the peer made it up.
        """
        queue = self._queue
        if not queue:
            return None
        notification = queue.popleft()
        if not queue:
            self._queue = _NO_NOTIFICATIONS  # many an attempt waits for long, and an empty deque has 600 bytes
        if type(notification.id) is int and notification.id >= self._next_completion:
            error = self._unasked(notification.id)
            self.fail_with(error)
            raise error
        return notification

    def take_notification(self, completion_id: int) -> Notification | None:
        """Takes one completion out of its turn (invocation ids, while cancelling)."""
        for notification in self._queue:
            if notification.id == completion_id:
                self._queue.remove(notification)
                return notification
        return None

    def has_result(self, completion_id: int) -> bool:
        """Whether the journal has this completion already, handed out or not.

        Decides whether a run still has to be executed: while replaying, every recorded
        completion has arrived before the handler starts.
        """
        return self._seen is not None and completion_id in self._seen

    # ------------------------------------------------------------ runs

    def propose_run(self, completion_id: int, result: bytes | TerminalError) -> None:
        """Offers the result of a run to the journal; it counts once the server confirms it."""
        if isinstance(result, TerminalError):
            self.require_metadata(result)
            failure = notifications.to_failure(result)
            message = pb.ProposeRunCompletionMessage(result_completion_id=completion_id, failure=failure)
            payload = message.SerializeToString()
        else:
            payload = wire.run_proposal(completion_id, result)
        flags = 0
        if self._is_v7:
            flags = REQUESTED_ACK
            self._proposals[completion_id] = _own_result(completion_id, result)
        self._output.append(header(MessageType.PROPOSE_RUN_COMPLETION, flags, len(payload)))
        self._output.append(payload)

    def run_retry_info(self, duration: float) -> RetryInfo:
        """How often the failing run was tried. ``duration`` is that of this try, in seconds.

        The server counts attempts since the last stored entry, so its count belongs to this run
        only if this attempt has stored nothing yet.
        """
        if self._state == PROCESSING and not self._wrote_command:
            return RetryInfo(self.started.retry_count + 1, self.started.retry_duration + duration)
        return RetryInfo(1, duration)

    def require_metadata(self, error: TerminalError) -> None:
        """Ends the attempt if the error has metadata and the protocol can't carry it."""
        self.require(
            not error.metadata or self.version.has_failure_metadata, "metadata of a TerminalError", ProtocolVersion.V6
        )

    # ------------------------------------------------------------ waiting and ending

    def progress(self, build_tree: Callable[[], AwaitNode], executing: bool) -> Progress:
        """Called when the handler waits and no notification is left.

        Args:
            build_tree: Makes the await tree; called only if it is sent.
            executing: Whether a run is being executed.

        Raises:
            JournalMismatchError: There are commands left to replay: the code was changed.
        """
        if self._state == REPLAYING:
            error = self._astray(  # see rule 4 of the module's docstring
                "the code waits for a result that this invocation's journal does not have, though the journal goes on.",
                journal.AWAIT,
            )
            self.fail_with(error)
            raise error
        if not self.input_closed:
            if self._is_v7 and not executing and self._entries >= self._telling_due:
                self._tell_awaiting(build_tree())
            return Progress.NEED_INPUT
        if executing:
            return Progress.NEED_RUN
        self._suspend(build_tree())
        return Progress.SUSPENDED

    @property
    def _entries(self) -> int:
        """Commands and notifications so far."""
        return self.command_index + len(self._seen or ())

    def _tell_awaiting(self, tree: AwaitNode) -> None:
        """Tells what is awaited; the server only shows it, so a large tree is told once in so many entries.

        Told at each change, a fan-out of n results costs n²: 13.6 s and 4 MB for 2000 that come one by one, and this
        way 0.24 s and 0.13 MB.
        """
        payload = to_awaiting_on(tree)
        self._telling_due = self._entries + len(payload) // _TOLD_PER_ENTRY
        if payload != self._last_awaiting:
            self._last_awaiting = payload
            self._output.append(encode_frame(MessageType.AWAITING_ON, payload))

    def _suspend(self, tree: AwaitNode) -> None:
        message = to_suspension(tree, tree=self.version.has_await_tree)
        self._write(MessageType.SUSPENSION, message)
        self._close(Ending.SUSPENDED)

    def end(self) -> None:
        """The invocation is complete; its output was recorded."""
        if self._state == REPLAYING:
            self.fail_with(self._astray("the handler ended, but its journal goes on.", journal.END))
            return
        if not self.is_closed:
            self._output.append(_END_FRAME)
            self._close(Ending.COMPLETED)

    def fail_with(self, error: EngineError) -> None:
        """Writes the error and closes; ignored if already closed."""
        bug = isinstance(error, JournalMismatchError)
        self.fail(AttemptError(error.code, error.message, related=error.related or self.related, bug=bug))

    def fail(self, error: AttemptError) -> None:
        """Writes the error and closes; ignored if already closed."""
        if self.is_closed:
            return
        if len(error.message) > MAX_ERROR_TEXT:
            error = error._replace(message=shortened(error.message, MAX_ERROR_TEXT))
        self.failure = error
        self._write(MessageType.ERROR, error_message(self._locator.disclosed(error), self.version))
        self._close(Ending.FAILED)

    @property
    def related(self) -> RelatedCommand | None:
        """The command that the handler issued last, for errors."""
        if self._last_type < 0:
            return None
        return RelatedCommand(self.command_index, MessageType(self._last_type), str(self._last_name) or None)

    def _close(self, ending: Ending) -> None:
        self.ending = ending
        self._state = CLOSED
        self.is_closed = True
        # The owner: a cycle with it, which would be left to the garbage collector.
        self._locator = NOWHERE
        self._queue.clear()
        self._proposals.clear()

    def _write(self, message_type: MessageType, message: pb.Message) -> None:
        self._output.append(encode_frame(message_type, message.SerializeToString()))


def _own_result(completion_id: int, result: bytes | TerminalError) -> Notification:
    """As the journal will give it back: no subclass of TerminalError, which the next attempt would not see."""
    if isinstance(result, TerminalError):
        return Notification(completion_id, failure=notifications.to_error(notifications.to_failure(result)))
    return Notification(completion_id, result)
