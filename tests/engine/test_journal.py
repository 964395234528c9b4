"""Comparing commands, and showing them."""

from __future__ import annotations

import pytest

from restate_reflect.engine.journal import Command, Mismatch, describe, fits, plain
from restate_reflect.errors import ProtocolViolationError
from restate_reflect.protocol import _pb2 as pb
from restate_reflect.protocol.framing import RawMessage
from restate_reflect.protocol.messages import command_classes
from tests.journals import M


def raw(type_: M, **fields: object) -> RawMessage:
    return RawMessage(type_, command_classes()[type_](**fields).SerializeToString())


def same(recorded: RawMessage, current: RawMessage) -> bool:
    return fits(recorded, Command(M(current.type), current.payload))


def test_equal_bytes_are_the_same_command() -> None:
    assert same(raw(M.SLEEP_COMMAND, wake_up_time=5), raw(M.SLEEP_COMMAND, wake_up_time=5))


@pytest.mark.parametrize("type_, field", [(M.SLEEP_COMMAND, "wake_up_time"), (M.ONE_WAY_CALL_COMMAND, "invoke_time")])
def test_points_in_time_are_not_compared(type_: M, field: str) -> None:
    """They come from a clock; the recorded one counts."""
    assert same(raw(type_, name="x", **{field: 5}), raw(type_, name="x", **{field: 6}))
    assert same(raw(type_, name="x", **{field: 0}), raw(type_, name="x", **{field: 6}))
    assert not same(raw(type_, name="x", **{field: 5}), raw(type_, name="y", **{field: 5}))


def test_field_order_on_the_wire_is_not_compared() -> None:
    """The server may store a command re-encoded."""
    swapped = pb.SetStateCommandMessage(value=pb.Value(content=b"1")).SerializeToString()
    swapped += pb.SetStateCommandMessage(key=b"k").SerializeToString()
    assert same(RawMessage(M.SET_STATE_COMMAND, swapped), raw(M.SET_STATE_COMMAND, key=b"k", value={"content": b"1"}))


def test_presence_is_compared() -> None:
    """An empty value is a value, an empty idempotency key is a key."""
    assert not same(raw(M.OUTPUT_COMMAND, value={}), raw(M.OUTPUT_COMMAND))
    assert not same(raw(M.CALL_COMMAND, idempotency_key=""), raw(M.CALL_COMMAND))


def test_malformed_records_are_the_peers_fault() -> None:
    with pytest.raises(ProtocolViolationError):
        fits(RawMessage(M.SLEEP_COMMAND, b"\xff"), Command(M.SLEEP_COMMAND, b""))


def test_a_command_is_shown_without_its_ids_and_times() -> None:
    call = raw(
        M.CALL_COMMAND, service_name="Inventory", handler_name="reserve", key="a", parameter=b"1",
        invocation_id_notification_idx=1, result_completion_id=2,
    )  # fmt: skip
    shown = describe(call.type, call.payload)
    assert shown == "call service_name='Inventory' handler_name='reserve' parameter=b'1' key='a'"
    assert describe(M.SLEEP_COMMAND, raw(M.SLEEP_COMMAND, name="nap", wake_up_time=5).payload) == "sleep name='nap'"


def test_long_values_are_cut() -> None:
    shown = describe(M.SET_STATE_COMMAND, raw(M.SET_STATE_COMMAND, key=b"k" * 10_000).payload)
    assert len(shown) < 200
    assert shown.endswith("…")


def test_the_mismatch_names_number_commands_and_place() -> None:
    payload = raw(M.CLEAR_STATE_COMMAND, key=b"k").payload
    current = Command(M.CLEAR_STATE_COMMAND, payload, "k")
    doing = describe(M.CLEAR_STATE_COMMAND, payload)
    where = "shop.py:14 in Shop.buy"
    text = plain(Mismatch(3, "it differs.", raw(M.SLEEP_COMMAND, name="nap"), current, doing, where, (), ()))
    assert text.splitlines() == [
        "journal mismatch at command 3: it differs.",
        "  recorded: sleep name='nap'",
        "  current:  clear state key=b'k'",
        "  at:       shop.py:14 in Shop.buy",
    ]
