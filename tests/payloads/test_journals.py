"""Handlers see plain values, and the server sees none of what they make, wherever it crashes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from restate_reflect import Context, ObjectContext
from restate_reflect.embedded import RuntimeSettings
from restate_reflect.errors import HandlerBugError, PayloadUnavailableError
from restate_reflect.payloads import Chain, ClaimCheck, Encrypt, Zstd
from restate_reflect.payloads._envelope import MAGIC
from restate_reflect.protocol.versions import ProtocolVersion
from restate_reflect.testing import Durable, TestEnvironment
from tests.payloads.services import (
    ALL,
    CHAINS,
    KEYS,
    LARGE,
    SECRET,
    Cart,
    Everything,
    MemoryStore,
    Signup,
    Upper,
    encrypting,
    on_a_loop,
)

VERSIONS = [ProtocolVersion(5), ProtocolVersion(6), ProtocolVersion(7)]


def stored(env: Any) -> bytes:
    """All that the embedded runtime stores of payloads."""
    runtime = env.runtime
    journals = [entry.payload for each in runtime.invocations() for entry in runtime.kernel.store.journal(each.id)]
    state = [value for key in ("a", "b") for value in runtime.state("Cart", key).values()]
    return b"\n".join([*journals, *state])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("chain", CHAINS)
@on_a_loop
async def test_every_position_comes_back(chain: str, version: ProtocolVersion) -> None:
    settings = RuntimeSettings(max_protocol_version=version, force_suspension=version == 6)
    async with TestEnvironment(*ALL, payloads=CHAINS[chain](), settings=settings) as env:
        said = await env.call(Everything.run, "x")
        assert all(said.values()), said
        if chain != "compressed":
            assert SECRET.encode() not in stored(env)
            assert SECRET.upper().encode() not in stored(env)


@pytest.mark.parametrize("chain", ["encrypted", "claimed"])
async def test_every_position_survives_every_crash(durable: Durable, chain: str) -> None:
    env = await durable(*ALL, payloads=CHAINS[chain]())
    assert all((await env.call(Everything.run, "x")).values())


@pytest.mark.parametrize("chain", CHAINS)
async def test_state_comes_back(durable: Durable, chain: str) -> None:
    """From the start message, from the server, and from this attempt's own writes; ``None`` and bytes that look encoded
    included."""
    env = await durable(*ALL, payloads=CHAINS[chain]())
    filled = await env.call(Cart.fill, ["tea"], key="a")
    assert filled == ["tea", SECRET, None, "items", "large", "nothing", "raw"]
    assert await env.call(Cart.look, key="a") == f"{len(LARGE)} ['tea', '{SECRET}']"
    assert env.state(Cart, "a").get("items", list[str]) == ["tea", SECRET]
    env.state(Cart, "b").set("items", [SECRET])
    assert await env.call(Cart.look, key="b") == f"0 ['{SECRET}']"
    if chain == "encrypted" and isinstance(env, TestEnvironment):
        assert SECRET.encode() not in b"".join(env.runtime.state("Cart", "a").values())


@pytest.mark.parametrize("chain", CHAINS)
async def test_promises_come_back(durable: Durable, chain: str) -> None:
    env = await durable(*ALL, payloads=CHAINS[chain]())
    run = await env.send(Signup.run, "ada", key="ada")
    assert await env.call(Signup.verify, SECRET, key="ada") is None
    assert await run.attach() == "ada True"
    assert env.promise(Signup, "ada", "verified").peek(str) == SECRET


async def test_what_comes_from_outside_and_goes_there_is_plain(durable: Durable) -> None:
    """The ingress, and other tools, read and write as before; awakeables and promises that they complete as well."""
    env = await durable(*ALL, payloads=encrypting("old"))
    assert await env.call_raw("Upper", "up", b'"tea"') == b'"TEA"'
    sent = await env.send(Upper.encoded)
    await sent.attach()
    if isinstance(env, TestEnvironment):
        runtime: Any = env.runtime
        assert runtime.kernel.store.journal(sent.id)[-1].payload.endswith(f'"{SECRET}"'.encode())


async def test_the_output_is_encoded_for_whoever_sends_an_encoded_input(durable: Durable) -> None:
    """Also where there is no input; a client that attaches has to know the keys."""

    class Caller:
        async def sends(self, ctx: Context) -> str:
            sent = ctx.send(Upper.encoded)
            await sent.attach()
            return await sent.invocation_id

    env = await durable(Upper, Caller, payloads=encrypting("old"))
    identifier = await env.call(Caller.sends)
    assert await env.invocation(identifier, str).attach() == SECRET
    if isinstance(env, TestEnvironment):
        journal = env.runtime.kernel.store.journal(identifier)
        assert MAGIC in journal[0].payload
        assert SECRET.encode() not in journal[-1].payload
    assert f'"{SECRET}"'.encode() in env.journal(identifier)[-1].message.SerializeToString()


@on_a_loop
async def test_calls_to_others_are_plain() -> None:
    """A service that is not served here may be anybody's, unless it is named as a peer."""

    class Caller:
        async def calls(self, ctx: Context) -> str:
            return await ctx.call(Upper.up, SECRET)

    for peers, is_plain in (((), True), (("Upper",), False)):
        async with TestEnvironment(Upper, Caller, payloads=Chain(encrypting("old"), peers=peers)) as env:
            env._core._names = frozenset({"Caller"})  # as if the other one were served by another endpoint
            assert await env.call(Caller.calls) == SECRET.upper()
            (caller,) = env.invocations(Caller)
            command = env.runtime.kernel.store.journal(caller.id)[1]
            assert (SECRET.encode() in command.payload) is is_plain


