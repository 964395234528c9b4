"""What operators and other invocations do to one from outside: cancel, kill, pause, resume, purge, signal.

Plain functions over the kernel, as those of ``lifecycle``, to which they lead back.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from restate_reflect.embedded.kernel.journal import CANCEL_SIGNAL, signal
from restate_reflect.embedded.kernel.kernel import Kernel
from restate_reflect.embedded.kernel.lifecycle import complete, drop_journal
from restate_reflect.embedded.kernel.records import CANCELLED, KILLED, Failure, Invocation, Status
from restate_reflect.embedded.kernel.timers import TimerKind
from restate_reflect.protocol import _pb2 as pb
from restate_reflect.protocol.messages import MessageType

__all__ = [
    "Reply",
    "abandon",
    "cancel",
    "kill",
    "park",
    "pause",
    "purge",
    "purge_journal",
    "resume",
    "send_signal",
    "waiting_for",
]


class Reply(Enum):
    """What became of a request by an operator."""

    DONE = "done"
    APPENDED = "appended"
    """Accepted; takes effect when the handler gets to it."""
    NOT_FOUND = "not found"
    ALREADY_COMPLETED = "already completed"
    NOT_COMPLETED = "not completed"
    NOT_STARTED = "not started"
    NOT_RUNNING = "not running"
    NOT_PINNED = "not pinned"
    """To a deployment, so that it can't be moved from one."""
    NO_DEPLOYMENT = "no deployment"
    INCOMPATIBLE = "incompatible"
    """The deployment does not speak the protocol that the invocation began in."""
    UNSUPPORTED = "unsupported"
    NO_INPUT = "no input"
    """The journal is not kept any more."""
    OUT_OF_RANGE = "out of range"


# ---------------------------------------------------------------- stopping


def cancel(kernel: Kernel, identifier: str) -> Reply:
    """Asks the handler to stop; one that has not begun ends at once."""
    invocation = _in_flight(kernel, identifier, CANCELLED)
    if isinstance(invocation, Reply):
        return invocation
    kernel.notify(invocation, MessageType.SIGNAL_NOTIFICATION, signal(CANCEL_SIGNAL, None))
    return Reply.APPENDED


def kill(kernel: Kernel, identifier: str) -> Reply:
    """Ends an invocation, and all that it has called or sent, without asking."""
    invocation = _in_flight(kernel, identifier, KILLED)
    if isinstance(invocation, Reply):
        return invocation
    children = _children(kernel, invocation)
    kernel.executor.stop(invocation)
    complete(kernel, invocation, KILLED)
    for child in children:
        kill(kernel, child)
    return Reply.DONE


def _in_flight(kernel: Kernel, identifier: str, failure: Failure) -> Invocation | Reply:
    """The invocation; the answer where there is nothing more to do. One that has not begun ends with ``failure``."""
    invocation = kernel.find(identifier)
    if invocation is None:
        return Reply.NOT_FOUND
    if invocation.status is Status.COMPLETED:
        return Reply.ALREADY_COMPLETED
    if not invocation.status.is_in_flight:
        _end_before_start(kernel, invocation, failure)
        return Reply.DONE
    return invocation


def _children(kernel: Kernel, invocation: Invocation) -> list[str]:
    entries = kernel.store.journal(invocation.id)
    ids_told = (entry for entry in entries if entry.type == MessageType.CALL_INVOCATION_ID_COMPLETION)
    return [pb.Notification.FromString(entry.payload).invocation_id for entry in ids_told]


def _end_before_start(kernel: Kernel, invocation: Invocation, failure: Failure) -> None:
    """Nothing is kept of an invocation that never began."""
    invocation.completion_retention = 0
    complete(kernel, invocation, failure)


def waiting_for(kernel: Kernel, identifier: str) -> list[str]:
    """The invocation, and before it all that wait for its result: its callers, theirs, and so on, outermost first."""
    found, looked_at = [identifier], 0
    while looked_at < len(found):
        invocation = kernel.live.get(found[looked_at])
        listeners = [each.invocation for each in invocation.listeners] if invocation else []
        found += [each for each in listeners if each not in found]
        looked_at += 1
    return found[::-1]


def abandon(kernel: Kernel, identifiers: Iterable[str], failure: Failure) -> None:
    """Ends invocations with a failure, in this order, so that callers that come first hear nothing of the others."""
    for identifier in identifiers:
        invocation = kernel.live.get(identifier)
        if invocation is not None:
            kernel.executor.stop(invocation)
            complete(kernel, invocation, failure)


# ---------------------------------------------------------------- pausing


def pause(kernel: Kernel, identifier: str) -> Reply:
    """No attempt begins until somebody resumes. One in progress is asked to suspend: what executes ends, and is stored.

    A suspended invocation stays as it is, as on the server: what it waits for starts the next attempt.
    """
    invocation = kernel.find(identifier)
    if invocation is None:
        return Reply.NOT_FOUND
    match invocation.status:
        case Status.PAUSED | Status.SUSPENDED:
            return Reply.DONE
        case Status.RUNNING | Status.BACKING_OFF:
            if not kernel.executor.pause(invocation):
                park(kernel, invocation)
            return Reply.APPENDED
        case _:
            return Reply.NOT_RUNNING


def park(kernel: Kernel, invocation: Invocation) -> None:
    """Makes an invocation paused that no attempt is in progress of."""
    kernel.executor.stop(invocation)
    kernel.timers.cancel(invocation.id, TimerKind.RETRY)
    invocation.status = Status.PAUSED
    invocation.awaiting = invocation.retry_at = None
    kernel.touch(invocation)


def resume(kernel: Kernel, identifier: str) -> Reply:
    """Starts an attempt now; one that is running stays."""
    invocation = kernel.find(identifier)
    if invocation is None:
        return Reply.NOT_FOUND
    match invocation.status:
        case Status.SUSPENDED | Status.PAUSED | Status.BACKING_OFF:
            kernel.run(invocation)
            return Reply.DONE
        case Status.RUNNING:
            return Reply.DONE
        case Status.COMPLETED:
            return Reply.ALREADY_COMPLETED
        case _:
            return Reply.NOT_STARTED


# ---------------------------------------------------------------- forgetting


def purge(kernel: Kernel, identifier: str) -> Reply:
    """Forgets a completed invocation; a workflow's run takes state and promises along."""
    invocation = kernel.find(identifier)
    if invocation is None:
        return Reply.NOT_FOUND
    if invocation.status is not Status.COMPLETED:
        return Reply.NOT_COMPLETED
    keyed = invocation.target.keyed
    if invocation.target.is_workflow_run and keyed:
        kernel.store.clear_all_state(keyed)
        kernel.store.clear_promises(keyed)
    kernel.forget(invocation)
    return Reply.DONE


def purge_journal(kernel: Kernel, identifier: str) -> Reply:
    """Forgets the journal of a completed invocation, and keeps its result."""
    invocation = kernel.find(identifier)
    if invocation is None:
        return Reply.NOT_FOUND
    if invocation.status is not Status.COMPLETED:
        return Reply.NOT_COMPLETED
    drop_journal(kernel, invocation)
    return Reply.DONE


# ---------------------------------------------------------------- signals


def send_signal(kernel: Kernel, identifier: str, which: int | str, result: bytes | Failure | None) -> None:
    """Delivers a signal; the one with index 1 cancels. Unknown and ended invocations ignore it."""
    if which == CANCEL_SIGNAL and isinstance(which, int):
        cancel(kernel, identifier)
        return
    kernel.notify_id(identifier, MessageType.SIGNAL_NOTIFICATION, signal(which, result))
