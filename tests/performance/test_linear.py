"""Replay is linear in the journal's length: an entry costs as many calls in a long journal as in a short one."""

from __future__ import annotations

import pytest

from benchmarks.replay import JOURNALS, calls_of


@pytest.mark.parametrize("service", list(JOURNALS))
def test_an_entry_costs_the_same_in_a_journal_ten_times_as_long(service: str) -> None:
    short, middle, long = (calls_of(service, entries) for entries in (100, 200, 2000))
    per_entry = (middle - short) / 100
    assert per_entry > 1
    # A fifth of a call: every 64 steps those that are done are forgotten, and 100 entries may have one such look.
    assert (long - middle) / 1800 == pytest.approx(per_entry, rel=0.05, abs=0.2)
