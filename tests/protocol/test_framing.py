"""Bytes to messages: whole, byte by byte, with a tail, over the limit."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restate_reflect.errors import ProtocolViolationError
from restate_reflect.protocol.framing import MAX_MESSAGE_BYTES, FrameDecoder, RawMessage, encode_frame, header

MESSAGES = st.lists(st.builds(RawMessage, st.integers(0, 0xFFFF), st.binary(max_size=40)), max_size=6)


def encoded(messages: list[RawMessage]) -> bytes:
    return b"".join(encode_frame(message.type, message.payload) for message in messages)


def test_header_is_type_flags_and_length_in_network_order() -> None:
    assert encode_frame(0x0411, b"abc", 0x8000) == b"\x04\x11\x80\x00\x00\x00\x00\x03abc"


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF))
def test_header_is_what_struct_packs(message_type: int, flags: int, size: int) -> None:
    """Compiled, it is written octet by octet."""
    assert header(message_type, flags, size) == struct.pack(">HHI", message_type, flags, size)


def test_a_size_that_no_header_can_hold_is_refused() -> None:
    with pytest.raises(struct.error):
        header(3, 0, 2**32 + 5)


def test_empty_payload_is_a_message() -> None:
    assert list(FrameDecoder().feed(encode_frame(3, b""))) == [RawMessage(3, b"")]


@given(MESSAGES)
def test_whole_and_byte_by_byte_give_the_same_messages(messages: list[RawMessage]) -> None:
    data = encoded(messages)
    whole, single = FrameDecoder(), FrameDecoder()
    assert list(whole.feed(data)) == messages
    assert [message for i in range(len(data)) for message in single.feed(data[i : i + 1])] == messages
    assert whole.is_empty
    assert single.is_empty


@given(MESSAGES, st.data())
def test_any_chunking_gives_the_same_messages(messages: list[RawMessage], data: st.DataObject) -> None:
    stream = encoded(messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    decoder = FrameDecoder()
    found: list[RawMessage] = []
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += decoder.feed(stream[begin:end])
    assert found == messages
    assert decoder.is_empty


@pytest.mark.parametrize("kept", range(1, 11))
def test_a_tail_waits_for_the_rest(kept: int) -> None:
    """The first message comes out at once; the cut one, once it is complete."""
    first, second = encode_frame(1, b"one"), encode_frame(2, b"two")
    decoder = FrameDecoder()
    assert list(decoder.feed(first + second[:kept])) == [RawMessage(1, b"one")]
    assert not decoder.is_empty
    assert list(decoder.feed(second[kept:])) == [RawMessage(2, b"two")]
    assert decoder.is_empty


def test_limit_is_inclusive() -> None:
    assert list(FrameDecoder(limit=3).feed(encode_frame(1, b"abc"))) == [RawMessage(1, b"abc")]


def test_longer_than_the_limit_is_refused_on_its_header() -> None:
    """Nothing is buffered first: eight bytes are enough to know."""
    with pytest.raises(ProtocolViolationError, match=r"message of 4 bytes .type 0x0400. exceeds the limit of 3"):
        list(FrameDecoder(limit=3).feed(encode_frame(0x0400, b"abcd")[:8]))


def test_messages_before_the_long_one_come_out() -> None:
    found: list[RawMessage] = []
    with pytest.raises(ProtocolViolationError):
        found.extend(FrameDecoder(limit=3).feed(encode_frame(1, b"abc") + encode_frame(1, b"abcd")))
    decoder = FrameDecoder(limit=3).feed(encode_frame(1, b"abc") + encode_frame(1, b"abcd"))
    assert next(decoder) == RawMessage(1, b"abc")


@pytest.mark.parametrize("length", [2**24, 2**31 - 1, 2**31, 2**32 - 1])
def test_lengths_have_no_sign(length: int) -> None:
    header = struct.pack(">HHI", 0x0400, 0, length)
    with pytest.raises(ProtocolViolationError, match=f"message of {length} bytes"):
        list(FrameDecoder(limit=1000).feed(header))


def test_default_limit_leaves_room_for_the_servers_own() -> None:
    """restate-server's default message-size-limit is 32 MiB."""
    assert MAX_MESSAGE_BYTES >= 32 * 1024 * 1024
