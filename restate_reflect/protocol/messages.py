"""Message types of the wire, and which generated class carries each.

Source: the type table of the service protocol (``0x0000`` control, ``0x0400`` commands,
``0x8000`` notifications, ``0xFC00`` custom).
"""

from __future__ import annotations

from enum import IntEnum
from functools import cache
from typing import TypeVar

from restate_reflect.errors import ProtocolViolationError
from restate_reflect.protocol import pb

__all__ = ["MessageType", "command_classes", "parsed", "server_name", "server_names"]


class MessageType(IntEnum):
    """The 16 bit type of a frame."""

    START = 0x0000
    SUSPENSION = 0x0001
    ERROR = 0x0002
    END = 0x0003
    COMMAND_ACK = 0x0004
    PROPOSE_RUN_COMPLETION = 0x0005
    AWAITING_ON = 0x0006
    PROPOSE_RUN_COMPLETION_ACK = 0x0007

    INPUT_COMMAND = 0x0400
    OUTPUT_COMMAND = 0x0401
    GET_LAZY_STATE_COMMAND = 0x0402
    SET_STATE_COMMAND = 0x0403
    CLEAR_STATE_COMMAND = 0x0404
    CLEAR_ALL_STATE_COMMAND = 0x0405
    GET_LAZY_STATE_KEYS_COMMAND = 0x0406
    GET_EAGER_STATE_COMMAND = 0x0407
    GET_EAGER_STATE_KEYS_COMMAND = 0x0408
    GET_PROMISE_COMMAND = 0x0409
    PEEK_PROMISE_COMMAND = 0x040A
    COMPLETE_PROMISE_COMMAND = 0x040B
    SLEEP_COMMAND = 0x040C
    CALL_COMMAND = 0x040D
    ONE_WAY_CALL_COMMAND = 0x040E
    SEND_SIGNAL_COMMAND = 0x0410
    RUN_COMMAND = 0x0411
    ATTACH_INVOCATION_COMMAND = 0x0412
    GET_INVOCATION_OUTPUT_COMMAND = 0x0413
    COMPLETE_AWAKEABLE_COMMAND = 0x0414

    GET_LAZY_STATE_COMPLETION = 0x8002
    GET_LAZY_STATE_KEYS_COMPLETION = 0x8006
    GET_PROMISE_COMPLETION = 0x8009
    PEEK_PROMISE_COMPLETION = 0x800A
    COMPLETE_PROMISE_COMPLETION = 0x800B
    SLEEP_COMPLETION = 0x800C
    CALL_COMPLETION = 0x800D
    CALL_INVOCATION_ID_COMPLETION = 0x800E
    RUN_COMPLETION = 0x8011
    ATTACH_INVOCATION_COMPLETION = 0x8012
    GET_INVOCATION_OUTPUT_COMPLETION = 0x8013
    SIGNAL_NOTIFICATION = 0xFBFF


M = TypeVar("M", bound="pb.Message")


def parsed(cls: type[M], payload: bytes) -> M:
    """Raises ``ProtocolViolationError``: the payload is malformed."""
    try:
        return cls.FromString(payload)
    except pb.DecodeError as error:
        raise ProtocolViolationError(f"malformed {cls.DESCRIPTOR.name}: {error}") from error


@cache
def command_classes() -> dict[int, type[pb.Message]]:
    """By type; a function, as the classes are loaded when they are needed."""
    return {
        MessageType.INPUT_COMMAND: pb.InputCommandMessage,
        MessageType.OUTPUT_COMMAND: pb.OutputCommandMessage,
        MessageType.GET_LAZY_STATE_COMMAND: pb.GetLazyStateCommandMessage,
        MessageType.SET_STATE_COMMAND: pb.SetStateCommandMessage,
        MessageType.CLEAR_STATE_COMMAND: pb.ClearStateCommandMessage,
        MessageType.CLEAR_ALL_STATE_COMMAND: pb.ClearAllStateCommandMessage,
        MessageType.GET_LAZY_STATE_KEYS_COMMAND: pb.GetLazyStateKeysCommandMessage,
        MessageType.GET_EAGER_STATE_COMMAND: pb.GetEagerStateCommandMessage,
        MessageType.GET_EAGER_STATE_KEYS_COMMAND: pb.GetEagerStateKeysCommandMessage,
        MessageType.GET_PROMISE_COMMAND: pb.GetPromiseCommandMessage,
        MessageType.PEEK_PROMISE_COMMAND: pb.PeekPromiseCommandMessage,
        MessageType.COMPLETE_PROMISE_COMMAND: pb.CompletePromiseCommandMessage,
        MessageType.SLEEP_COMMAND: pb.SleepCommandMessage,
        MessageType.CALL_COMMAND: pb.CallCommandMessage,
        MessageType.ONE_WAY_CALL_COMMAND: pb.OneWayCallCommandMessage,
        MessageType.SEND_SIGNAL_COMMAND: pb.SendSignalCommandMessage,
        MessageType.RUN_COMMAND: pb.RunCommandMessage,
        MessageType.ATTACH_INVOCATION_COMMAND: pb.AttachInvocationCommandMessage,
        MessageType.GET_INVOCATION_OUTPUT_COMMAND: pb.GetInvocationOutputCommandMessage,
        MessageType.COMPLETE_AWAKEABLE_COMMAND: pb.CompleteAwakeableCommandMessage,
    }


@cache
def server_names() -> dict[str, int]:
    """Types by their ``server_name``."""
    return {server_name(each): each for each in MessageType}


def server_name(number: int) -> str:
    """As in restate-server's ``sys_journal.entry_type``: ``Command: SetState``."""
    kind = "Command" if number in command_classes() else "Notification"
    word = MessageType(number).name.removesuffix("_COMMAND").removesuffix("_COMPLETION").removesuffix("_NOTIFICATION")
    return f"{kind}: {word.title().replace('_', '')}"