async def test_positions_can_be_left_plain(durable: Durable) -> None:
    env = await durable(*ALL, payloads=Chain(encrypting("old"), plain=["state", "step"]))
    await env.call(Cart.fill, [], key="a")
    await env.call(Upper.encoded)
    if isinstance(env, TestEnvironment):
        state = env.runtime.state("Cart", "a")
        assert state["items"] == f'["{SECRET}"]'.encode()
        # Those that look encoded by themselves say that they are not.
        assert [name for name, value in state.items() if MAGIC in value] == ["raw"]
    assert await env.call(Cart.look, key="a") == f"{len(LARGE)} ['{SECRET}']"


# ---------------------------------------------------------------- other keys, other codecs, none before


class Long:
    """Waits between each two of its steps, so that the next attempt replays them."""

    async def takes(self, ctx: ObjectContext) -> str:
        ctx.set("a", SECRET)
        step = await ctx.run("step", _secret)
        await ctx.sleep(10)
        up = await ctx.call(Upper.up, step)
        ctx.set("b", up)
        await ctx.sleep(10)
        assert await ctx.get("a", str) == SECRET
        return await ctx.call(Upper.up, (await ctx.get("b", str) or "") + "!")


async def _secret() -> str:
    return SECRET


Chains = tuple[Callable[[], Any], Callable[[], Any], Callable[[], Any]]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "chains",
    [
        (lambda: encrypting("old"), lambda: encrypting("new", "old"), lambda: encrypting("new", "old")),
        (lambda: (), lambda: encrypting("old"), lambda: encrypting("new", "old")),
        (lambda: [Zstd(1, level=1)], lambda: [Zstd(1, level=19)], lambda: Chain([], also_reads=[Zstd()])),
        (
            lambda: encrypting("old"),
            lambda: Chain(encrypting("old"), plain=["state", "step", "input", "output"]),
            lambda: [Zstd(1), Encrypt(KEYS)],
        ),
    ],
    ids=["keys", "none before", "compressor", "positions"],
)
@on_a_loop
async def test_an_invocation_goes_on_after_the_chain_was_changed(chains: Chains, version: ProtocolVersion) -> None:
    """What is recorded is compared by what it means: no nonce, key or level makes a journal of another code."""
    settings = RuntimeSettings(force_suspension=True, max_protocol_version=version)
    async with TestEnvironment(Upper, Long, payloads=Chain([Zstd(1)]), settings=settings, auto_skip=False) as env:
        core = env._core
        core.payloads = _chain(chains[0]())
        sent = await env.send(Long.takes, key="k")
        for make in chains[1:]:
            await env.advance(seconds=1)
            core.payloads = _chain(make())
            await env.advance(seconds=11)
        assert await env.invocation(sent.id, str).attach() == f"{SECRET.upper()}!"


def _chain(payloads: Any) -> Chain | None:
    from restate_reflect.payloads import chain_of

    return chain_of(payloads)


