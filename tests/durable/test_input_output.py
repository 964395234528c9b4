"""Input, output, failures of handlers, and what a handler knows of its invocation."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from restate_reflect import Context, HandlerOptions, ObjectContext, RetryableError, TerminalError, handler, reflect
from restate_reflect.manifest import build_manifest
from restate_reflect.protocol.versions import ProtocolVersion
from tests.journals import V5, V6, V7, M, Played, play

VERSIONS = pytest.mark.parametrize("version", [V5, V6, V7])


class Order(BaseModel):
    sku: str
    qty: int


class Desk:
    async def take(self, ctx: Context, order: Order) -> str:
        return f"{order.qty} {order.sku}"

    async def several(self, ctx: Context, a: int, b: int = 2) -> int:
        return a + b

    async def nothing(self, ctx: Context) -> None:
        return None

    async def numbers(self, ctx: Context, numbers: list[int]) -> None:
        raise AssertionError("not reached")

    async def wrong(self, ctx: Context) -> int:
        return "three"  # type: ignore[return-value]

    async def terminal(self, ctx: Context) -> None:
        raise TerminalError("no", code=418, metadata={"why": "teapot"})

    async def retryable(self, ctx: Context) -> None:
        raise RetryableError("later", retry_after=2.5, code=503)

    async def broken(self, ctx: Context) -> None:
        raise ValueError("bad thing")

    async def raises(self, ctx: Context) -> None:
        raise _errors.pop()

    def plain(self, ctx: Context, n: int) -> int:
        return n * 2

    def plain_future(self, ctx: Context) -> Any:
        return ctx.sleep(1)

    def plain_wrong(self, ctx: Context) -> None:
        raise TerminalError("plain", 400)


class Ledger:
    async def after_step(self, ctx: ObjectContext) -> None:
        ctx.set("a", 1)
        raise ValueError("bad thing")


class Plain:
    def sends(self, ctx: ObjectContext) -> int:
        ctx.set("a", 1)
        ctx.clear("b")
        return 3


class About:
    async def request(self, ctx: ObjectContext) -> list[object]:
        request = ctx.request
        return [
            request.id,
            dict(request.headers),
            dict(request.attempt_headers),
            request.body.decode(),
            request.key,
            request.scope,
            request.limit_key,
            request.idempotency_key,
            request.retry_count,
        ]

    async def changed(self, ctx: ObjectContext) -> str:
        headers = ctx.request.attempt_headers
        headers["mine"] = "1"  # type: ignore[index]
        return json.dumps(headers)

    async def chance(self, ctx: ObjectContext) -> list[object]:
        return [ctx.random.random(), ctx.random.randint(1, 10**9), str(ctx.uuid())]


def test_headers_of_the_attempt_are_the_handlers_own() -> None:
    """Equal requests of one HTTP/2 connection share theirs; and a plain dict goes wherever one may go."""
    played = play(About, "changed")
    assert json.loads(json.loads(played.output)) == {"traceparent": "00-1", "mine": "1"}
    assert played.attempt.headers == {"traceparent": "00-1"}


_errors: list[BaseException] = []


def with_error(error: BaseException, **options: Any) -> Played:
    _errors.append(error)
    return play(Desk, "raises", **options)


@VERSIONS
def test_the_body_is_the_argument_and_the_result_the_output(version: ProtocolVersion) -> None:
    played = play(Desk, "take", body=b'{"sku":"s","qty":2}', version=version)
    assert played.types == [M.OUTPUT_COMMAND, M.END]
    assert played.output == b'"2 s"'


def test_several_arguments_are_fields_of_one_object() -> None:
    assert play(Desk, "several", body=b'{"a":1}').output == b"3"
    assert play(Desk, "several", body=b'{"a":1,"b":5}').output == b"6"


def test_none_is_an_empty_output_but_an_output() -> None:
    played = play(Desk, "nothing")
    assert played.one(M.OUTPUT_COMMAND).WhichOneof("result") == "value"
    assert played.output == b""


@VERSIONS
def test_bad_input_is_a_terminal_400_with_the_list_of_mistakes(version: ProtocolVersion) -> None:
    played = play(Desk, "take", body=b'{"qty":"many"}', version=version)
    code, message = played.failure
    assert code == 400
    assert "invalid input for" in message
    assert "Desk.take" in message
    assert "sku" in message
    assert "qty" in message
    metadata = played.one(M.OUTPUT_COMMAND).failure.metadata
    if version == 5:
        assert list(metadata) == []
    else:
        assert metadata[0].key == "errors"
        assert {error["loc"][0] for error in json.loads(metadata[0].value)} == {"sku", "qty"}


def test_bad_input_replays() -> None:
    assert play(Desk, "take", body=b"{").again().types == [M.END]


def test_a_result_that_does_not_fit_is_retryable_and_names_handler_and_place() -> None:
    played = play(Desk, "wrong")
    assert played.types == [M.ERROR]
    assert "the result of" in played.error.message
    assert "Desk.wrong" in played.error.message
    assert "test_input_output.py:" in played.error.message


def test_a_forgotten_return_is_no_null() -> None:
    class Forgetful:
        async def go(self, ctx: Context) -> int:  # type: ignore[empty-body]
            pass

    played = play(Forgetful, "go")
    assert played.types == [M.ERROR]
    assert "a value of type NoneType does not fit the declared type int" in played.error.message


def test_terminal_error_is_the_output() -> None:
    played = play(Desk, "terminal")
    assert played.failure == (418, "no")
    assert [(m.key, m.value) for m in played.one(M.OUTPUT_COMMAND).failure.metadata] == [("why", "teapot")]


def test_terminal_error_with_metadata_needs_v6() -> None:
    assert play(Desk, "terminal", version=V5).error.code == 573


def test_retryable_error_sets_code_and_delay() -> None:
    error = play(Desk, "retryable").error
    assert (error.code, error.message, error.next_retry_delay) == (503, "later", 2500)


def test_other_errors_end_the_attempt_with_a_stack_trace() -> None:
    error = play(Desk, "broken").error
    assert (error.code, error.message) == (500, "ValueError: bad thing")
    assert "in broken" in error.stacktrace
    assert not error.HasField("related_command_index")


def test_errors_name_the_last_command() -> None:
    error = play(Ledger, "after_step", state={}).error
    assert (error.related_command_index, error.related_command_type) == (1, M.SET_STATE_COMMAND)


@pytest.mark.parametrize("delay", [timedelta(seconds=-1), timedelta.max])
def test_an_odd_retry_delay_does_not_break_the_error(delay: timedelta) -> None:
    """The field is unsigned, and the server's clock has an end."""
    error = with_error(RetryableError("later", retry_after=delay)).error
    assert error.message == "later"
    assert 0 <= error.next_retry_delay <= 366 * 86_400_000


