"""Journal entries as the log of ``dev`` words them."""

from __future__ import annotations

import json
import time
import traceback

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from restate_reflect.dev import words
from restate_reflect.dev.spans import span
from restate_reflect.dev.trace import place_in
from restate_reflect.engine.notifications import CANCEL_SIGNAL, Notification, SignalIndex
from restate_reflect.errors import TerminalError
from restate_reflect.http2.errors import ConnectionFault
from restate_reflect.http2.huffman import decode
from restate_reflect.protocol import _pb2 as pb
from restate_reflect.protocol.messages import MessageType, command_classes


def value(text: str) -> pb.Value:
    return pb.Value(content=text.encode())


# Half an hour to spare: the text has days and hours.
LATER = int((time.time() + 100 * 86_400 + 2.5 * 3600) * 1000)

WORDED: list[tuple[Message, str]] = [
    (pb.GetLazyStateCommandMessage(key=b"count", result_completion_id=1), 'get "count"'),
    (pb.GetEagerStateCommandMessage(key=b"count", value=value("5")), 'get "count" → 5'),
    (pb.GetEagerStateCommandMessage(key=b"count", void=pb.Void()), 'get "count" → nothing'),
    (pb.GetLazyStateKeysCommandMessage(result_completion_id=1), "list state"),
    (pb.GetEagerStateKeysCommandMessage(value=pb.StateKeys(keys=[b"a", b"b"])), 'list state → "a", "b"'),
    (pb.SetStateCommandMessage(key=b"count", value=value("5")), 'set "count" = 5'),
    (pb.ClearStateCommandMessage(key=b"count"), 'clear "count"'),
    (pb.ClearAllStateCommandMessage(), "clear all state"),
    (pb.RunCommandMessage(name="charge", result_completion_id=1), 'run "charge"'),
    (pb.SleepCommandMessage(wake_up_time=LATER), "sleep 100 days 2 h"),
    (pb.SleepCommandMessage(wake_up_time=1), "sleep"),
    (
        pb.CallCommandMessage(service_name="Stock", key="tea", handler_name="take", parameter=b"2"),
        "call Stock/tea/take 2",
    ),
    (pb.OneWayCallCommandMessage(service_name="Mailer", handler_name="receipt"), "send Mailer/receipt"),
    (
        pb.OneWayCallCommandMessage(service_name="Mailer", handler_name="receipt", invoke_time=LATER),
        "send Mailer/receipt, to start in 100 days 2 h",
    ),
    (pb.GetPromiseCommandMessage(key="answer"), 'promise "answer"'),
    (pb.PeekPromiseCommandMessage(key="answer"), 'peek promise "answer"'),
    (
        pb.CompletePromiseCommandMessage(key="answer", completion_value=value("true")),
        'resolve promise "answer" with true',
    ),
    (
        pb.CompletePromiseCommandMessage(key="answer", completion_failure=pb.Failure(message="too late")),
        'reject promise "answer": too late',
    ),
    (
        pb.CompleteAwakeableCommandMessage(awakeable_id="sign_1x", value=value("1")),
        "resolve awakeable sign_1x with 1",
    ),
    (pb.SendSignalCommandMessage(target_invocation_id="inv_1", idx=CANCEL_SIGNAL, void=pb.Void()), "cancel inv_1"),
    (
        pb.SendSignalCommandMessage(target_invocation_id="inv_1", name="go", value=value("1")),
        'resolve signal "go" of inv_1 with 1',
    ),
    (pb.AttachInvocationCommandMessage(invocation_id="inv_1"), "attach to inv_1"),
    (
        pb.GetInvocationOutputCommandMessage(workflow_target=pb.WorkflowTarget(workflow_name="Trip", workflow_key="a")),
        "output of Trip/a",
    ),
]


@pytest.mark.parametrize("message, text", WORDED, ids=[text for _, text in WORDED])
def test_a_command_in_words(message: Message, text: str) -> None:
    """No field names, no bytes literals."""
    (kind,) = (kind for kind, cls in command_classes().items() if cls is type(message))
    assert words.step(kind, message.SerializeToString()) == text


def test_every_command_has_words() -> None:
    """Input and output are told otherwise, by what begins and ends an invocation."""
    told = {type(message) for message, _ in WORDED} | {pb.InputCommandMessage, pb.OutputCommandMessage}
    assert set(command_classes().values()) == told


@pytest.mark.parametrize("kind", command_classes())
def test_an_empty_command_has_words_too(kind: MessageType) -> None:
    """Whatever an SDK leaves out."""
    assert words.step(kind, b"")


OUTCOMES = [
    (Notification(1, value=b'"ch_1"'), ' → "ch_1"'),
    (Notification(1), ""),
    (Notification(1, failure=TerminalError("sold out", 409)), " failed: sold out (409)"),
    (Notification(1, state_keys=[]), " → nothing"),
]


@pytest.mark.parametrize("done, text", OUTCOMES)
def test_an_outcome_in_words(done: Notification, text: str) -> None:
    """It stands behind the step's own words."""
    assert words.outcome(done) == text


def test_signals_in_words() -> None:
    """Awakeables and cancellation are signals by number."""
    assert words.arrived(Notification(SignalIndex(17), value=b"true")) == "awakeable → true"
    assert words.arrived(Notification(SignalIndex(CANCEL_SIGNAL))) == "is asked to cancel"
    assert words.arrived(Notification("go", value=b"1")) == 'signal "go" → 1'


@given(st.binary(max_size=300))
def test_any_value_is_one_short_line(body: bytes) -> None:
    """Also what is no text."""
    text = words.text_of(body)
    assert text
    assert len(text) <= 101
    assert len(text.splitlines()) <= 1 or not text.strip()


@pytest.mark.parametrize(
    "milliseconds, text",
    [
        (-5, "0 ms"), (0.4, "0 ms"), (12.3, "12 ms"), (999.6, "1 s"), (1500, "1.5 s"), (59_000, "59 s"),
        (90_000, "2 min"), (3_600_000, "1 h 0 min"), (86_400_000, "1 day"), (3 * 86_400_000 + 7_200_000, "3 days 2 h"),
    ],
)  # fmt: skip
def test_spans_as_people_say_them(milliseconds: float, text: str) -> None:
    """In one or two units."""
    assert span(milliseconds) == text


def test_the_innermost_line_of_the_user_is_found() -> None:
    """Frames of libraries below it, and of ours above it, are not the user's to mend."""
    with pytest.raises(ValueError, match="Expecting value") as raised:
        json.loads("no JSON")  # the user's line
    trace = "".join(traceback.format_exception(raised.value))
    place = place_in(trace)
    assert place is not None
    assert "test_words.py" in place
    assert place.endswith('json.loads("no JSON")  # the user\'s line')
    assert place_in("") is None


def test_a_line_of_ours_is_not_the_users() -> None:
    """Compiled or not: a compiled module's frames have another path."""
    with pytest.raises(ConnectionFault) as raised:
        decode(bytes([255] * 8))
    place = place_in("".join(traceback.format_exception(raised.value)))
    assert place is not None
    assert "test_words.py" in place
