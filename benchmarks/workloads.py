"""What the driver asks for, and how it plays the server's part on each stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from restate_reflect.protocol import _pb2 as pb
from restate_reflect.protocol.framing import RawMessage, encode_frame
from restate_reflect.protocol.messages import MessageType

__all__ = ["PAYLOADS", "WORKLOADS", "Workload"]

Respond = Callable[[RawMessage], bytes]


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of invocation."""

    name: str
    path: str
    opening: bytes
    """Start message and journal."""
    bidirectional: bool
    """Whether the request stays open and messages are answered."""
    respond: Respond
    ends: bool = True
    """Whether an invocation comes to its end."""


def _start(*entries: bytes, key: str = "", state: dict[str, bytes] | None = None) -> bytes:
    message = pb.StartMessage(
        id=bytes(range(24)), debug_id="inv_1benchmark", known_entries=len(entries), key=key, random_seed=1
    )
    for name, value in (state or {}).items():
        message.state_map.add(key=name.encode(), value=value)
    return encode_frame(MessageType.START, message.SerializeToString()) + b"".join(entries)


def _input(body: bytes) -> bytes:
    message = pb.InputCommandMessage(value=pb.Value(content=body))
    return encode_frame(MessageType.INPUT_COMMAND, message.SerializeToString())


def _nothing(message: RawMessage) -> bytes:
    return b""


def _confirm_runs(message: RawMessage) -> bytes:
    if message.type != MessageType.PROPOSE_RUN_COMPLETION:
        return b""
    proposal = pb.ProposeRunCompletionMessage.FromString(message.payload)
    done = pb.Notification(completion_id=proposal.result_completion_id, value=pb.Value(content=proposal.value))
    return encode_frame(MessageType.RUN_COMPLETION, done.SerializeToString())


def _answer_calls(message: RawMessage) -> bytes:
    if message.type != MessageType.CALL_COMMAND:
        return b""
    call = pb.CallCommandMessage.FromString(message.payload)
    accepted = pb.Notification(completion_id=call.invocation_id_notification_idx, invocation_id="inv_1callee")
    done = pb.Notification(completion_id=call.result_completion_id, value=pb.Value(content=b'{"message":"Hi"}'))
    return encode_frame(MessageType.CALL_INVOCATION_ID_COMPLETION, accepted.SerializeToString()) + encode_frame(
        MessageType.CALL_COMPLETION, done.SerializeToString()
    )


def _payload(size: int) -> Workload:
    """A body of bytes that comes back as it is."""
    return Workload(f"echo{size}", "/invoke/Echo/echo", _start(_input(b"x" * size)), False, _nothing)


PAYLOADS = tuple(1024 * 4**power for power in range(8))
"""1 KiB to 16 MiB, each four times the one before."""

WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("greet", "/invoke/Greeter/greet", _start(_input(b'{"name":"Ada"}')), False, _nothing),
        Workload("add", "/invoke/Counter/add", _start(_input(b"5"), key="a", state={"count": b"37"}), False, _nothing),
        Workload("steps", "/invoke/Steps/ten", _start(_input(b'{"name":"Ada"}')), True, _confirm_runs),
        Workload("calls", "/invoke/Calls/ten", _start(_input(b'{"name":"Ada"}')), True, _answer_calls),
        Workload("waiting", "/invoke/Waiting/hour", _start(_input(b'{"name":"Ada"}')), True, _nothing, ends=False),
        *map(_payload, PAYLOADS),
    )
}