@pytest.mark.parametrize(
    "error", [TerminalError("x", code=-1), RetryableError("x", code=-1), TerminalError("x", 1 << 40)]
)
def test_an_odd_code_is_reported_as_500(error: Exception) -> None:
    played = with_error(error)
    if isinstance(error, TerminalError):
        assert played.failure == (500, "x")
    else:
        assert played.error.code == 500


@pytest.mark.parametrize("error", [ValueError("\udc80"), TerminalError("\udc80", metadata={"\udc81": "\udc82"})])
def test_text_that_is_no_unicode_is_escaped(error: Exception) -> None:
    """``os.fsdecode`` makes such text of file names, and protobuf takes none of it."""
    played = with_error(error)
    if isinstance(error, TerminalError):
        assert played.failure == (500, "\\udc80")
    else:
        assert played.error.message == "ValueError: \\udc80"


def test_sys_exit_ends_the_attempt_not_the_process() -> None:
    assert with_error(SystemExit(3)).error.message == "SystemExit: 3"


@pytest.mark.parametrize("error", [asyncio.CancelledError(), GeneratorExit()])
def test_other_base_exceptions_end_the_attempt(error: BaseException) -> None:
    assert with_error(error).types == [M.ERROR]


def test_a_group_of_terminal_errors_is_terminal() -> None:
    """``TaskGroup`` wraps what its tasks raise; the first answers for all."""
    nested = ExceptionGroup("inner", [TerminalError("first", 409), TerminalError("second", 410)])
    assert with_error(ExceptionGroup("outer", [nested, TerminalError("third", 411)])).failure == (409, "first")


def test_a_group_with_any_other_error_is_retryable() -> None:
    played = with_error(ExceptionGroup("outer", [TerminalError("first", 409), ValueError("bad")]))
    assert played.types == [M.ERROR]
    assert "ValueError: bad" in played.error.stacktrace


def test_a_group_says_what_is_in_it_and_retries_as_that_asks() -> None:
    """TaskGroup wraps what its tasks raise; the text of the group alone says no more than that there is one."""
    error = with_error(
        ExceptionGroup("outer", [ValueError("bad"), RetryableError("busy", retry_after=3, code=503)])
    ).error
    assert error.message == "ExceptionGroup: outer (2 sub-exceptions): ValueError: bad; busy"
    assert (error.code, error.next_retry_delay) == (503, 3000)


def test_the_stack_trace_is_bounded() -> None:
    """The server stores it with the invocation."""
    error = with_error(ValueError("x" * 100_000)).error
    assert len(error.stacktrace) <= 16_000


def test_the_message_is_bounded() -> None:
    """The server refuses messages above 32 MiB, and would try again for ever."""
    message = with_error(ValueError("x" * 50_000_000)).error.message
    assert len(message) < 65_000
    assert message.endswith("characters more)")
    code, text = with_error(TerminalError("x" * 50_000_000, 418)).failure
    assert (code, len(text) < 1_000_100) == (418, True)


