"""From request to result: submit, begin, suspend, complete, keep what is to be kept.

Plain functions over the kernel; each of them is one thing that an invocation comes to by itself. What is done to it
from outside is in ``operating``.
"""

from __future__ import annotations

from dataclasses import dataclass

from restate_reflect.embedded import ids
from restate_reflect.embedded.deployments.catalog import Retention
from restate_reflect.embedded.kernel import awaiting
from restate_reflect.embedded.kernel.journal import Entry, completion, notification_key
from restate_reflect.embedded.kernel.kernel import Kernel
from restate_reflect.embedded.kernel.records import Failure, Invocation, Listener, Status, Target
from restate_reflect.embedded.kernel.timers import TimerKind
from restate_reflect.protocol import _pb2 as pb
from restate_reflect.protocol.framing import is_notification
from restate_reflect.protocol.messages import MessageType

__all__ = [
    "ALREADY_INVOKED",
    "Request",
    "Submission",
    "begin",
    "complete",
    "drop_journal",
    "invocation_id_for",
    "listen",
    "output_of",
    "submit",
    "suspend",
    "tell",
]

ALREADY_INVOKED = Failure(409, "the workflow method was already invoked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request for an invocation."""

    target: Target
    body: bytes
    retention: Retention
    headers: tuple[tuple[str, str], ...] = ()
    idempotency_key: str | None = None
    limit_key: str | None = None
    execution_time: int | None = None
    """Milliseconds since the epoch; ``None``: now."""
    parent: str | None = None
    listener: Listener | None = None
    """Who waits for the result, if it is an invocation."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What became of a request."""

    invocation: Invocation
    is_new: bool


def invocation_id_for(kernel: Kernel, request: Request) -> str:
    """The id that a request gets: that of the invocation it repeats, or a new one."""
    target = request.target
    if target.is_workflow_run and target.key is not None:
        return ids.workflow_id(target.service, target.key, target.scope)
    if request.idempotency_key is not None:
        return ids.idempotent_id(target.service, target.key, target.handler, request.idempotency_key, target.scope)
    return ids.unique_id(kernel.seed, kernel.next_serial(), target.place)


def submit(kernel: Kernel, request: Request, identifier: str | None = None) -> Submission:
    """Begins an invocation: deduplicate, schedule, queue for the key, run."""
    identifier = identifier or invocation_id_for(kernel, request)
    known = kernel.find(identifier) if _may_repeat(request) else None
    if known is not None:
        _answer_repeated(kernel, known, request)
        return Submission(known, False)
    invocation = _create(kernel, identifier, request)
    if request.execution_time is not None:
        invocation.status = Status.SCHEDULED
        kernel.set_timer(request.execution_time, TimerKind.INVOKE, identifier)
    else:
        begin(kernel, invocation)
    return Submission(invocation, True)


def _may_repeat(request: Request) -> bool:
    """Whether its id says what was asked for; ids of all others are new."""
    return request.idempotency_key is not None or request.target.is_workflow_run


def _create(kernel: Kernel, identifier: str, request: Request) -> Invocation:
    given = _input(request)  # may refuse a header; then nothing has changed
    now = kernel.now()
    invocation = Invocation(
        id=identifier,
        serial=kernel.next_serial(),
        target=request.target,
        created_at=now,
        completion_retention=request.retention.completion,
        journal_retention=request.retention.journal,
        parent=request.parent,
        execution_time=request.execution_time,
        idempotency_key=request.idempotency_key,
        limit_key=request.limit_key,
        modified_at=now,
    )
    if request.listener is not None:
        invocation.listeners.append(request.listener)
    kernel.live[identifier] = invocation
    kernel.append(invocation, MessageType.INPUT_COMMAND, given)
    return invocation


def _input(request: Request) -> bytes:
    message = pb.InputCommandMessage(value=pb.Value(content=request.body))
    for name, value in request.headers:
        message.headers.add(key=name, value=value)
    return message.SerializeToString()


def _answer_repeated(kernel: Kernel, known: Invocation, request: Request) -> None:
    listener = request.listener
    if listener is None:
        return
    if request.target.is_workflow_run:
        tell(kernel, listener, ALREADY_INVOKED)
    else:
        listen(kernel, known, listener)


def begin(kernel: Kernel, invocation: Invocation) -> None:
    """Runs it, or queues it for its key."""
    keyed = invocation.target.keyed
    if invocation.target.is_exclusive and keyed and not kernel.keys.acquire(keyed, invocation.id):
        if invocation.status is Status.SCHEDULED:
            # The queue is rebuilt in the order of serials: it counts from now on, not from its creation.
            invocation.serial = kernel.next_serial()
        invocation.status = Status.INBOXED
        invocation.inboxed_at = kernel.now()
        kernel.touch(invocation)
        return
    kernel.run(invocation)


# ---------------------------------------------------------------- results


def listen(kernel: Kernel, invocation: Invocation, listener: Listener) -> None:
    """Tells the listener the result, now or later."""
    if invocation.status is Status.COMPLETED:
        tell(kernel, listener, invocation.failure or invocation.value or b"")
    elif listener not in invocation.listeners:
        invocation.listeners.append(listener)
        kernel.touch(invocation)


def tell(kernel: Kernel, listener: Listener, result: bytes | Failure | None) -> None:
    """Completes the command with which the listener waits."""
    message = completion(listener.completion_id, result)
    kernel.notify_id(listener.invocation, MessageType(listener.message_type), message)


def suspend(kernel: Kernel, invocation: Invocation, message: pb.SuspensionMessage) -> None:
    """The attempt has ended, waiting; if what it waits for has arrived meanwhile, the next one starts."""
    tree = awaiting.from_suspension(message)
    arrived: dict[object, bool] = {}
    for entry in kernel.store.journal(invocation.id):
        if is_notification(entry.type):
            notification = pb.Notification.FromString(entry.payload)
            arrived[notification_key(notification)] = awaiting.result_of(notification)
    if awaiting.resolve(tree, arrived.get):
        invocation.status = Status.SUSPENDED
        kernel.run(invocation)
        return
    invocation.status = Status.SUSPENDED
    invocation.awaiting = tree.SerializeToString()
    kernel.touch(invocation)


def output_of(kernel: Kernel, invocation: Invocation, last: bytes | None = None) -> bytes | Failure | None:
    """The result of a handler that has ended: its last output command; ``None`` if there is none.

    ``last`` is that command, if it is known; else the journal is read for it.
    """
    if last is None:
        commands = (entry.payload for entry in reversed(kernel.store.journal(invocation.id)) if _is_output(entry))
        last = next(commands, None)
    if last is None:
        return None
    output = pb.OutputCommandMessage.FromString(last)
    failed = output.WhichOneof("result") == "failure"
    return Failure.read(output.failure) if failed else output.value.content


def _is_output(entry: Entry) -> bool:
    return entry.type == MessageType.OUTPUT_COMMAND


def complete(kernel: Kernel, invocation: Invocation, result: bytes | Failure) -> None:
    """The invocation is over: tell everybody, keep what is to be kept, let the next one in."""
    invocation.status = Status.COMPLETED
    invocation.completed_at = kernel.now()
    invocation.awaiting = invocation.retry_at = None
    if isinstance(result, Failure):
        invocation.failure = result
    else:
        invocation.value = result
    for listener in invocation.listeners:
        tell(kernel, listener, result)
    invocation.listeners = []
    kernel.drop_timers(invocation)
    kernel.live.pop(invocation.id, None)
    kernel.executor.finished(invocation)
    _retain(kernel, invocation)
    _release_key(kernel, invocation)


def _retain(kernel: Kernel, invocation: Invocation) -> None:
    if not invocation.completion_retention:
        kernel.forget(invocation)
        return
    kernel.touch(invocation)
    now = kernel.now()
    kernel.set_timer(now + invocation.completion_retention, TimerKind.PURGE, invocation.id)
    if not invocation.journal_retention:
        drop_journal(kernel, invocation)
    elif invocation.journal_retention < invocation.completion_retention:
        kernel.set_timer(now + invocation.journal_retention, TimerKind.PURGE_JOURNAL, invocation.id)


def drop_journal(kernel: Kernel, invocation: Invocation) -> None:
    """Forgets the journal of one that is over; its record stays, with the result."""
    kernel.store.delete_journal(invocation.id)
    invocation.length = invocation.commands = 0
    kernel.touch(invocation)


def _release_key(kernel: Kernel, invocation: Invocation) -> None:
    keyed = invocation.target.keyed
    if not invocation.target.is_exclusive or keyed is None:
        return
    kernel.release_key(keyed, invocation.id)
