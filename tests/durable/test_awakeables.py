"""Awakeables: results that somebody outside delivers by id."""

from __future__ import annotations

import asyncio
import base64

import pytest

from restate_reflect import Context, TerminalError
from restate_reflect.protocol.versions import ProtocolVersion
from tests.journals import V5, V6, V7, M, command, play, signal

ID = b"\x01" * 24


class Waiter:
    async def one(self, ctx: Context) -> int:
        return await ctx.awakeable(int)

    async def ids(self, ctx: Context) -> list[str]:
        return [ctx.awakeable(int).id, ctx.awakeable(str).id]

    async def two(self, ctx: Context) -> list[object]:
        first, second = ctx.awakeable(int), ctx.awakeable(str)
        return [await second, await first]

    async def catch(self, ctx: Context) -> str:
        try:
            return str(await ctx.awakeable())
        except TerminalError as error:
            return f"{error.code} {error.message}"

    async def resolve(self, ctx: Context, id: str) -> None:
        ctx.resolve_awakeable(id, {"a": 1})
        ctx.resolve_awakeable(id)
        ctx.reject_awakeable(id, "no", 410)

    async def all(self, ctx: Context) -> list[int]:
        return await asyncio.gather(*(ctx.awakeable(int) for _ in range(3)))


def expected_id(index: int) -> str:
    return "sign_1" + base64.urlsafe_b64encode(ID + index.to_bytes(4, "big")).rstrip(b"=").decode()


def test_id_is_sign_1_with_invocation_id_and_signal_index() -> None:
    """Indexes count from 17; those below are the protocol's own."""
    played = play(Waiter, "ids")
    assert played.output == f'["{expected_id(17)}","{expected_id(18)}"]'.encode()


def test_id_can_be_parsed_back() -> None:
    import json

    first = json.loads(play(Waiter, "ids").output)[0]
    assert first.startswith("sign_1")
    raw = base64.urlsafe_b64decode(first.removeprefix("sign_1") + "=" * (-len(first.removeprefix("sign_1")) % 4))
    assert (raw[:-4], int.from_bytes(raw[-4:], "big")) == (ID, 17)


def test_creating_one_is_no_command() -> None:
    played = play(Waiter, "one", eof=True)
    assert played.types == [M.SUSPENSION]
    assert played.suspended_on == ["#17", "#1"]


@pytest.mark.parametrize("version", [V5, V6, V7])
def test_its_signal_resolves_it(version: ProtocolVersion) -> None:
    assert play(Waiter, "one", version=version).feed(signal(17, b"5")).output == b"5"


def test_signals_find_their_awakeable_in_any_order() -> None:
    assert play(Waiter, "two").feed(signal(17, b"1"), signal(18, b'"x"')).output == b'["x",1]'


def test_signals_on_record_resolve_it_on_replay() -> None:
    assert play(Waiter, "all", signal(18, b"2"), signal(17, b"1"), signal(19, b"3")).output == b"[1,2,3]"


def test_rejection_is_a_terminal_error() -> None:
    assert play(Waiter, "catch").feed(signal(17, error=(410, "gone"))).output == b'"410 gone"'


def test_a_void_result_reads_as_none() -> None:
    assert play(Waiter, "catch").feed(signal(17)).output == b'"None"'


def test_a_result_that_does_not_fit_is_a_retryable_bug() -> None:
    played = play(Waiter, "one").feed(signal(17, b'"five"'))
    assert "does not fit its declared type" in played.error.message


def test_resolving_and_rejecting_are_commands() -> None:
    played = play(Waiter, "resolve", body=b'"sign_1AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"')
    resolved, void, rejected = played.all(M.COMPLETE_AWAKEABLE_COMMAND)
    assert (resolved.awakeable_id, resolved.value.content) == (
        "sign_1AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        b'{"a":1}',
    )
    assert (void.WhichOneof("result"), void.value.content) == ("value", b"null")
    assert (rejected.failure.code, rejected.failure.message) == (410, "no")


def test_signals_of_nobody_are_kept_and_harm_nothing() -> None:
    assert play(Waiter, "one").feed(signal(40, b"1"), signal(17, b"5")).output == b"5"


def test_the_recorded_completion_of_an_awakeable_is_compared() -> None:
    recorded = command(M.COMPLETE_AWAKEABLE_COMMAND, awakeable_id="sign_1AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQ")
    assert play(Waiter, "resolve", recorded, body=b'"sign_1AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"').error.code == 570