def test_the_list_of_mistakes_is_bounded() -> None:
    """Each entry quotes its input: a body of 1 MB made 27 MB of them."""
    body = json.dumps(["x"] * 20_000).encode()
    failure = play(Desk, "numbers", body=body).one(M.OUTPUT_COMMAND).failure
    errors = json.loads(failure.metadata[0].value)
    assert errors[0]["loc"] == [0]
    assert len(failure.metadata[0].value) <= 64_000


class Unread:
    """A codec that must not be asked."""

    content_type = "application/x-unread"

    def encode(self, value: Any) -> bytes:
        return b""

    def decode(self, data: bytes) -> Any:
        raise AssertionError("the input was parsed")

    def json_schema(self, mode: str) -> None:
        return None


class Bounded:
    """Handlers with limits of their own, of their service's, and of nobody's."""

    @handler(max_input_bytes=10)
    async def ten(self, ctx: Context, data: bytes) -> int:
        return len(data)

    @handler(input_codec=Unread())
    async def unread(self, ctx: Context, data: Any) -> None: ...

    async def plain(self, ctx: Context, data: bytes) -> int:
        return len(data)

    async def fields(self, ctx: Context, a: int, b: int) -> int:
        return a + b

    async def none(self, ctx: Context) -> None: ...


@pytest.mark.parametrize(
    "options, name, size, limit",
    [
        ({}, "ten", 11, 10),
        ({"max_input_bytes": 5}, "ten", 11, 10),
        ({"max_input_bytes": 5}, "plain", 6, 5),
        ({"max_input_bytes": 5}, "unread", 6, 5),
        ({"max_input_bytes": 5}, "fields", 6, 5),
        ({"max_input_bytes": 5}, "none", 6, 5),
        ({"handlers": {"plain": HandlerOptions(max_input_bytes=7)}}, "plain", 8, 7),
        ({}, "plain", (4 << 20) + 1, 4 << 20),
        ({}, "unread", (4 << 20) + 1, 4 << 20),
    ],
)
def test_an_input_beyond_its_limit_is_not_parsed(options: dict[str, Any], name: str, size: int, limit: int) -> None:
    """The caller learns of both numbers, and of the option."""
    code, text = play(reflect(Bounded, **options), name, body=b"x" * size).failure
    assert code == 413
    assert f"has {size:,} bytes; it takes {limit:,} (max_input_bytes)" in text


@pytest.mark.parametrize("name, size", [("ten", 10), ("plain", 4 << 20)])
def test_an_input_of_just_its_limit_is_read(name: str, size: int) -> None:
    assert play(Bounded, name, body=b"x" * size).output == str(size).encode()


def test_the_limit_is_no_matter_of_the_manifest() -> None:
    """The server has limits of its own."""
    services = reflect(Desk), reflect(Desk, max_input_bytes=5)
    plain, bounded = (build_manifest([each], version=4, protocol_mode="BIDI_STREAM") for each in services)
    assert plain == bounded


def test_a_delay_of_zero_is_a_delay() -> None:
    assert with_error(RetryableError("now", retry_after=0)).error.HasField("next_retry_delay")


def test_plain_functions_work() -> None:
    assert play(Desk, "plain", body=b"4").output == b"8"
    assert play(Desk, "plain_wrong").failure == (400, "plain")
    assert play(Plain, "sends", state={}).types == [M.SET_STATE_COMMAND, M.CLEAR_STATE_COMMAND, M.OUTPUT_COMMAND, M.END]


def test_a_plain_function_may_return_one_of_the_contexts_futures() -> None:
    from tests.journals import done

    played = play(Desk, "plain_future")
    assert played.waits
    assert played.feed(done(M.SLEEP_COMPLETION, 1)).types[-1] == M.END


def test_request_holds_what_started_the_invocation() -> None:
    played = play(
        About, "request", headers={"x": "y"}, key="k", version=V7, scope="s", limit_key="l", idempotency_key="i",
        retry_count_since_last_stored_entry=4,
    )  # fmt: skip
    assert json.loads(played.output) == ["inv_test", {"x": "y"}, {"traceparent": "00-1"}, "", "k", "s", "l", "i", 4]


def test_scope_and_keys_are_unknown_before_v7() -> None:
    played = play(About, "request", key="k", version=V6, scope="s", limit_key="l", idempotency_key="i")
    assert json.loads(played.output)[5:8] == [None, None, None]


@VERSIONS
def test_random_numbers_and_uuids_are_the_same_in_every_attempt(version: ProtocolVersion) -> None:
    first = play(About, "chance", version=version).output
    assert play(About, "chance", version=version).output == first
    assert uuid.UUID(json.loads(first)[2]).version == 4


def test_the_seed_is_the_servers_since_v6_and_the_ids_before() -> None:
    def drawn(version: ProtocolVersion, **fields: Any) -> bytes:
        return play(About, "chance", version=version, **fields).output

    assert drawn(V6, random_seed=1) != drawn(V6, random_seed=2)
    assert drawn(V5, random_seed=1) == drawn(V5, random_seed=2)
    assert drawn(V5, id=b"1" * 24) != drawn(V5, id=b"2" * 24)
