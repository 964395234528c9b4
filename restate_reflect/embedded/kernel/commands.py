"""What each command does when it is added to a journal.

One function per command: it may refuse the command (``CommandRefused`` fails the attempt, and
the command is not stored), it adds the command, then what the command has completed at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from restate_reflect.definitions import HandlerKind, ServiceKind
from restate_reflect.embedded import ids
from restate_reflect.embedded.kernel import lifecycle, operating
from restate_reflect.embedded.kernel.bounds import no_later
from restate_reflect.embedded.kernel.journal import Entry, completion, invocation_id_completion
from restate_reflect.embedded.kernel.kernel import Kernel
from restate_reflect.embedded.kernel.keys import Key
from restate_reflect.embedded.kernel.lifecycle import Request
from restate_reflect.embedded.kernel.records import Failure, Invocation, Listener, Status, Target
from restate_reflect.embedded.kernel.scopes import (
    ScopeError,
    check_kind,
    check_scope,
    check_scopes_are_on,
    checked_limit_key,
)
from restate_reflect.embedded.kernel.store import Promise
from restate_reflect.embedded.kernel.timers import TimerKind
from restate_reflect.protocol import _pb2 as pb
from restate_reflect.protocol.messages import MessageType, command_classes, server_name

__all__ = ["CommandRefused", "apply", "propose_run"]

NOT_FOUND = Failure(404, "not found")
ALREADY_COMPLETED = Failure(409, "promise was already completed")


class CommandRefused(Exception):
    """The command can't be carried out; the attempt fails, and is tried again."""

    def __init__(self, message: str, doc_code: str = "RT0017") -> None:
        super().__init__(message)
        self.doc_code = doc_code


def apply(kernel: Kernel, invocation: Invocation, message_type: int, payload: bytes) -> None:
    """Adds a command to the journal and does what it says.

    Raises:
        CommandRefused: It can't be done.
        google.protobuf.message.DecodeError: The payload is malformed.
    """
    function = _FUNCTIONS.get(message_type)
    if function is None:
        kernel.append(invocation, message_type, payload)
        return
    message = command_classes()[message_type].FromString(payload)
    try:
        function(kernel, invocation, message, payload)
    except (CommandRefused, ScopeError) as refused:
        reason = refused.to_handlers if isinstance(refused, ScopeError) else str(refused)
        which = f"{server_name(message_type)} (command index {invocation.commands})"
        text = f"cannot process command {which} because of a failed precondition: {reason}"
        raise CommandRefused(text, refused.doc_code) from None


def _store(kernel: Kernel, invocation: Invocation, message_type: MessageType, payload: bytes) -> None:
    kernel.append(invocation, message_type, payload)


# ---------------------------------------------------------------- state


def _readable(invocation: Invocation) -> Key:
    if invocation.target.keyed is None:
        raise CommandRefused("unsupported entry type, this service type doesn't have state access")
    return invocation.target.keyed


def _writable(invocation: Invocation) -> Key:
    key = _readable(invocation)
    if invocation.target.handler_kind is HandlerKind.SHARED:
        raise CommandRefused("unsupported entry type, this handler type cannot write state")
    return key


def _get_state(kernel: Kernel, invocation: Invocation, message: pb.GetLazyStateCommandMessage, payload: bytes) -> None:
    value = kernel.store.get_state(_readable(invocation), message.key)
    _store(kernel, invocation, MessageType.GET_LAZY_STATE_COMMAND, payload)
    done = completion(message.result_completion_id, value)
    kernel.notify(invocation, MessageType.GET_LAZY_STATE_COMPLETION, done)


def _get_keys(
    kernel: Kernel, invocation: Invocation, message: pb.GetLazyStateKeysCommandMessage, payload: bytes
) -> None:
    names = list(kernel.store.state(_readable(invocation)))
    _store(kernel, invocation, MessageType.GET_LAZY_STATE_KEYS_COMMAND, payload)
    done = pb.Notification(completion_id=message.result_completion_id, state_keys=pb.StateKeys(keys=names))
    kernel.notify(invocation, MessageType.GET_LAZY_STATE_KEYS_COMPLETION, done)


def _set_state(kernel: Kernel, invocation: Invocation, message: pb.SetStateCommandMessage, payload: bytes) -> None:
    kernel.store.set_state(_writable(invocation), message.key, message.value.content)
    _store(kernel, invocation, MessageType.SET_STATE_COMMAND, payload)


