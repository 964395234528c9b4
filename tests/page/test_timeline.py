"""Journals as steps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from restate_reflect.ingress import JournalEntry
from restate_reflect.page._timeline import timeline
from restate_reflect.reflection import reflect
from tests.page.services import Orders

START = datetime(2026, 1, 31, 12, tzinfo=UTC)
YES = [34, 121, 101, 115, 34]
"""The bytes of ``"yes"``."""


def entry(index: int, kind: str, content: Any, name: str = "") -> JournalEntry:
    """As the server gives them; one second lies between two."""
    return JournalEntry(index, kind, name, START + timedelta(seconds=index), content, {})


def command(index: int, kind: str, body: dict[str, Any], name: str = "") -> JournalEntry:
    return entry(index, f"Command: {kind}", {"Command": {kind: body}}, name)


def completion(index: int, kind: str, body: dict[str, Any]) -> JournalEntry:
    return entry(index, f"Notification: {kind}", {"Notification": {"Completion": {kind: body}}})


def test_a_command_ends_with_its_completion() -> None:
    """Though others come between them; the notification is no step of its own."""
    first, second = timeline(
        [
            command(0, "Run", {"completion_id": 1, "name": "a"}, "a"),
            command(1, "Run", {"completion_id": 2, "name": "b"}, "b"),
            completion(2, "Run", {"completion_id": 2, "result": {"Failure": {"code": 402, "message": "no"}}}),
            completion(3, "Run", {"completion_id": 1, "result": {"Success": YES}}),
        ]
    )
    assert (first["name"], first["state"], first["start"], first["end"]) == (
        "a",
        "done",
        "2026-01-31T12:00:00+00:00",
        "2026-01-31T12:00:03+00:00",
    )
    assert first["details"] == [{"label": "Result", "form": "json", "text": '"yes"'}]
    assert (second["state"], second["end"]) == ("failed", "2026-01-31T12:00:02+00:00")
    assert second["details"] == [{"label": "Failure", "form": "text", "text": "[402] no"}]


def test_a_call_names_its_target_and_the_callees_invocation() -> None:
    """It ends with its result; the invocation id that comes before does not end it."""
    target = {"VirtualObject": {"name": "Stock", "key": "a/b", "handler": "add", "scope": None}}
    request = {"invocation_id": "inv_1x", "invocation_target": target, "parameter": [49]}
    body = {"request": request, "invocation_id_completion_id": 1, "result_completion_id": 2}
    started = [command(0, "Call", body), completion(1, "CallInvocationId", {"completion_id": 1, "invocation_id": "x"})]
    (step,) = timeline(started)
    assert (step["state"], step["end"], step["invocationId"], step["name"]) == (
        "waiting",
        None,
        "inv_1x",
        "Stock/a/b/add",
    )
    (step,) = timeline([*started, completion(2, "Call", {"completion_id": 2, "result": {"Success": YES}})])
    assert step["state"] == "done"
    assert [detail["text"] for detail in step["details"]] == ["1", '"yes"']


def test_states_promises_and_signals_tell_what_they_are_about() -> None:
    """By key, name or index."""
    steps = timeline(
        [
            command(0, "SetState", {"key": "stock", "value": [49]}),
            command(1, "GetEagerStateKeys", {"state_keys": ["a", "b"]}),
            command(2, "GetPromise", {"key": "paid", "completion_id": 1}),
            command(3, "SendSignal", {"target_invocation_id": "inv_1y", "signal_id": {"Name": "go"}, "result": "Void"}),
            entry(4, "Notification: Signal", {"Notification": {"Signal": {"id": {"Index": 17}, "result": "Void"}}}),
        ]
    )
    assert [(step["type"], step["name"]) for step in steps] == [
        ("SetState", "stock"),
        ("GetEagerStateKeys", ""),
        ("GetPromise", "paid"),
        ("SendSignal", "go"),
        ("Signal", "17"),
    ]
    assert steps[0]["details"][0]["text"] == "1"
    assert steps[1]["details"][0]["text"] == "a, b"
    assert steps[3]["invocationId"] == "inv_1y"


def test_binary_messages_are_shown_as_json() -> None:
    """By the codecs of the handler, where it is known."""
    entries = [
        command(0, "Input", {"payload": list(b"\x0a\x05\x0a\x03pen"), "headers": []}),
        command(1, "Output", {"result": {"Success": [8, 250, 1]}}),
    ]
    received, returned = timeline(entries, reflect(Orders).handlers["quote"])
    assert received["details"][0]["form"] == "json"
    assert '"sku": "pen"' in received["details"][0]["text"]
    assert '"cents": "250"' in returned["details"][0]["text"]
    assert timeline(entries)[1]["details"][0]["form"] == "base64"


KINDS = ["Command: Run", "Notification: Run", "Command: New", "Event: Something", "odd", "Command: Input"]
WORDS = ["Command", "Notification", "Completion", "Run", "result", "Success", "Failure", "completion_id", "payload"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 300) | st.text(max_size=3) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=3),
    max_leaves=12,
)


@given(st.lists(st.tuples(st.sampled_from(KINDS), JSON), max_size=6))
def test_whatever_a_newer_server_writes_is_shown_somehow(entries: list[tuple[str, Any]]) -> None:
    """Commands are steps in their order, known or not."""
    made = [entry(index, kind, content) for index, (kind, content) in enumerate(entries)]
    steps = timeline(made)
    commands = [each.index for each in made if not each.type.startswith("Notification")]
    assert [step["index"] for step in steps if not made[step["index"]].type.startswith("Notification")] == commands
    assert all(step["state"] in {"done", "failed", "waiting"} for step in steps)
