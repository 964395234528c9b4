"""Ids and durations: what they are read from, and written as."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restate_reflect.embedded import ids
from restate_reflect.embedded.durations import DurationError, format_duration, parse_duration

raw_ids = st.binary(min_size=24, max_size=24)


@given(raw_ids)
def test_an_invocation_id_is_its_24_bytes(raw: bytes) -> None:
    text = ids.invocation_id(raw)
    assert len(text) == len("inv_1") + 33
    assert ids.parse_invocation_id(text) == raw


def test_an_id_of_restate_server_is_read_as_it_reads_it() -> None:
    """``inv_14XEGlXvCvFX5LOMRY5XxiaNQttkCWitx3`` came from a server."""
    text = "inv_14XEGlXvCvFX5LOMRY5XxiaNQttkCWitx3"
    assert ids.invocation_id(ids.parse_invocation_id(text)) == text


def test_an_awakeable_of_restate_server_belongs_to_the_invocation_that_made_it() -> None:
    """Both texts are of one handler on restate-server 1.7.12; 17 is the first awakeable."""
    awakeable = "sign_1HNOhMf-mTeqzew2TLjD8xlUVvSho0ElTAAAAEQ"
    assert ids.awakeable_target(awakeable) == ("inv_1k7bQGkTj8O82xa5Y4ygSiy6fGKhgzZNTl", 17)


@given(st.text(max_size=45))
def test_any_other_text_is_refused_with_a_reason(text: str) -> None:
    for parse in (ids.parse_invocation_id, ids.awakeable_target):
        with pytest.raises(ids.IdError, match=r"\w"):
            parse(text)


@given(raw_ids, st.integers(0, 2**32 - 1))
def test_an_awakeable_id_names_an_invocation_and_a_signal(raw: bytes, index: int) -> None:
    encoded = base64.urlsafe_b64encode(raw + index.to_bytes(4, "big")).rstrip(b"=").decode()
    assert ids.awakeable_target(f"sign_1{encoded}") == (ids.invocation_id(raw), index)


def test_requests_that_differ_have_ids_that_differ() -> None:
    found = {
        ids.workflow_id("W", "k"),
        ids.workflow_id("W", "l"),
        ids.workflow_id("V", "k"),
        ids.idempotent_id("S", None, "h", "i"),
        ids.idempotent_id("S", "k", "h", "i"),
        ids.idempotent_id("S", "k", "g", "i"),
        ids.idempotent_id("S", "k", "h", "j"),
        *(ids.unique_id(b"seed", n, None) for n in range(10)),
        *(ids.unique_id(b"other", n, None) for n in range(10)),
    }
    assert len(found) == 27


@pytest.mark.parametrize(
    "text, millis",
    [
        ("0", 0),
        ("10s", 10_000),
        ("1h 30m", 5_400_000),
        ("1h30m", 5_400_000),
        ("2 days, 3 hours", 183_600_000),
        ("1.5h", 5_400_000),
        ("500ms", 500),
        ("1500us", 1),
        ("1w", 604_800_000),
        ("PT10S", 10_000),
        ("P1DT2H", 93_600_000),
        ("PT0.5S", 500),
        ("P2W", 1_209_600_000),
    ],
)
def test_durations_are_read_in_both_forms(text: str, millis: int) -> None:
    assert parse_duration(text) == millis


@pytest.mark.parametrize("text", ["", " ", "bla", "10", "10 parsecs", "1y", "2 months", "P1Y", "P", "PT", "1h x", "-"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(DurationError):
        parse_duration(text)


@given(st.integers(0, 10**10))
def test_a_duration_is_read_as_it_was_written(millis: int) -> None:
    assert parse_duration(format_duration(millis)) == millis