def _clear_state(kernel: Kernel, invocation: Invocation, message: pb.ClearStateCommandMessage, payload: bytes) -> None:
    kernel.store.clear_state(_writable(invocation), message.key)
    _store(kernel, invocation, MessageType.CLEAR_STATE_COMMAND, payload)


def _clear_all(kernel: Kernel, invocation: Invocation, message: pb.ClearAllStateCommandMessage, payload: bytes) -> None:
    kernel.store.clear_all_state(_writable(invocation))
    _store(kernel, invocation, MessageType.CLEAR_ALL_STATE_COMMAND, payload)


def _eager(message_type: MessageType) -> Callable[[Kernel, Invocation, Any, bytes], None]:
    def check_and_store(kernel: Kernel, invocation: Invocation, message: Any, payload: bytes) -> None:
        _readable(invocation)
        _store(kernel, invocation, message_type, payload)

    return check_and_store


# ---------------------------------------------------------------- promises


def _promises_of(invocation: Invocation) -> Key:
    keyed = invocation.target.keyed
    if invocation.target.service_kind is not ServiceKind.WORKFLOW or keyed is None:
        raise CommandRefused("unsupported entry type, only Workflow services support it")
    return keyed


def _get_promise(kernel: Kernel, invocation: Invocation, message: pb.GetPromiseCommandMessage, payload: bytes) -> None:
    key = _promises_of(invocation)
    _store(kernel, invocation, MessageType.GET_PROMISE_COMMAND, payload)
    promise = kernel.store.promise(key, message.key) or Promise()
    if promise.completed:
        done = completion(message.result_completion_id, promise.failure or promise.value or b"")
        kernel.notify(invocation, MessageType.GET_PROMISE_COMPLETION, done)
    else:
        promise.waiting.append((invocation.id, message.result_completion_id))
        kernel.store.put_promise(key, message.key, promise)


def _peek_promise(
    kernel: Kernel, invocation: Invocation, message: pb.PeekPromiseCommandMessage, payload: bytes
) -> None:
    promise = kernel.store.promise(_promises_of(invocation), message.key)
    _store(kernel, invocation, MessageType.PEEK_PROMISE_COMMAND, payload)
    known = (promise.failure or promise.value or b"") if promise and promise.completed else None
    done = completion(message.result_completion_id, known)
    kernel.notify(invocation, MessageType.PEEK_PROMISE_COMPLETION, done)


def _complete_promise(
    kernel: Kernel, invocation: Invocation, message: pb.CompletePromiseCommandMessage, payload: bytes
) -> None:
    key = _promises_of(invocation)
    _store(kernel, invocation, MessageType.COMPLETE_PROMISE_COMMAND, payload)
    failed = message.WhichOneof("completion") == "completion_failure"
    result = Failure.read(message.completion_failure) if failed else message.completion_value.content
    accepted = complete_promise(kernel, key, message.key, result)
    done = completion(message.result_completion_id, None if accepted else ALREADY_COMPLETED)
    kernel.notify(invocation, MessageType.COMPLETE_PROMISE_COMPLETION, done)


def complete_promise(kernel: Kernel, key: Key, name: str, result: bytes | Failure) -> bool:
    """Completes a promise and tells who waits; whether it was open."""
    promise = kernel.store.promise(key, name) or Promise()
    if promise.completed:
        return False
    if isinstance(result, Failure):
        completed = Promise(completed=True, failure=result)
    else:
        completed = Promise(completed=True, value=result)
    kernel.store.put_promise(key, name, completed)
    for identifier, completion_id in promise.waiting:
        kernel.notify_id(identifier, MessageType.GET_PROMISE_COMPLETION, completion(completion_id, result))
    return True


# ---------------------------------------------------------------- time


def _sleep(kernel: Kernel, invocation: Invocation, message: pb.SleepCommandMessage, payload: bytes) -> None:
    _store(kernel, invocation, MessageType.SLEEP_COMMAND, payload)
    kernel.set_timer(message.wake_up_time, TimerKind.SLEEP, invocation.id, message.result_completion_id)


# ---------------------------------------------------------------- calls


def _call(kernel: Kernel, invocation: Invocation, message: pb.CallCommandMessage, payload: bytes) -> None:
    request = _request(
        kernel, invocation, message, Listener(invocation.id, message.result_completion_id, MessageType.CALL_COMPLETION)
    )
    _submit(kernel, invocation, MessageType.CALL_COMMAND, message, payload, request)