@on_a_loop
async def test_a_key_that_is_gone_is_named_until_it_is_back() -> None:
    """The attempt fails and is tried again: no handler catches it, and none goes on without the value."""

    class Careless:
        async def takes(self, ctx: ObjectContext) -> str:
            ctx.set("a", SECRET)
            await ctx.sleep(10)
            try:
                return await ctx.get("a", str) or "nothing"
            except Exception:
                return "caught"

    settings = RuntimeSettings(force_suspension=True)
    chain = Chain(encrypting("old"))
    async with TestEnvironment(Careless, payloads=chain, settings=settings, retries=True) as env:
        sent = await env.send(Careless.takes, key="k")
        await env.settle()
        env._core.payloads = Chain(encrypting("new"))
        await env.advance(seconds=15)
        (seen,) = env.invocations(Careless)
        assert seen.status == "backing-off"
        assert "state Careless/k 'a'" in str(seen.failure)
        assert "encrypted with key 'old', and the keys here are 'new'" in str(seen.failure)
        env._core.payloads = Chain(encrypting("new", "old"))
        await env.advance(seconds=60)
        assert await sent.attach() == SECRET


@on_a_loop
async def test_state_that_nobody_asks_for_may_be_unreadable() -> None:
    """One lost key must not stop handlers that read another."""

    class Two:
        async def write(self, ctx: ObjectContext, name: str) -> None:
            ctx.set(name, SECRET)

        async def read(self, ctx: ObjectContext, name: str) -> str | None:
            return await ctx.get(name, str)

    async with TestEnvironment(Two, payloads=encrypting("old")) as env:
        await env.call(Two.write, "before", key="k")
        env._core.payloads = Chain(encrypting("new"))
        await env.call(Two.write, "after", key="k")
        assert await env.call(Two.read, "after", key="k") == SECRET
        assert await env.call(Two.read, "neither", key="k") is None
        with pytest.raises(PayloadUnavailableError, match=r"state Two/k 'before'.*key 'old'"):
            await env.call(Two.read, "before", key="k")


# ---------------------------------------------------------------- stores that fail


@on_a_loop
async def test_what_can_t_be_kept_is_not_written() -> None:
    """The attempt fails with the store's own words, and the next one does it again."""
    store = MemoryStore()
    store.failures = 2
    chain = Chain([ClaimCheck(store, above=100)])
    async with TestEnvironment(*ALL, payloads=chain, retries=True) as env:
        await env.call(Cart.fill, ["tea"], key="a")
        assert store.failures == 0
        assert await env.call(Cart.look, key="a") == f"{len(LARGE)} ['tea', '{SECRET}']"


@on_a_loop
async def test_what_was_lost_is_told() -> None:
    store = MemoryStore()
    async with TestEnvironment(*ALL, payloads=Chain([ClaimCheck(store, above=100, cache_bytes=0)])) as env:
        await env.call(Cart.fill, ["tea"], key="a")
        store.kept.clear()
        with pytest.raises(PayloadUnavailableError, match=r"state Cart/a 'large'.*MemoryStore has nothing"):
            await env.call(Cart.look, key="a")


@on_a_loop
async def test_equal_payloads_are_kept_once() -> None:
    """Without encryption, whose nonces make them differ."""
    store = MemoryStore()
    async with TestEnvironment(*ALL, payloads=[ClaimCheck(store, above=100)]) as env:
        await env.call(Cart.fill, ["tea"], key="a")
        await env.call(Cart.fill, ["tea"], key="b")
        assert len(store.kept) == 1


@on_a_loop
async def test_what_is_read_back_is_not_kept_again() -> None:
    """An eager read writes the value into the journal: as it was stored, not encrypted and kept once more."""

    class Reads:
        async def often(self, ctx: ObjectContext) -> int:
            ctx.set("large", LARGE)
            return sum([len(await ctx.get("large", str) or "") for _ in range(5)])

    store = MemoryStore()
    async with TestEnvironment(Reads, payloads=[*encrypting("old"), ClaimCheck(store, above=10)]) as env:
        assert await env.call(Reads.often, key="a") == 5 * len(LARGE)
        assert store.puts == 1


@on_a_loop
async def test_a_mismatch_does_not_show_what_is_encrypted() -> None:
    """Its text goes to the server."""

    for chain, is_shown in ((encrypting("old"), False), ([Zstd()], True)):
        service = Changed()
        with pytest.raises(HandlerBugError, match="journal mismatch") as told:
            await _changed(service, chain)
        assert (SECRET in str(told.value)) is is_shown


class Changed:
    def __init__(self) -> None:
        self.text = SECRET

    async def calls(self, ctx: Context) -> str:
        ctx.send(Upper.up, self.text)
        await ctx.sleep(10)
        return "done"


async def _changed(service: Changed, chain: list[Any]) -> None:
    settings = RuntimeSettings(force_suspension=True)
    async with TestEnvironment(Upper, service, payloads=chain, settings=settings, auto_skip=False) as env:
        await env.send(Changed.calls)
        await env.settle()
        service.text = f"other {SECRET}"
        await env.advance(seconds=11)
