"""What codecs of the user's own write: bytes of any class, or an error that says what it was instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import pytest

from restate_reflect import ObjectContext
from tests.journals import M, Played, play


class Subclass(bytes):
    """Compiled code tells it from ``bytes``."""


class Packing:
    """Writes by a function that each test gives it."""

    content_type = "application/x-packed"
    write: Callable[[bytes], Any]

    def encode(self, value: bytes) -> bytes:
        packed: bytes = self.write(value)
        return packed

    def decode(self, data: bytes) -> bytes:
        return bytes(data)

    def json_schema(self, mode: str) -> dict[str, Any]:
        return {}


PACKING = Packing()
Packed = Annotated[bytes, PACKING]


async def step() -> Packed:
    return b"abc"


class Packs:
    async def returns(self, ctx: ObjectContext) -> Packed:
        return b"abc"

    async def journals(self, ctx: ObjectContext) -> int:
        return len(await ctx.run("step", step))

    async def stores(self, ctx: ObjectContext) -> None:
        ctx.set("state", b"abc", type=Packed)

    async def takes(self, ctx: ObjectContext, given: Packed) -> None: ...

    async def sends(self, ctx: ObjectContext) -> None:
        await ctx.call(Packs.takes, b"abc", key="k")


def sent(played: Played, type_: M) -> Any:
    """The one message of this type."""
    [message] = [message for found, message in played.messages if found == type_]
    return message


@pytest.mark.parametrize("write", [bytearray, memoryview, Subclass])
def test_bytes_of_any_class_are_written_as_bytes(
    write: Callable[[bytes], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PACKING, "write", write, raising=False)
    assert play(Packs, "returns", key="k").output == b"abc"
    assert play(Packs, "journals", key="k").echo().output == b"3"
    assert sent(play(Packs, "stores", key="k"), M.SET_STATE_COMMAND).value.content == b"abc"
    assert sent(play(Packs, "sends", key="k"), M.CALL_COMMAND).parameter == b"abc"


@pytest.mark.parametrize("handler", ["returns", "journals", "stores", "sends"])
@pytest.mark.parametrize("write, given", [(bytes.decode, "str"), (len, "int"), (lambda data: None, "NoneType")])
def test_anything_else_is_named(
    write: Callable[[bytes], Any], given: str, handler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PACKING, "write", write, raising=False)
    played = play(Packs, handler, key="k")
    assert played.types[-1] == M.ERROR
    assert f"the codec's encode() gave {given}, not bytes" in played.error.message