def _send(kernel: Kernel, invocation: Invocation, message: pb.OneWayCallCommandMessage, payload: bytes) -> None:
    request = _request(kernel, invocation, message, None, message.invoke_time or None)
    _submit(kernel, invocation, MessageType.ONE_WAY_CALL_COMMAND, message, payload, request)


def _submit(
    kernel: Kernel,
    invocation: Invocation,
    message_type: MessageType,
    message: pb.CallCommandMessage | pb.OneWayCallCommandMessage,
    payload: bytes,
    request: Request,
) -> None:
    identifier = lifecycle.invocation_id_for(kernel, request)
    _store(kernel, invocation, message_type, payload)
    told = invocation_id_completion(message.invocation_id_notification_idx, identifier)
    kernel.notify(invocation, MessageType.CALL_INVOCATION_ID_COMPLETION, told)
    lifecycle.submit(kernel, request, identifier)


def _request(
    kernel: Kernel,
    invocation: Invocation,
    message: pb.CallCommandMessage | pb.OneWayCallCommandMessage,
    listener: Listener | None,
    execution_time: int | None = None,
) -> Request:
    target = _target(kernel, message)
    idempotency_key = message.idempotency_key if message.HasField("idempotency_key") else None
    if idempotency_key == "":
        raise CommandRefused("the idempotency key provided in the request is empty")
    limit_key = _limit_key(kernel, message, target)
    info = kernel.catalog.services[target.service].handlers[target.handler]
    return Request(
        target=target,
        body=message.parameter,
        retention=info.retention(idempotency_key is not None),
        headers=tuple((header.key, header.value) for header in message.headers),
        idempotency_key=idempotency_key,
        limit_key=limit_key,
        execution_time=None if execution_time is None else no_later(execution_time),
        parent=invocation.id,
        listener=listener,
    )


def _target(kernel: Kernel, message: pb.CallCommandMessage | pb.OneWayCallCommandMessage) -> Target:
    service = kernel.catalog.services.get(message.service_name)
    handler = service.handlers.get(message.handler_name) if service else None
    if service is None or handler is None:
        missing = f"{message.service_name}/{message.handler_name}"
        raise CommandRefused(f"the service handler {missing} was not found", "RT0018")
    if message.key and not service.kind.keyed:
        raise CommandRefused(
            f"a key was provided, but the callee '{service.name}' is a Service. Only VirtualObjects or Workflows"
            " accept a key"
        )
    if message.scope:
        check_scopes_are_on(kernel.settings)
        check_scope(message.scope)
    key = message.key if service.kind.keyed else None
    return Target(service.name, handler.name, key, service.kind, handler.kind, message.scope or None)


def _limit_key(
    kernel: Kernel, message: pb.CallCommandMessage | pb.OneWayCallCommandMessage, target: Target
) -> str | None:
    limit_key = checked_limit_key(message.limit_key)
    if target.scope is not None:
        check_kind(kernel.settings, target.service_kind)
    elif limit_key is not None:
        text = "limit key was provided without a scope. Limit keys take effect only when used in combination with scope"
        raise CommandRefused(text, "RT0024")
    return limit_key


# ---------------------------------------------------------------- other invocations


def _attach(kernel: Kernel, invocation: Invocation, message: pb.AttachInvocationCommandMessage, payload: bytes) -> None:
    identifier = _identify(message)
    _store(kernel, invocation, MessageType.ATTACH_INVOCATION_COMMAND, payload)
    listener = Listener(invocation.id, message.result_completion_id, MessageType.ATTACH_INVOCATION_COMPLETION)
    found = kernel.find(identifier)
    if found is None:
        lifecycle.tell(kernel, listener, NOT_FOUND)
    else:
        lifecycle.listen(kernel, found, listener)


def _output(
    kernel: Kernel, invocation: Invocation, message: pb.GetInvocationOutputCommandMessage, payload: bytes
) -> None:
    identifier = _identify(message)
    _store(kernel, invocation, MessageType.GET_INVOCATION_OUTPUT_COMMAND, payload)
    listener = Listener(invocation.id, message.result_completion_id, MessageType.GET_INVOCATION_OUTPUT_COMPLETION)
    found = kernel.find(identifier)
    if found is None:
        lifecycle.tell(kernel, listener, NOT_FOUND)
    elif found.status is Status.COMPLETED:
        lifecycle.listen(kernel, found, listener)
    else:
        lifecycle.tell(kernel, listener, None)


