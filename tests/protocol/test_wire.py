"""Messages encoded by hand are byte for byte those of the generated code."""

from __future__ import annotations

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


@given(contents, contents)
def test_set_state(key: bytes, content: bytes) -> None:
    message = pb.SetStateCommandMessage(key=key, value=pb.Value(content=content))
    assert wire.keyed_value(key, content) == message.SerializeToString()


@given(contents, contents | st.none())
def test_eager_get(key: bytes, content: bytes | None) -> None:
    message = pb.GetEagerStateCommandMessage(key=key)
    if content is None:
        message.void.CopyFrom(pb.Void())
    else:
        message.value.CopyFrom(pb.Value(content=content))
    assert wire.eager_get(key, content) == message.SerializeToString()


@given(contents, ids)
def test_lazy_get(key: bytes, completion_id: int) -> None:
    message = pb.GetLazyStateCommandMessage(key=key, result_completion_id=completion_id)
    assert wire.state_get(key, completion_id) == message.SerializeToString()


@given(ids, names)
def test_run(completion_id: int, name: str) -> None:
    message = pb.RunCommandMessage(result_completion_id=completion_id, name=name)
    assert wire.run_command(completion_id, name) == message.SerializeToString()


@given(st.integers(min_value=0, max_value=2**64 - 1), ids, names)
def test_sleep(wake_up_time: int, completion_id: int, name: str) -> None:
    message = pb.SleepCommandMessage(wake_up_time=wake_up_time, result_completion_id=completion_id, name=name)
    assert wire.sleep_command(wake_up_time, completion_id, name) == message.SerializeToString()


@given(ids, contents)
def test_run_proposal(completion_id: int, value: bytes) -> None:
    message = pb.ProposeRunCompletionMessage(result_completion_id=completion_id, value=value)
    assert wire.run_proposal(completion_id, value) == message.SerializeToString()
