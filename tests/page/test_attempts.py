"""Failed attempts, as both engines tell of them: one that others follow, or the last one before a pause."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest

from restate_reflect.ingress import AdminClient
from restate_reflect.page._invocations import attempts


class Told:
    """An admin API with these events."""

    def __init__(self, *events: tuple[str, dict[str, Any]]) -> None:
        self._rows = [{"event_type": kind, "event_json": json.dumps(content)} for kind, content in events]

    async def query(self, sql: str) -> list[dict[str, Any]]:
        return self._rows


A, B = ({"error_code": 500, "error_message": message} for message in "AB")


@pytest.mark.parametrize(
    "events, shown",
    [
        ([("TransientError", A), ("Suspended", {}), ("TransientError", B)], ["A", "B"]),
        ([("TransientError", A), ("Paused", {"last_failure": B})], ["A", "B"]),
        ([("TransientError", A), ("Paused", {"last_failure": A})], ["A"]),
        ([("Paused", {"last_failure": A})], ["A"]),
        ([("Paused", {})], []),
    ],
)
def test_each_failure_is_shown_once(events: list[tuple[str, dict[str, Any]]], shown: list[str]) -> None:
    admin = cast("AdminClient", Told(*events))
    assert [attempt["message"] for attempt in asyncio.run(attempts(admin, "inv_1"))] == shown
