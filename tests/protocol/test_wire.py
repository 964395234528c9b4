"""Messages encoded by hand are byte for byte those of the generated code."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from restate_reflect.protocol import _pb2 as pb
from restate_reflect.protocol import wire

contents = st.binary(max_size=400)
ids = st.integers(min_value=1, max_value=2**32 - 1)
names = st.text(st.characters(codec="utf-8"), max_size=200)


@given(contents)
def test_output(content: bytes) -> None:
    assert wire.output_value(content) == pb.OutputCommandMessage(value=pb.Value(content=content)).SerializeToString()


@given(contents, contents | st.none())
def test_eager_state(key: bytes, value: bytes | None) -> None:
    message = pb.GetEagerStateCommandMessage(key=key)
    if value is None:
        message.void.SetInParent()
    else:
        message.value.content = value
        message.value.SetInParent()
    assert wire.eager_state(key, value) == message.SerializeToString()


@given(contents, contents)
def test_set_state(key: bytes, value: bytes) -> None:
    message = pb.SetStateCommandMessage(key=key, value=pb.Value(content=value))
    assert wire.set_state(key, value) == message.SerializeToString()


@given(ids)
def test_run_ack(completion_id: int) -> None:
    written = pb.ProposeRunCompletionAckMessage(completion_id=completion_id).SerializeToString()
    assert wire.read_run_ack(written) == (completion_id if completion_id < 128 else None)


@given(ids, names)
def test_run(completion_id: int, name: str) -> None:
    message = pb.RunCommandMessage(result_completion_id=completion_id, name=name)
    assert wire.run_command(completion_id, name) == message.SerializeToString()


@given(st.lists(ids, max_size=20), st.lists(ids, max_size=3), st.sampled_from(pb.CombinatorType.values()[1:]))
def test_awaiting_on(completions: list[int], signals: list[int], combinator: int) -> None:
    future = pb.Future(
        waiting_completions=completions,
        waiting_signals=signals,
        combinator_type=combinator,  # type: ignore[arg-type]
    )
    message = pb.AwaitingOnMessage(awaiting_on=future)
    assert wire.awaiting_on(completions, signals, combinator) == message.SerializeToString()


@given(ids, contents)
def test_run_proposal(completion_id: int, value: bytes) -> None:
    written = wire.run_proposal(completion_id, value)
    message = pb.ProposeRunCompletionMessage(result_completion_id=completion_id, value=value)
    assert written == message.SerializeToString()


@given(names, names, contents, names, ids, ids)
def test_call(service: str, handler: str, body: bytes, key: str, invocation_id: int, result: int) -> None:
    message = pb.CallCommandMessage(
        service_name=service,
        handler_name=handler,
        parameter=body,
        key=key,
        invocation_id_notification_idx=invocation_id,
        result_completion_id=result,
    )
    written = wire.call_command(wire.callee(service, handler), body, key, invocation_id, result)
    assert written == message.SerializeToString()


@given(contents)
def test_reading_an_input(content: bytes) -> None:
    assert wire.read_lone_value(pb.InputCommandMessage(value=pb.Value(content=content)).SerializeToString()) == content


@given(ids, contents)
def test_reading_a_completion(completion_id: int, content: bytes) -> None:
    message = pb.Notification(completion_id=completion_id, value=pb.Value(content=content))
    assert wire.read_completion(message.SerializeToString()) == (completion_id, content, None)


@given(ids, names)
def test_reading_an_invocation_id(completion_id: int, invocation_id: str) -> None:
    message = pb.Notification(completion_id=completion_id, invocation_id=invocation_id)
    assert wire.read_completion(message.SerializeToString()) == (completion_id, None, invocation_id)


def test_other_inputs_are_left_to_the_generated_code() -> None:
    with_header = pb.InputCommandMessage(value=pb.Value(content=b"x"))
    with_header.headers.add(key="a", value="b")
    for message in (with_header, pb.InputCommandMessage(), pb.InputCommandMessage(name="n")):
        assert wire.read_lone_value(message.SerializeToString()) is None


def test_other_notifications_are_left_to_the_generated_code() -> None:
    value = pb.Value(content=b"x")
    for message in (
        pb.Notification(),
        pb.Notification(completion_id=1),
        pb.Notification(completion_id=1, void=pb.Void()),
        pb.Notification(completion_id=1, failure=pb.Failure(code=500, message="no")),
        pb.Notification(signal_name="s", value=value),
        pb.Notification(signal_id=17, value=value),
    ):
        assert wire.read_completion(message.SerializeToString()) is None


def _mangled(messages: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    """One octet of the first is left out, replaced, or two stand there instead."""
    return st.builds(
        lambda whole, at, octets: whole[:at] + octets + whole[at + 1 :],
        messages.map(lambda message: message.SerializeToString()),
        st.integers(0, 12),
        st.binary(max_size=2),
    )


values = st.builds(
    lambda id_, content: pb.Notification(completion_id=id_, value=pb.Value(content=content)), ids, contents
)
started = st.builds(lambda id_, name: pb.Notification(completion_id=id_, invocation_id=name), ids, names)
mangled = st.binary(max_size=12) | _mangled(values) | _mangled(started)


@given(mangled)
def test_what_is_read_by_hand_is_what_the_generated_code_reads(payload: bytes) -> None:
    """Whatever the bytes are: the short way gives up, or agrees."""
    read = wire.read_completion(payload)
    if read is not None:
        message = pb.Notification.FromString(payload)
        completion_id, value, invocation_id = read
        assert (message.WhichOneof("id"), message.completion_id) == ("completion_id", completion_id)
        if value is None:
            assert (message.WhichOneof("result"), message.invocation_id) == ("invocation_id", invocation_id)
        else:
            assert (message.WhichOneof("result"), message.value.content) == ("value", value)


@given(mangled)
def test_an_input_read_by_hand_is_what_the_generated_code_reads(payload: bytes) -> None:
    payload = b"\x72" + payload[1:]
    read = wire.read_lone_value(payload)
    if read is not None:
        message = pb.InputCommandMessage.FromString(payload)
        assert (message.value.content, len(message.headers), message.name) == (read, 0, "")


@given(st.binary(max_size=3))
def test_an_ack_read_by_hand_is_what_the_generated_code_reads(payload: bytes) -> None:
    read = wire.read_run_ack(payload)
    if read is not None:
        assert pb.ProposeRunCompletionAckMessage.FromString(payload).completion_id == read
