"""Notifications of every shape, and await trees on the wire."""

from __future__ import annotations

from typing import Any

import pytest

from restate_reflect.engine.awaiting import ALL_SUCCEEDED, FIRST_COMPLETED, AwaitNode, to_suspension
from restate_reflect.engine.notifications import Notification, SignalIndex, parse, to_error, to_failure
from restate_reflect.errors import ProtocolViolationError, TerminalError
from restate_reflect.protocol import _pb2 as pb
from restate_reflect.protocol.framing import RawMessage
from tests.journals import M, tree

FAILURE = pb.Failure(code=409, message="no", metadata=[pb.FailureMetadata(key="a", value="b")])


@pytest.mark.parametrize(
    "message, expected",
    [
        (pb.Notification(completion_id=3, void=pb.Void()), Notification(3)),
        (pb.Notification(completion_id=3, value=pb.Value(content=b"x")), Notification(3, value=b"x")),
        (pb.Notification(completion_id=3, value=pb.Value()), Notification(3, value=b"")),
        (pb.Notification(signal_id=17, invocation_id="inv"), Notification(SignalIndex(17), invocation_id="inv")),
        (pb.Notification(signal_name="s", void=pb.Void()), Notification("s")),
        (pb.Notification(signal_name="", void=pb.Void()), Notification("")),
        (
            pb.Notification(completion_id=0, failure=FAILURE),
            Notification(0, failure=TerminalError("no", 409, metadata={"a": "b"})),
        ),
        (
            pb.Notification(completion_id=1, state_keys=pb.StateKeys(keys=[b"a", "ü".encode()])),
            Notification(1, state_keys=["a", "ü"]),
        ),
    ],
)
def test_every_id_and_result_is_read(message: pb.Notification, expected: Notification) -> None:
    assert parse(*RawMessage(M.SIGNAL_NOTIFICATION, message.SerializeToString())) == expected


@pytest.mark.parametrize(
    "message",
    [
        pb.Notification(),
        pb.Notification(completion_id=1),
        pb.Notification(void=pb.Void()),
        pb.Notification(completion_id=1, state_keys=pb.StateKeys(keys=[b"\xff"])),
    ],
)
def test_incomplete_ones_are_violations(message: pb.Notification) -> None:
    with pytest.raises(ProtocolViolationError):
        parse(*RawMessage(M.CALL_COMPLETION, message.SerializeToString()))


def test_a_signal_index_is_no_completion_id() -> None:
    """Both are numbers, and both are keys of dicts."""
    assert SignalIndex(3) != 3
    assert SignalIndex(3) == SignalIndex(3)
    assert len({SignalIndex(3), 3, "3"}) == 3


def test_failures_survive_the_wire() -> None:
    error = TerminalError("no", 409, metadata={"a": "b", "c": "d"})
    assert to_error(to_failure(error)) == error


TREE = AwaitNode(FIRST_COMPLETED, [1, SignalIndex(1), "s"], [AwaitNode(ALL_SUCCEEDED, [2, 1, SignalIndex(17)])])


def test_a_tree_is_sent_as_it_is() -> None:
    future = to_suspension(TREE, tree=True).awaiting_on
    nested: Any = ("ALL_SUCCEEDED_OR_FIRST_FAILED", [2, 1, "#17"], [])
    assert tree(future) == ("FIRST_COMPLETED", [1, "#1", "s"], [nested])


def test_a_flat_suspension_has_each_leaf_once() -> None:
    message = to_suspension(TREE, tree=False)
    assert list(message.waiting_completions) == [1, 2]
    assert list(message.waiting_signals) == [1, 17]
    assert list(message.waiting_named_signals) == ["s"]
    assert not message.HasField("awaiting_on")