def _identify(message: pb.AttachInvocationCommandMessage | pb.GetInvocationOutputCommandMessage) -> str:
    match message.WhichOneof("target"):
        case "workflow_target":
            workflow = message.workflow_target
            return ids.workflow_id(workflow.workflow_name, workflow.workflow_key, _scope_of(workflow))
        case "idempotent_request_target":
            request = message.idempotent_request_target
            key = request.service_key if request.HasField("service_key") else None
            again = request.idempotency_key
            return ids.idempotent_id(request.service_name, key, request.handler_name, again, _scope_of(request))
        case _:
            return _checked(message.invocation_id)


def _scope_of(target: pb.WorkflowTarget | pb.IdempotentRequestTarget) -> str | None:
    if not target.HasField("scope"):
        return None
    check_scope(target.scope)
    return target.scope


def _checked(identifier: str) -> str:
    try:
        ids.parse_invocation_id(identifier)
    except ids.IdError as error:
        raise CommandRefused(f"invalid invocation id {identifier}: {error}") from None
    return identifier


def _signal(kernel: Kernel, invocation: Invocation, message: pb.SendSignalCommandMessage, payload: bytes) -> None:
    identifier = _checked(message.target_invocation_id)
    _store(kernel, invocation, MessageType.SEND_SIGNAL_COMMAND, payload)
    which = message.name if message.WhichOneof("signal_id") == "name" else message.idx
    operating.send_signal(kernel, identifier, which, _result(message))


def _complete_awakeable(
    kernel: Kernel, invocation: Invocation, message: pb.CompleteAwakeableCommandMessage, payload: bytes
) -> None:
    try:
        identifier, index = ids.awakeable_target(message.awakeable_id)
    except ids.IdError as error:
        raise CommandRefused(f"invalid awakeable id {message.awakeable_id}: {error}") from None
    _store(kernel, invocation, MessageType.COMPLETE_AWAKEABLE_COMMAND, payload)
    operating.send_signal(kernel, identifier, index, _result(message))


def _result(message: pb.SendSignalCommandMessage | pb.CompleteAwakeableCommandMessage) -> bytes | Failure | None:
    match message.WhichOneof("result"):
        case "value":
            return message.value.content
        case "failure":
            return Failure.read(message.failure)
        case _:
            return None


_FUNCTIONS: Final[dict[int, Callable[[Kernel, Invocation, Any, bytes], None]]] = {
    MessageType.GET_LAZY_STATE_COMMAND: _get_state,
    MessageType.GET_LAZY_STATE_KEYS_COMMAND: _get_keys,
    MessageType.GET_EAGER_STATE_COMMAND: _eager(MessageType.GET_EAGER_STATE_COMMAND),
    MessageType.GET_EAGER_STATE_KEYS_COMMAND: _eager(MessageType.GET_EAGER_STATE_KEYS_COMMAND),
    MessageType.SET_STATE_COMMAND: _set_state,
    MessageType.CLEAR_STATE_COMMAND: _clear_state,
    MessageType.CLEAR_ALL_STATE_COMMAND: _clear_all,
    MessageType.GET_PROMISE_COMMAND: _get_promise,
    MessageType.PEEK_PROMISE_COMMAND: _peek_promise,
    MessageType.COMPLETE_PROMISE_COMMAND: _complete_promise,
    MessageType.SLEEP_COMMAND: _sleep,
    MessageType.CALL_COMMAND: _call,
    MessageType.ONE_WAY_CALL_COMMAND: _send,
    MessageType.ATTACH_INVOCATION_COMMAND: _attach,
    MessageType.GET_INVOCATION_OUTPUT_COMMAND: _output,
    MessageType.SEND_SIGNAL_COMMAND: _signal,
    MessageType.COMPLETE_AWAKEABLE_COMMAND: _complete_awakeable,
}


def propose_run(kernel: Kernel, invocation: Invocation, payload: bytes) -> tuple[int, Entry]:
    """The journal entry for the result of a step, and its completion id. The caller tells the attempt.

    Raises:
        google.protobuf.message.DecodeError: The payload is malformed.
    """
    message = pb.ProposeRunCompletionMessage.FromString(payload)
    failed = message.WhichOneof("result") == "failure"
    result = Failure.read(message.failure) if failed else message.value
    done = completion(message.result_completion_id, result).SerializeToString()
    return message.result_completion_id, kernel.append(invocation, MessageType.RUN_COMPLETION, done)
