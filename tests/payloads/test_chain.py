"""What a chain writes it reads, at its place and nowhere else; what it can't read it tells."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restate_reflect.errors import PayloadDamagedError, PayloadError, PayloadUnavailableError
from restate_reflect.payloads import Chain, ClaimCheck, DirectoryStore, Encrypt, Position, Zstd, chain_of
from restate_reflect.payloads._envelope import MAGIC, seal
from tests.payloads.services import KEYS, MemoryStore, encrypting, on_a_loop

HERE = Position("state", "Cart", "alice", "items")
THERE = Position("state", "Cart", "bob", "items")


class Reversed:
    """A codec of somebody's own."""

    name = "reversed"

    def encode(self, data: bytes, position: Position) -> bytes | None:
        return data[::-1]

    def decode(self, data: bytes, position: Position, limit: int) -> bytes:
        return data[::-1]


@settings(deadline=None)
@given(data=st.binary(max_size=300) | st.binary(max_size=50).map(lambda data: MAGIC + data), marked=st.booleans())
@pytest.mark.parametrize(
    "codecs",
    [[], [Zstd(1)], [Encrypt(KEYS)], encrypting("old"), [Reversed()], [Reversed(), *encrypting("new")]],
    ids=["none", "zstd", "encrypted", "both", "own", "all"],
)
def test_what_is_written_is_read(codecs: list[Any], data: bytes, marked: bool) -> None:
    """Empty ones, and those that look as if something had been done to them, included."""
    chain = Chain(codecs)
    encoded = chain.encode(data, HERE, marked=marked)
    assert chain.decode(encoded.payload, HERE) == data
    assert encoded.kept is None
    assert encoded.payload.startswith(MAGIC) or not marked


@settings(deadline=None)
@given(data=st.binary(max_size=100))
def test_what_is_plain_is_read_as_it_is(data: bytes) -> None:
    """As long as it does not begin with the seven bytes that no JSON and no protobuf begins with."""
    if not data.startswith(MAGIC):
        assert Chain(encrypting("old")).decode(data, HERE) == data


async def _claimed(tmp_path: Path, data: bytes) -> tuple[Chain, bytes]:
    chain = Chain([*encrypting("old"), ClaimCheck(DirectoryStore(tmp_path), above=100, cache_bytes=0)])
    return chain, await chain.write(data, HERE)


@on_a_loop
async def test_what_is_large_is_kept_elsewhere(tmp_path: Path) -> None:
    """As files that hold what was encrypted, and are there once however often they are written."""
    data = os.urandom(5000)
    chain, payload = await _claimed(tmp_path, data)
    assert len(payload) < 60
    assert await chain.read(payload, HERE) == data
    (file,) = (each for each in tmp_path.rglob("*") if each.is_file())
    assert data[:16] not in file.read_bytes()
    with pytest.raises(PayloadDamagedError, match="changed or copied"):
        await chain.read(payload, THERE)


@on_a_loop
async def test_what_the_store_lost_or_changed_is_told(tmp_path: Path) -> None:
    chain, payload = await _claimed(tmp_path, os.urandom(5000))
    (file,) = (each for each in tmp_path.rglob("*") if each.is_file())
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    with pytest.raises(PayloadDamagedError, match="is something else"):
        await chain.read(payload, HERE)
    file.unlink()
    with pytest.raises(PayloadUnavailableError, match=r"state Cart/alice 'items'.*DirectoryStore has nothing with the"):
        await chain.read(payload, HERE)
    with pytest.raises(PayloadDamagedError, match="at most 4,106 are read"):
        await chain.read(payload[:-40] + (1 << 50).to_bytes(8, "big") + payload[-32:], HERE, 10)


@on_a_loop
async def test_a_store_that_fails_is_told() -> None:
    store = MemoryStore()
    store.failures = 1
    chain = Chain([ClaimCheck(store, above=10)])
    with pytest.raises(PayloadUnavailableError, match=r"MemoryStore\.put failed: OSError: the disk is full"):
        await chain.write(b"x" * 20, HERE)


