"""Codecs of the user's own are held to the law: what they would read as another value is refused in every position."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any

import pytest

from restate_reflect import Context, ObjectContext, handler
from restate_reflect.codecs import codec_for
from restate_reflect.errors import DecodeError, EncodeError
from restate_reflect.reflection import reflect
from tests.journals import M, play


class Made:
    """A codec of two functions."""

    content_type = "application/x-made"

    def __init__(self, encode: Callable[[Any], Any], decode: Callable[[bytes], Any]) -> None:
        self.encode, self.decode = encode, decode

    def json_schema(self, mode: str) -> None:
        return None


def not_written_to_be_read(data: bytes) -> Any:
    raise NotImplementedError("only writes")


def no_form(data: bytes) -> Any:
    raise DecodeError("no such form")


CENTS = Made(lambda value: f"{value:.2f}".encode(), lambda data: Decimal(data.decode()))
PLAIN = Made(lambda value: json.dumps(value, default=list).encode(), json.loads)
PICKLED = Made(pickle.dumps, pickle.loads)
Cents = Annotated[Decimal, CENTS]


class Plain:
    """Without ``==``."""

    def __init__(self, **content: Any) -> None:
        self.__dict__.update(content)


class Itemwise:
    """Whose ``==`` answers for each item, as that of an array."""

    def __init__(self, *items: Any) -> None:
        self.items = items

    def __eq__(self, other: object) -> Any:
        return [item == back for item, back in zip(self.items, other.items, strict=True)]  # type: ignore[attr-defined]

    __hash__ = None  # type: ignore[assignment]


ITSELF = Plain()
ITSELF.__dict__["me"] = ITSELF


@pytest.mark.parametrize(
    "codec, value, said",
    [
        (CENTS, Decimal("1.005"), "value: it would come back as another value of its type"),
        (CENTS, Decimal("1.5"), "value: it would come back as another value"),
        (CENTS, 1, "value: an int would come back as a Decimal"),
        (PLAIN, (1,), "value: a tuple would come back as a list"),
        (PLAIN, {"a": [{1: 2}]}, "a.0.key 1: it would come back as another key: '1'"),
        (PLAIN, {"a": True, "b": {3}}, "b: a set would come back as a list"),
        (Made(lambda value: b"1", lambda data: True), 1, "an int would come back as a bool"),
        (Made(str.encode, not_written_to_be_read), "a", "can't be read back: NotImplementedError: only writes"),
        (Made(str.encode, no_form), "a", "can't be read back: DecodeError: no such form"),
        (Made(lambda value: b"", lambda data: Plain()), Plain(a=1), "a: it would be lost"),
        (Made(lambda value: b"", lambda data: Itemwise(1, 3)), Itemwise(1, 2), "it would come back as another value"),
        (PICKLED, ITSELF, "nested too deeply, or in itself"),
        (PICKLED, pytest.raises, None),
    ],
)
def test_what_a_codec_would_change_is_refused(codec: Any, value: Any, said: str | None) -> None:
    own = codec_for(Annotated[object, codec])
    if said is None:
        assert own.decode(own.encode(value)) is value
        return
    with pytest.raises(EncodeError, match=said) as caught:
        own.encode(value)
    assert f"a value of type {type(value).__name__} would not come back from Made" in str(caught.value)
    assert "is_same(written, restored)" in str(caught.value)


@pytest.mark.parametrize(
    "codec, value",
    [
        (CENTS, Decimal("1.50")),
        (PLAIN, {"a": [1, 2.5, None, "x", True]}),
        (PICKLED, Plain(a=[1], b=Plain())),
        (PICKLED, Itemwise(1, float("nan"))),
        (PICKLED, {1: {(1, 2)}, None: b"\xff"}),
        (Made(lambda value: memoryview(value), lambda data: data), b"ab"),
    ],
)
def test_what_a_codec_gives_back_is_written(codec: Any, value: Any) -> None:
    own = codec_for(Annotated[object, codec])
    written = own.encode(value)
    assert type(written) is bytes
    assert own.encode(own.decode(written)) == written


def test_a_codec_may_say_which_values_are_the_same() -> None:
    class Rounds(Made):
        def is_same(self, written: Decimal, restored: Decimal) -> bool:
            return abs(written - restored) < Decimal("0.01")

    own = codec_for(Annotated[Decimal, Rounds(CENTS.encode, CENTS.decode)])
    assert own.encode(Decimal("1.005")) == b"1.00"
    off = codec_for(Annotated[Decimal, Rounds(CENTS.encode, lambda data: Decimal(9))])
    with pytest.raises(EncodeError, match="its codec would read another value"):
        off.encode(Decimal(1))


async def step() -> Cents:
    return Decimal("1.005")


class Till:
    async def returns(self, ctx: ObjectContext) -> Cents:
        return Decimal("1.005")

    @handler(output_codec=CENTS)
    async def by_option(self, ctx: ObjectContext) -> Decimal:
        return Decimal("1.005")

    async def journals(self, ctx: ObjectContext) -> None:
        await ctx.run("step", step)

    async def stores(self, ctx: ObjectContext) -> None:
        ctx.set("state", Decimal("1.005"), type=Cents)

    @handler(input_codec=CENTS)
    async def takes(self, ctx: ObjectContext, given: Decimal) -> None: ...

    async def calls(self, ctx: ObjectContext) -> None:
        await ctx.call(Till.takes, Decimal("1.005"), key="k")

    async def sends(self, ctx: ObjectContext) -> None:
        ctx.send(Till.takes, Decimal("1.005"), key="k")


@pytest.mark.parametrize("name", ["returns", "by_option", "journals", "stores", "calls", "sends"])
def test_it_is_refused_in_every_position(name: str) -> None:
    played = play(Till, name, key="k")
    assert played.types[-1] == M.ERROR
    assert "would not come back from Made" in played.error.message


class Webhook:
    @handler(input_codec=Made(not_written_to_be_read, bytes.decode))
    async def posted(self, ctx: Context, form: str) -> int:
        return len(form)


def test_a_codec_that_only_reads_carries_what_comes_from_outside() -> None:
    assert play(Webhook, "posted", body=b"a=1").output == b"3"
    with pytest.raises(NotImplementedError):
        reflect(Webhook).handlers["posted"].input.encode(("a=1",), {})
