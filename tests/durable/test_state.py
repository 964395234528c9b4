"""State: eager and lazy reads, own writes, keys, clearing."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from restate_reflect import ObjectContext, ObjectSharedContext, State
from restate_reflect.protocol.versions import ProtocolVersion
from tests.journals import V5, V6, V7, M, Played, command, done, play

VERSIONS = pytest.mark.parametrize("version", [V5, V6, V7])


class Point(BaseModel):
    x: int = 0


class Counter:
    count = State(int, default=0)

    async def add(self, ctx: ObjectContext, n: int) -> int:
        before = await ctx.get("count", int, default=0)
        ctx.set("count", before + n)
        return before + n

    async def twice(self, ctx: ObjectContext) -> list[int | None]:
        first = await ctx.get("count", int)
        ctx.set("count", 10)
        second = await ctx.get("count", int)
        ctx.clear("count")
        return [first, second, await ctx.get("count", int)]

    async def names(self, ctx: ObjectContext) -> list[str]:
        return await ctx.keys()

    async def names_after_writes(self, ctx: ObjectContext) -> list[str]:
        ctx.set("z", 1)
        ctx.clear("a")
        return await ctx.keys()

    async def wipe(self, ctx: ObjectContext) -> list[object]:
        ctx.clear_all()
        ctx.set("b", 2)
        return [await ctx.get("a", int), await ctx.get("b", int), await ctx.keys()]

    async def declared(self, ctx: ObjectContext) -> int:
        ctx.set(Counter.count, await ctx.get(Counter.count) + 1)
        return await ctx.get(Counter.count)

    async def point(self, ctx: ObjectContext) -> str:
        ctx.set("p", Point(x=3))
        return repr(await ctx.get("p", Point))

    async def both(self, ctx: ObjectContext) -> list[int | None]:
        first, second = ctx.get("a", int), ctx.get("b", int)
        return [await second, await first]

    async def look(self, ctx: ObjectSharedContext) -> str:
        return f"{ctx.key} {await ctx.get('count', int)}"


@VERSIONS
def test_eager_read_answers_at_once_and_records_the_value(version: ProtocolVersion) -> None:
    played = play(Counter, "add", body=b"3", version=version, key="k", state={"count": b"4"})
    assert played.types == [M.GET_EAGER_STATE_COMMAND, M.SET_STATE_COMMAND, M.OUTPUT_COMMAND, M.END]
    read = played.one(M.GET_EAGER_STATE_COMMAND)
    assert (read.key, read.value.content) == (b"count", b"4")
    written = played.one(M.SET_STATE_COMMAND)
    assert (written.key, written.value.content) == (b"count", b"7")
    assert played.output == b"7"


def test_eager_read_of_a_missing_key_records_void_and_gives_the_default() -> None:
    played = play(Counter, "add", body=b"3", state={})
    assert played.one(M.GET_EAGER_STATE_COMMAND).WhichOneof("result") == "void"
    assert played.output == b"3"


def test_no_bytes_are_read_as_a_missing_key() -> None:
    """Python's official SDK writes them for ``None``."""
    assert play(Counter, "add", body=b"3", state={"count": b""}).output == b"3"


@VERSIONS
def test_lazy_read_asks_the_server(version: ProtocolVersion) -> None:
    played = play(Counter, "add", body=b"3", version=version)
    assert played.types[0] == M.GET_LAZY_STATE_COMMAND
    asked = played.one(M.GET_LAZY_STATE_COMMAND)
    assert (asked.key, asked.result_completion_id) == (b"count", 1)
    assert played.waits
    assert played.feed(done(M.GET_LAZY_STATE_COMPLETION, 1, b"4")).output == b"7"


def test_lazy_read_of_a_missing_key_gives_the_default() -> None:
    assert play(Counter, "add", body=b"3").feed(done(M.GET_LAZY_STATE_COMPLETION, 1)).output == b"3"


def test_partial_state_answers_known_keys_and_asks_for_others() -> None:
    played = play(Counter, "both", state={"a": b"1"}, partial=True)
    assert played.types == [M.GET_EAGER_STATE_COMMAND, M.GET_LAZY_STATE_COMMAND]
    assert played.feed(done(M.GET_LAZY_STATE_COMPLETION, 2, b"2")).output == b"[2,1]"


@pytest.mark.parametrize("state", [{"count": b"1"}, {}])
def test_own_writes_are_visible(state: dict[str, bytes]) -> None:
    played = play(Counter, "twice", state=state)
    assert played.output == (b"[1,10,null]" if state else b"[null,10,null]")
    assert M.GET_LAZY_STATE_COMMAND not in played.types


def test_own_writes_are_visible_without_asking_when_state_is_lazy() -> None:
    played = play(Counter, "twice").feed(done(M.GET_LAZY_STATE_COMPLETION, 1, b"1"))
    assert played.output == b"[1,10,null]"
    assert played.types.count(M.GET_LAZY_STATE_COMMAND) == 1
    assert played.types.count(M.GET_EAGER_STATE_COMMAND) == 2


def test_eager_keys_are_sorted_and_recorded() -> None:
    played = play(Counter, "names", state={"b": b"1", "a": b"1"})
    assert list(played.one(M.GET_EAGER_STATE_KEYS_COMMAND).value.keys) == [b"a", b"b"]
    assert played.output == b'["a","b"]'


def test_eager_keys_know_own_writes() -> None:
    assert play(Counter, "names_after_writes", state={"a": b"1", "b": b"1"}).output == b'["b","z"]'