class TestKeys:
    def test_the_first_one_writes_and_all_read(self) -> None:
        old, both, new = Chain(encrypting("old")), Chain(encrypting("new", "old")), Chain(encrypting("new"))
        before, after = old.encode(b"1", HERE).payload, both.encode(b"2", HERE).payload
        assert (both.decode(before, HERE), both.decode(after, HERE)) == (b"1", b"2")
        assert new.decode(after, HERE) == b"2"

    def test_one_that_is_missing_is_named(self) -> None:
        payload = Chain(encrypting("old")).encode(b"1", HERE).payload
        with pytest.raises(PayloadUnavailableError, match=r"state Cart/alice 'items'.*key 'old', and.*here are 'new'"):
            Chain(encrypting("new")).decode(payload, HERE)

    def test_another_one_of_the_same_name_is_told(self) -> None:
        payload = Chain([Encrypt({"k": b"1" * 16})]).encode(b"1", HERE).payload
        with pytest.raises(PayloadDamagedError, match="another key has the name 'k'"):
            Chain([Encrypt({"k": b"2" * 16})]).decode(payload, HERE)

    def test_they_may_be_base64(self) -> None:
        payload = Chain([Encrypt({"k": b"1" * 16})]).encode(b"1", HERE).payload
        assert Chain([Encrypt({"k": "MTExMTExMTExMTExMTExMQ=="})]).decode(payload, HERE) == b"1"

    @pytest.mark.parametrize(
        "keys, said",
        [
            ({}, "no key to write with"),
            ({"k": b"short"}, "has 5 bytes; AES takes 16, 24 or 32"),
            ({"k": "no base64!"}, "key 'k' is no base64"),
            ({"": b"1" * 16}, "a key's name has 1 to 255 bytes"),
        ],
    )
    def test_what_is_no_key_is_told(self, keys: dict[str, bytes | str], said: str) -> None:
        with pytest.raises(ValueError, match=said):
            Encrypt(keys)

    def test_they_are_not_shown(self) -> None:
        assert repr(Encrypt({"k": b"1" * 16})) == "Encrypt(keys={'k'})"


class TestHostile:
    """Somebody sends what pretends to be encoded."""

    @pytest.mark.parametrize("bomb", [b"\0" * (100 << 20)], ids=["100 MiB"])
    def test_a_bomb_is_not_blown_up(self, bomb: bytes) -> None:
        small = Chain([Zstd(1)]).encode(bomb, HERE).payload
        assert len(small) < 20_000
        with pytest.raises(PayloadDamagedError, match="more than") as told:
            Chain([Zstd(1)]).decode(small, HERE, 1000)
        assert told.value.is_too_large

    def test_one_bomb_in_another_is_refused(self) -> None:
        inner = Chain([Zstd(1)]).encode(b"\0" * 5000, HERE).payload
        twice = seal("zstd", Zstd(1)._zstd.compress(inner * 50)[:])
        with pytest.raises(PayloadDamagedError, match="applied twice"):
            Chain([Zstd(1)]).decode(twice, HERE)

    def test_a_frame_that_asks_for_much_memory_is_refused(self) -> None:
        zstd = Zstd()._zstd
        wide = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 27})
        frame = wide.compress(os.urandom(100), wide.FLUSH_BLOCK) + wide.flush()
        with pytest.raises(PayloadDamagedError, match="can't be decompressed"):
            Chain([Zstd(1)]).decode(seal("zstd", frame), HERE)

    @settings(deadline=None)
    @given(data=st.binary(max_size=80))
    def test_anything_after_the_beginning_is_read_or_refused(self, data: bytes) -> None:
        """By an error of ours alone."""
        chain = Chain([*encrypting("old", "new"), ClaimCheck(MemoryStore())])
        for payload in (MAGIC + data, *(seal(name, data) for name in ("zstd", "aes-gcm", "claim", "none"))):
            try:
                chain.decode(payload, HERE)
            except PayloadError:
                continue
            assert payload[len(MAGIC)] == 0  # the empty name alone is read

    @settings(deadline=None)
    @given(at=st.integers(0, 200), bit=st.integers(0, 7))
    def test_a_bit_that_flips_is_noticed(self, at: int, bit: int) -> None:
        """Wherever: what is read is what was written, or an error, or (its mark is gone) the bytes as they are."""
        chain = Chain(encrypting("old", "new"))
        payload = bytearray(chain.encode(b'{"a": 1}' * 20, HERE).payload)
        payload[at % len(payload)] ^= 1 << bit
        try:
            assert chain.decode(bytes(payload), HERE) == bytes(payload)
            assert not payload.startswith(MAGIC)
        except PayloadError:
            pass

    @pytest.mark.parametrize(
        "other",
        [
            THERE,
            Position("state", "Cart", "alice", "other"),
            Position("state", "Shop", "alice", "items"),
            Position("input", "Cart/add"),
            Position("output"),
        ],
        ids=str,
    )
    def test_what_is_copied_to_another_place_is_refused(self, other: Position) -> None:
        """Else whoever reads a journal could have an input decrypted by sending it."""
        payload = Chain(encrypting("old")).encode(b"1", HERE).payload
        with pytest.raises(PayloadDamagedError, match="changed or copied"):
            Chain(encrypting("old")).decode(payload, other)


