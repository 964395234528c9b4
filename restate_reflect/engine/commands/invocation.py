"""Other invocations: wait for their result, or look at it."""

from __future__ import annotations

from typing import TypeAlias

from restate_reflect.engine.machine import Engine
from restate_reflect.identifiers import InvocationTarget, WorkflowRun
from restate_reflect.protocol import pb
from restate_reflect.protocol.messages import MessageType
from restate_reflect.protocol.versions import ProtocolVersion

__all__ = ["attach", "output"]


def attach(engine: Engine, target: InvocationTarget) -> int:
    """Waits for the result of an invocation."""
    completion_id = engine.next_completion_id()
    message = pb.AttachInvocationCommandMessage(result_completion_id=completion_id)
    _fill(engine, message, target)
    engine.record(MessageType.ATTACH_INVOCATION_COMMAND, message.SerializeToString())
    return completion_id


def output(engine: Engine, target: InvocationTarget) -> int:
    """Looks at the result of an invocation; void while it is not complete."""
    completion_id = engine.next_completion_id()
    message = pb.GetInvocationOutputCommandMessage(result_completion_id=completion_id)
    _fill(engine, message, target)
    engine.record(MessageType.GET_INVOCATION_OUTPUT_COMMAND, message.SerializeToString())
    return completion_id


_Message: TypeAlias = "pb.AttachInvocationCommandMessage | pb.GetInvocationOutputCommandMessage"


def _fill(engine: Engine, message: _Message, target: InvocationTarget) -> None:
    if isinstance(target, str):
        message.invocation_id = target
        return
    if target.scope is not None:
        engine.require(engine.version.has_scopes, "a scope", ProtocolVersion.V7)
    if isinstance(target, WorkflowRun):
        message.workflow_target.CopyFrom(
            pb.WorkflowTarget(workflow_name=target.workflow, workflow_key=target.key, scope=target.scope)
        )
        return
    message.idempotent_request_target.CopyFrom(
        pb.IdempotentRequestTarget(
            service_name=target.service,
            service_key=target.key,
            handler_name=target.handler,
            idempotency_key=target.idempotency_key,
            scope=target.scope,
        )
    )