def test_lazy_keys_ask_the_server() -> None:
    from restate_reflect.protocol import _pb2 as pb
    from tests.journals import frame

    played = play(Counter, "names")
    assert played.types == [M.GET_LAZY_STATE_KEYS_COMMAND]
    answer = pb.Notification(completion_id=1, state_keys=pb.StateKeys(keys=[b"x", b"y"]))
    assert played.feed(frame(M.GET_LAZY_STATE_KEYS_COMPLETION, answer)).output == b'["x","y"]'


def test_after_clear_all_nothing_need_be_asked() -> None:
    played = play(Counter, "wipe")
    assert played.output == b'[null,2,["b"]]'
    assert played.types[0] == M.CLEAR_ALL_STATE_COMMAND
    assert not {M.GET_LAZY_STATE_COMMAND, M.GET_LAZY_STATE_KEYS_COMMAND} & set(played.types)


def test_declared_key_has_its_type_and_default() -> None:
    assert play(Counter, "declared", state={}).output == b"1"
    assert play(Counter, "declared", state={"count": b"41"}).output == b"42"


def test_values_come_back_as_their_type() -> None:
    assert play(Counter, "point", state={}).output == b'"Point(x=3)"'


def test_key_and_state_are_readable_in_a_shared_handler() -> None:
    assert play(Counter, "look", key="k1", state={"count": b"5"}).output == b'"k1 5"'


@pytest.mark.parametrize("handler", ["add", "twice", "names", "names_after_writes", "wipe", "declared"])
def test_replay_reads_the_recorded_value_not_the_current_state(handler: str) -> None:
    """The next attempt's start message shows the state after the first one's writes."""
    body = b"3" if handler == "add" else b""
    first = play(Counter, handler, body=body, state={"count": b"4"})
    for cut in range(1, len(stored(first)) + 1):
        following = Played(Counter, handler, V6, (), guard=first.environment.guard)
        following.begin(stored(first)[:cut], state={"count": b"99", "new": b"1"} if cut > 3 else {"count": b"4"})
        if cut == len(stored(first)):
            assert following.types == [M.END]


def stored(played: Played) -> list[bytes]:
    played._store_written()
    return played.stored


def test_an_eager_read_on_record_is_answered_from_it_even_if_state_is_lazy_now() -> None:
    from restate_reflect.protocol import _pb2 as pb

    recorded = command(M.GET_EAGER_STATE_COMMAND, key=b"count", value=pb.Value(content=b"40"))
    played = play(Counter, "add", recorded, body=b"2")
    assert played.types == [M.SET_STATE_COMMAND, M.OUTPUT_COMMAND, M.END]
    assert played.output == b"42"


def test_a_lazy_read_on_record_waits_for_its_completion_even_if_state_is_eager_now() -> None:
    recorded = command(M.GET_LAZY_STATE_COMMAND, key=b"count", result_completion_id=1)
    played = play(Counter, "add", recorded, body=b"2", state={"count": b"1"})
    assert played.types == []
    assert played.feed(done(M.GET_LAZY_STATE_COMPLETION, 1, b"40")).output == b"42"


def test_stored_bytes_that_do_not_fit_the_type_end_the_attempt_not_the_invocation() -> None:
    played = play(Counter, "add", body=b"1", state={"count": b'"four"'})
    assert played.types == [M.GET_EAGER_STATE_COMMAND, M.ERROR]
    assert played.error.code == 500
    assert "the result of state 'count' does not fit its declared type" in played.error.message


def test_a_value_that_does_not_fit_its_declared_type_is_a_bug_with_a_place() -> None:
    class Wrong:
        count = State(int, default=0)

        async def go(self, ctx: ObjectContext) -> None:
            ctx.set(Wrong.count, "three")  # type: ignore[misc]

    played = play(Wrong, "go", state={})
    assert played.types == [M.ERROR]
    assert "the value for state 'count' does not fit its declared type" in played.error.message
    assert "test_state.py:" in played.error.message


def test_a_recorded_key_list_that_is_not_text_is_a_protocol_violation() -> None:
    from restate_reflect.protocol import _pb2 as pb

    recorded = command(M.GET_EAGER_STATE_KEYS_COMMAND, value=pb.StateKeys(keys=[b"\xff"]))
    played = play(Counter, "names", recorded)
    assert played.types == [M.ERROR]
    assert played.error.code == 571


class Cart:
    items = State(list[str], default=[])

    async def add(self, ctx: ObjectContext, item: str) -> list[str]:
        items = await ctx.get(Cart.items)
        items.append(item)
        return items


def test_a_mutable_default_is_nobody_elses() -> None:
    """Changed in place it would reach other keys, and the next attempt of the same invocation."""
    assert play(Cart, "add", body=b'"a"', state={}).output == b'["a"]'
    assert play(Cart, "add", body=b'"b"', state={}).output == b'["b"]'
    assert Cart.items.default == []


@pytest.mark.parametrize("use", ["get", "set", "clear"])
def test_a_key_declared_outside_of_a_class_needs_a_name(use: str) -> None:
    loose = State(int)

    class Loose:
        async def go(self, ctx: ObjectContext) -> None:
            if use == "get":
                await ctx.get(loose)
            elif use == "set":
                ctx.set(loose, 1)
            else:
                ctx.clear(loose)

    assert "has no key. Declare it in the body of a class" in play(Loose, "go", state={}).error.message