class TestMistakes:
    @pytest.mark.parametrize(
        "payloads, said",
        [
            ([Encrypt(KEYS), Zstd()], r"Write \[Zstd\(\), Encrypt\(keys=…\)\]"),
            ([ClaimCheck(MemoryStore()), Encrypt(KEYS)], "Put ClaimCheck last"),
            ([Zstd(), Zstd()], "'zstd' is there twice"),
        ],
        ids=["zstd last", "claim first", "twice"],
    )
    def test_an_order_that_defeats_one_is_refused(self, payloads: list[Any], said: str) -> None:
        with pytest.raises(ValueError, match=said):
            chain_of(payloads)

    @pytest.mark.parametrize(
        "payloads, said",
        [
            ("zstd", r"is no list. Write payloads=\["),
            (Zstd(), r"is no list. Write payloads=\["),
            ([Zstd], "Give instances"),
            ([object()], "is no codec"),
        ],
        ids=["text", "one", "class", "object"],
    )
    def test_what_is_no_codec_is_refused(self, payloads: Any, said: str) -> None:
        with pytest.raises(TypeError, match=said):
            chain_of(payloads)

    def test_a_position_that_is_none_is_refused(self) -> None:
        with pytest.raises(ValueError, match="positions are input, output, state"):
            Chain([Zstd()], plain=["states"])  # type: ignore[list-item]

    def test_a_codec_that_is_gone_is_named(self) -> None:
        payload = Chain([Reversed()]).encode(b"1", HERE).payload
        with pytest.raises(PayloadUnavailableError, match=r"by the codec 'reversed', and those .* zstd.*also_reads=\["):
            Chain([Zstd()]).decode(payload, HERE)
        assert Chain([Zstd()], also_reads=[Reversed()]).decode(payload, HERE) == b"1"

    def test_a_codec_of_ones_own_that_fails_is_named(self) -> None:
        class Broken(Reversed):
            def encode(self, data: bytes, position: Position) -> bytes | None:
                raise KeyError("kms")

            def decode(self, data: bytes, position: Position, limit: int) -> bytes:
                return "text"  # type: ignore[return-value]

        with pytest.raises(PayloadError, match=r"state Cart/alice 'items': reversed failed: KeyError: 'kms'"):
            Chain([Broken()]).encode(b"1", HERE)
        with pytest.raises(PayloadDamagedError, match="reversed has made a str of it"):
            Chain([Broken()]).decode(seal("reversed", b"1"), HERE)

    def test_none_is_none(self) -> None:
        assert chain_of(()) is None
        assert chain_of(None) is None
