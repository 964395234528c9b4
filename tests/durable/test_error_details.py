"""What of an unexpected exception leaves the process."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from restate_reflect import Context, RetryPolicy, TerminalError, endpoint, handler, service
from restate_reflect.definitions import ServiceDefinition
from restate_reflect.endpoint import CORE
from restate_reflect.errors import ReflectionError
from restate_reflect.reflection import reflect
from tests.journals import M, command, play

SECRET = "postgres://user:password@db/shop"


class Shop:
    """Fails in each way."""

    async def fail(self, ctx: Context) -> None:
        raise ConnectionError(SECRET)

    async def fail_in_step(self, ctx: Context) -> None:
        await ctx.run("connect", self._connect)

    async def give_up(self, ctx: Context) -> str:
        try:
            await ctx.options(retry=RetryPolicy(max_attempts=1)).run("connect", self._connect)
        except TerminalError as error:
            return error.message
        return ""

    async def mismatch(self, ctx: Context) -> None:
        await ctx.run(SECRET, str)

    async def wrong_result(self, ctx: Context) -> int:
        return SECRET  # type: ignore[return-value]

    async def group(self, ctx: Context) -> None:
        raise ExceptionGroup(SECRET, [ValueError(SECRET)])

    async def answer(self, ctx: Context) -> None:
        raise TerminalError(SECRET, 409)

    def _connect(self) -> None:
        raise ConnectionError(SECRET)


def shop(details: Any) -> ServiceDefinition:
    return reflect(Shop(), error_details=details)


FAILING = ["fail", "fail_in_step", "wrong_result", "group"]


@pytest.mark.parametrize("name", FAILING)
def test_everything(name: str) -> None:
    error = play(shop("full"), name).finish_runs().error
    if name != "wrong_result":  # which is told without one
        assert SECRET in error.message
        assert "test_error_details.py" in error.stacktrace


@pytest.mark.parametrize("name", FAILING)
def test_the_message_alone(name: str) -> None:
    error = play(shop("message"), name).finish_runs().error
    assert error.message != ""
    assert error.stacktrace == ""


@pytest.mark.parametrize("name", FAILING)
def test_a_reference_alone(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """The log has under that id what it refers to, with the stack trace."""
    with caplog.at_level(logging.WARNING):
        played = play(shop("reference"), name).finish_runs()
    identifier = played.attempt.engine.started.debug_id
    assert identifier != ""
    assert played.error.message == f"the attempt failed; the log of the endpoint has the reason, under {identifier}"
    assert SECRET.encode() not in played.sink.data
    assert b"test_error_details" not in played.sink.data
    assert played.error.code == 500
    (record,) = [record for record in caplog.records if "attempt failed" in record.msg]
    assert identifier in record.getMessage()
    if name != "wrong_result":
        assert SECRET in record.getMessage()
        assert "test_error_details.py" in record.getMessage()


def test_mismatches_pass_the_same_place() -> None:
    recorded = command(M.RUN_COMMAND, name="other", result_completion_id=1)
    for details, said in [
        ("message", "journal mismatch"),
        ("reference", "the attempt failed; the log of the endpoint"),
    ]:
        error = play(shop(details), "mismatch", recorded).error
        assert error.code == 570
        assert error.message.startswith(said)
        assert error.stacktrace == ""


def test_a_step_that_gives_up_is_a_terminal_failure_with_a_reference(caplog: pytest.LogCaptureFixture) -> None:
    """Its text stands in the journal, and reaches the caller unless the handler catches it."""
    with caplog.at_level(logging.WARNING):
        played = play(shop("reference"), "give_up").finish_runs().echo()
    identifier = played.attempt.engine.started.debug_id
    said = f"step 'connect' failed; the log of the endpoint has the reason, under {identifier}"
    assert json.loads(played.output) == said
    assert SECRET.encode() not in played.sink.data
    (record,) = [record for record in caplog.records if "failed for good" in record.msg]
    assert identifier in record.getMessage()
    assert record.exc_info is not None
    assert SECRET in str(record.exc_info[1])


def test_a_terminal_error_is_an_answer() -> None:
    """It says what the handler's author wrote."""
    for details in ("full", "message", "reference"):
        assert SECRET.encode() in play(shop(details), "answer").sink.data


def test_the_handler_counts_then_the_service_then_the_endpoint() -> None:
    @service(error_details="message")
    class Chosen:
        async def inherits(self, ctx: Context) -> None: ...

        @handler(error_details="reference")
        async def own(self, ctx: Context) -> None: ...

    definition = reflect(Chosen)
    assert definition.error_details(definition.handlers["inherits"]) == "message"
    assert definition.error_details(definition.handlers["own"]) == "reference"
    shop = reflect(Shop)
    assert shop.error_details(shop.handlers["fail"]) is None


async def environment_default(**options: Any) -> str:
    default: str = endpoint(Shop, **options)[CORE].environment.error_details
    return default


def test_endpoints_tell_the_message_if_nobody_says_otherwise() -> None:
    assert asyncio.run(environment_default()) == "message"
    assert asyncio.run(environment_default(error_details="reference")) == "reference"


def test_other_words_are_refused() -> None:
    with pytest.raises(ReflectionError, match=r"error_details is 'all'.*Use one of 'full', 'message', 'reference'"):
        reflect(Shop, error_details="all")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="error_details is 'all'; there are full, message, reference"):
        endpoint(Shop, error_details="all")  # type: ignore[arg-type]
