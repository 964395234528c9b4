"""``ctx.log``: each line once."""

from __future__ import annotations

import logging

import pytest

from restate_reflect import Context
from tests.journals import M, done, play


class Chatty:
    async def go(self, ctx: Context) -> None:
        ctx.log.info("before %s", "one")
        await ctx.sleep(1)
        ctx.log.info("between")
        await ctx.sleep(2)
        ctx.log.warning("after")


def test_lines_are_silent_while_replaying(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "restate_reflect")

    def said() -> list[str]:
        lines = [record.getMessage() for record in caplog.records if "handlers" in record.name]
        caplog.clear()
        return lines

    first = play(Chatty, "go")
    assert said() == ["before one"]
    second = first.again(done(M.SLEEP_COMPLETION, 1))
    assert said() == ["between"]
    third = second.again(done(M.SLEEP_COMPLETION, 2))
    assert third.types[-1] == M.END
    assert said() == ["after"]


def test_records_carry_service_and_invocation_id(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "restate_reflect")
    play(Chatty, "go")
    record = next(record for record in caplog.records if record.getMessage() == "before one")
    assert record.name == "restate_reflect.handlers.Chatty"
    assert record.__dict__["invocation_id"] == "inv_test"


def test_a_failed_attempt_is_logged_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        async def go(self, ctx: Context) -> None:
            raise ValueError("bad thing")

    play(Broken, "go")
    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "Broken/go inv_test: attempt failed (500): ValueError: bad thing" in record.getMessage()


def test_the_stack_trace_is_logged_with_the_first_attempt_only(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        async def go(self, ctx: Context) -> None:
            raise ValueError("bad thing")

    play(Broken, "go")
    play(Broken, "go", retry_count_since_last_stored_entry=1)
    first, second = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "test_logs.py" in first
    assert second.endswith("attempt failed (500): ValueError: bad thing")


def test_extra_fields_stand_beside_the_invocation_id(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "restate_reflect")

    class Extra:
        async def go(self, ctx: Context) -> None:
            ctx.log.info("said", extra={"order": 7})

    play(Extra, "go")
    record = next(record for record in caplog.records if record.getMessage() == "said")
    assert (record.__dict__["order"], record.__dict__["invocation_id"]) == (7, "inv_test")
