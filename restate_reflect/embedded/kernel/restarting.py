"""Going on elsewhere, and again: an invocation on another deployment, and one that is over as a new one."""

from __future__ import annotations

from typing import Any, Final

from restate_reflect.definitions import ServiceKind
from restate_reflect.embedded import ids
from restate_reflect.embedded.kernel import lifecycle, operating
from restate_reflect.embedded.kernel.journal import Entry
from restate_reflect.embedded.kernel.kernel import Kernel
from restate_reflect.embedded.kernel.operating import Reply
from restate_reflect.embedded.kernel.records import Invocation, Status
from restate_reflect.protocol import _pb2 as pb
from restate_reflect.protocol.framing import is_command
from restate_reflect.protocol.messages import MessageType

__all__ = ["KEEP", "LATEST", "restart_as_new", "resume_on"]

KEEP = "keep"
LATEST = "latest"
"""What may stand for the id of a deployment."""


def resume_on(kernel: Kernel, identifier: str, deployment: str) -> Reply:
    """As ``resume``, on the given deployment if there is no attempt at the moment."""
    invocation = kernel.find(identifier)
    if invocation is not None and invocation.status in (Status.SUSPENDED, Status.PAUSED):
        refusal = _pin(kernel, invocation, invocation, deployment)
        if refusal is not None:
            return refusal
    return operating.resume(kernel, identifier)


def _pin(kernel: Kernel, invocation: Invocation, pinned: Invocation, deployment: str) -> Reply | None:
    """Moves an invocation to a deployment, where ``pinned`` is pinned to one; why not, if it can't be."""
    if deployment == KEEP or (pinned.deployment is None and deployment == LATEST):
        return None
    if pinned.deployment is None or pinned.protocol is None:
        return Reply.NOT_PINNED
    catalog = kernel.catalog
    latest = catalog.choose(pinned.target.service, None)
    found = latest if deployment == LATEST else catalog.registrations.get(deployment)
    if found is None:
        return Reply.NO_DEPLOYMENT
    if not found.min_version <= pinned.protocol <= found.max_version:
        return Reply.INCOMPATIBLE
    invocation.deployment = found.id
    kernel.touch(invocation)
    return None


def restart_as_new(kernel: Kernel, identifier: str, upto: int, deployment: str) -> tuple[Reply, str]:
    """Begins an invocation with the journal of one that is over, up to and with an entry; 0 is its input alone.

    Returns:
        What became of it, and the new invocation's id.
    """
    old = kernel.find(identifier)
    refusal = _refusal(old, upto)
    if refusal is not None or old is None:
        return refusal or Reply.NOT_FOUND, ""
    new = _repeated(kernel, old)
    refused = _pin(kernel, new, old, deployment)
    if refused is not None:
        return refused, ""
    kernel.live[new.id] = new
    for entry in _prefix(kernel.store.journal(old.id), upto):
        kernel.append(new, entry.type, entry.payload)
    lifecycle.begin(kernel, new)
    return Reply.DONE, new.id


def _refusal(old: Invocation | None, upto: int) -> Reply | None:
    if old is None:
        return Reply.NOT_FOUND
    if old.status is not Status.COMPLETED:
        return Reply.NOT_COMPLETED if old.status.is_in_flight else Reply.NOT_STARTED
    if old.length == 0:
        return Reply.NO_INPUT
    if old.target.service_kind is ServiceKind.WORKFLOW:
        return Reply.UNSUPPORTED
    return Reply.OUT_OF_RANGE if upto >= old.length else None


def _repeated(kernel: Kernel, old: Invocation) -> Invocation:
    now = kernel.now()
    return Invocation(
        id=ids.unique_id(kernel.seed, kernel.next_serial(), old.target.place),
        serial=kernel.next_serial(),
        target=old.target,
        created_at=now,
        completion_retention=old.completion_retention,
        journal_retention=old.journal_retention,
        limit_key=old.limit_key,
        deployment=old.deployment,
        protocol=old.protocol,
        modified_at=now,
        restarted_from=old.id,
    )


def _prefix(journal: list[Entry], upto: int) -> list[Entry]:
    """The entries up to one, and what completes them, wherever it stands."""
    kept, after = journal[: upto + 1], journal[upto + 1 :]
    missing: set[int] = set()
    for entry in kept:
        if is_command(entry.type):
            missing |= _completions(entry)
        else:
            missing -= {_completed(entry)}
    return kept + [entry for entry in after if not is_command(entry.type) and _completed(entry) in missing]


def _completions(entry: Entry) -> set[int]:
    """The ids under which a command's results come."""
    if entry.type in (MessageType.CALL_COMMAND, MessageType.ONE_WAY_CALL_COMMAND):
        call = pb.CallCommandMessage.FromString(entry.payload)
        told = {call.invocation_id_notification_idx}
        return told | ({call.result_completion_id} if entry.type == MessageType.CALL_COMMAND else set())
    message = _COMMANDS.get(MessageType(entry.type))
    return set() if message is None else {message.FromString(entry.payload).result_completion_id}


def _completed(entry: Entry) -> int:
    """0 for a signal: no completion has this id."""
    return pb.Notification.FromString(entry.payload).completion_id


_COMMANDS: Final[dict[MessageType, Any]] = {
    MessageType.GET_LAZY_STATE_COMMAND: pb.GetLazyStateCommandMessage,
    MessageType.GET_LAZY_STATE_KEYS_COMMAND: pb.GetLazyStateKeysCommandMessage,
    MessageType.GET_PROMISE_COMMAND: pb.GetPromiseCommandMessage,
    MessageType.PEEK_PROMISE_COMMAND: pb.PeekPromiseCommandMessage,
    MessageType.COMPLETE_PROMISE_COMMAND: pb.CompletePromiseCommandMessage,
    MessageType.SLEEP_COMMAND: pb.SleepCommandMessage,
    MessageType.RUN_COMMAND: pb.RunCommandMessage,
    MessageType.ATTACH_INVOCATION_COMMAND: pb.AttachInvocationCommandMessage,
    MessageType.GET_INVOCATION_OUTPUT_COMMAND: pb.GetInvocationOutputCommandMessage,
}
"""Those with one result."""
