"""A journal as a file: readable, exact to the byte, and without its secrets if that is asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restate_reflect import ObjectContext
from restate_reflect.protocol.framing import encode_frame
from restate_reflect.replay import JournalFileError, LastFailure, Outcome, dump, load, loads, mask_secrets, save
from restate_reflect.testing import recorded_journals
from tests.journals import M, called, command, done, given_input, inv, signal
from tests.replay.recorded import recorded, replayed

EVERYTHING = [
    given_input(b'{"card":{"number":"4111-1111"},"sku":"tea"}', {"traceparent": "00-1"}),
    command(M.GET_EAGER_STATE_COMMAND, key=b"stock", value={"content": b"5"}),
    command(M.GET_EAGER_STATE_COMMAND, key=b"none", void={}),
    command(M.GET_EAGER_STATE_KEYS_COMMAND, value={"keys": [b"a", b"b"]}),
    command(
        M.CALL_COMMAND, service_name="Bank", handler_name="charge", parameter=b'{"card":"4111-1111"}',
        invocation_id_notification_idx=1, result_completion_id=2, idempotency_key="",
    ),
    called(1, inv(7)),
    done(M.CALL_COMPLETION, 2, b'"charged 4111-1111"'),
    command(M.RUN_COMMAND, name="token", result_completion_id=3),
    done(M.RUN_COMPLETION, 3, error=(409, "no token for 4111-1111")),
    command(M.SLEEP_COMMAND, wake_up_time=1 << 50, result_completion_id=4, name="nap"),
    done(M.SLEEP_COMPLETION, 4),
    signal("approved", b"\xff\x00"),
    signal(17, b"plain text"),
    command(M.SEND_SIGNAL_COMMAND, target_invocation_id=inv(2), idx=1, void={}),
    command(M.OUTPUT_COMMAND, value={"content": b'{"a": 1}'}),
]  # fmt: skip


def test_what_is_read_back_is_what_was_written() -> None:
    journal = recorded(
        *EVERYTHING,
        key="a",
        state={"stock": b"5", "blob": b"\xff"},
        random_seed=1 << 63,
        failure=LastFailure("boom", "500", 3),
        recorded_at=datetime(2026, 11, 29, tzinfo=UTC),
        status="suspended",
        scope="tenant",
    )
    assert loads(dump(journal)) == journal


@settings(deadline=None, max_examples=50)
@given(st.lists(st.binary(max_size=40), max_size=4), st.binary(max_size=40))
def test_every_payload_is_kept_to_the_byte(results: list[bytes], body: bytes) -> None:
    entries = [done(M.RUN_COMPLETION, number, each) for number, each in enumerate(results, 1)]
    journal = recorded(given_input(body), *entries, state={"k": body})
    assert loads(dump(journal)) == journal


@settings(deadline=None, max_examples=50)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda each: st.lists(each) | st.dictionaries(st.text(), each),
    )
)
def test_every_json_is_kept_to_the_byte(value: Any) -> None:
    styles: list[dict[str, Any]] = [{}, {"separators": (",", ":")}, {"ensure_ascii": False, "separators": (",", ":")}]
    for style in styles:
        journal = recorded(given_input(json.dumps(value, **style).encode("utf-8", "surrogatepass")))
        assert loads(dump(journal).encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass")) == journal


def test_bytes_that_are_no_message_of_ours_are_kept_too() -> None:
    """Unknown fields, another order of fields, entries of a newer protocol."""
    odd = b"".join([command(M.SLEEP_COMMAND, name="x")[8:], b"\xfa\x07\x01z"])
    journal = recorded(given_input(), encode_frame(M.SLEEP_COMMAND, odd), encode_frame(0x0499, b"\x01\x02"))
    assert loads(dump(journal)) == journal


def test_payloads_are_readable() -> None:
    entries = json.loads(dump(recorded(*EVERYTHING)))["entries"]
    assert entries[0]["value"] == {"json": {"card": {"number": "4111-1111"}, "sku": "tea"}}
    assert entries[4]["parameter"] == {"json": {"card": "4111-1111"}}
    assert entries[1] == {"type": "get_eager_state_command", "key": "stock", "value": {"json": 5}}
    assert entries[11]["value"] == {"base64": "/wA="}
    assert entries[12]["value"] == {"text": "plain text"}
    assert entries[14]["value"] == {"json": {"a": 1}, "style": "spaces"}


BROKEN = [
    ("no json", "it is no JSON"),
    ("[]", "its format is None"),
    ('{"format": "restate-reflect-journal/9"}', "its format is 'restate-reflect-journal/9'"),
    ('{"format": "restate-reflect-journal/1"}', "it has no entries, handler, invocation, protocol, service"),
]


@pytest.mark.parametrize("text, message", BROKEN)
def test_what_is_no_journal_is_refused(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(JournalFileError, match=message) as caught:
        load(file)
    assert str(caught.value).startswith(str(file))


def edited(change: Any) -> str:
    data = json.loads(dump(recorded(*EVERYTHING)))
    change(data)
    return json.dumps(data)


@pytest.mark.parametrize(
    "change, message",
    [
        (
            lambda data: data["entries"][0].update(type="imput_command"),
            r"entries\[0\]: there is no type 'imput_command'",
        ),
        (
            lambda data: data["entries"][0].update(colour=1),
            r"entries\[0\]\.colour: a InputCommandMessage has no such field",
        ),
        (lambda data: data["entries"][0].update(value={"xml": 1}), r"entries\[0\]\.value: a payload is one of"),
        (lambda data: data["entries"][11].update(value={"base64": "!"}), r"entries\[11\]\.value: "),
        (lambda data: data["entries"][9].update(wake_up_time="soon"), r"entries\[9\]\.wake_up_time: "),
        (lambda data: data.update(colour=1), "it has colour, which no journal has"),
    ],
)
def test_a_mistake_in_a_file_is_named_by_its_place(change: Any, message: str) -> None:
    with pytest.raises(JournalFileError, match=message):
        loads(edited(change))


# ---------------------------------------------------------------- secrets


def test_a_secret_is_replaced_wherever_it_stands() -> None:
    """In payloads, within longer texts, in failures; what is left is a journal that says so."""
    masked = mask_secrets(recorded(*EVERYTHING), ["input.card.number"])
    text = dump(masked)
    assert "4111" not in text
    assert json.loads(text)["masked"] == ["input.card.number"]
    assert "charged masked-1" in text
    assert "no token for masked-1" in text
    assert loads(text) == masked


@pytest.mark.parametrize("path", ["**.number", "*.card.*", "input.card", "charge.card", "Bank.card"])
def test_paths_lead_to_values(path: str) -> None:
    journal = recorded(*EVERYTHING)
    if path == "Bank.card":
        with pytest.raises(JournalFileError, match=r"nothing in the journal of .* is at 'Bank.card'"):
            mask_secrets(journal, [path])
    else:
        assert "4111" not in dump(mask_secrets(journal, [path]))


def test_numbers_and_state_are_masked() -> None:
    journal = recorded(given_input(b'{"pin":1234,"ok":true}'), state={"pin": b"1234", "n.x": b'{"a":"secret"}'})
    masked = mask_secrets(journal, ["input.pin", "state.n.x.a"])
    assert masked.entries[0].payload != journal.entries[0].payload
    assert masked.state == {"pin": b"0", "n.x": b'{"a":"masked-1"}'}


def test_a_secret_in_other_bytes_is_refused() -> None:
    journal = recorded(given_input(b'"secret"'), done(M.RUN_COMPLETION, 1, b"\xffsecret"))
    with pytest.raises(JournalFileError, match=r"in a payload of .* that is no text"):
        mask_secrets(journal, ["input"])


class Shop:
    async def buy(self, ctx: ObjectContext, card: str) -> str:
        ctx.set("card", f"card {card}")
        return await ctx.signal("go", str)


def test_a_masked_journal_replays() -> None:
    """The handler hands the replaced value on, as it did the secret."""
    journal = recorded(
        given_input(b'"4111-1111"'), command(M.SET_STATE_COMMAND, key=b"card", value={"content": b'"card 4111-1111"'})
    )
    assert replayed(mask_secrets(journal, ["input"]), Shop).outcome is Outcome.WAITS


# ---------------------------------------------------------------- folders


def test_all_journals_of_a_folder_make_tests(tmp_path: Path) -> None:
    (tmp_path / "orders").mkdir()
    journal = recorded(given_input(b'"x"'))
    save(journal, tmp_path / "orders" / "waiting.json")
    save(replace(journal, key="b"), tmp_path / "another.json")
    found = recorded_journals(tmp_path)
    assert [(each.id, each.values[0].key) for each in found] == [("another", "b"), ("orders/waiting", None)]


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    """A test of nothing would pass for ever."""
    with pytest.raises(FileNotFoundError, match="--save FILE"):
        recorded_journals(tmp_path)
