"""Which codec a type gets, and which types get none."""

from __future__ import annotations

import asyncio
import io
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterable, Iterator
from typing import IO, Annotated, Any, NewType, TypedDict, TypeVar

import pytest
from google.protobuf.type_pb2 import Field as ProtoField
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypeAliasType

from restate_reflect.codecs import JsonSchema, OwnCodec, ProtobufJson, SchemaMode, codec_for
from restate_reflect.context import Context, ObjectContext
from restate_reflect.errors import DecodeError, EncodeError, UnsupportedTypeError

T = TypeVar("T")
Blob = NewType("Blob", bytes)
Raw = TypeAliasType("Raw", bytes)


class Plain:
    pass


class HoldsPlain(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    plain: Plain


class Old(TypedDict):
    a: int


class Upper:
    """A codec of the user's own."""

    content_type = "text/plain"

    def encode(self, value: str) -> bytes:
        return value.upper().encode()

    def decode(self, data: bytes) -> str:
        return data.decode().lower()

    def json_schema(self, mode: SchemaMode) -> JsonSchema | None:
        return None


UPPER = Upper()


@pytest.mark.parametrize("annotation", [bytes, Blob, Raw, Annotated[Blob, "note"]])
def test_bytes_pass_through_behind_any_alias(annotation: Any) -> None:
    codec = codec_for(annotation)
    assert codec.content_type == "application/octet-stream"
    assert codec.decode(codec.encode(b"\xff")) == b"\xff"
    assert codec.json_schema("validation") is None


def test_bytes_accept_nothing_else() -> None:
    with pytest.raises(EncodeError, match="bytearray"):
        codec_for(bytes).encode(bytearray(b"x"))  # type: ignore[arg-type]


def test_constraints_on_bytes_hold() -> None:
    codec = codec_for(Annotated[bytes, Field(max_length=2)])
    assert codec.decode(b"ab") == b"ab"
    with pytest.raises(DecodeError, match="at most 2 bytes"):
        codec.decode(b"abc")


def test_a_codec_in_annotated_wins() -> None:
    codec = codec_for(Annotated[str, UPPER])
    assert isinstance(codec, OwnCodec)
    assert codec.codec is UPPER
    assert codec.encode("a") == b"A"


def test_equal_annotations_share_one_codec() -> None:
    assert codec_for(list[int]) is codec_for(list[int])
    assert codec_for(ProtoField) is codec_for(ProtoField)


def test_unhashable_metadata_is_cached_by_the_annotation_object() -> None:
    annotation = Annotated[int, Field(gt=0), {}]
    assert codec_for(annotation) is codec_for(annotation)


@pytest.mark.parametrize(
    "annotation, why",
    [
        (Plain, "no JSON form"),
        (list[Plain], "no JSON form"),
        (HoldsPlain, "Plain is an ordinary class"),
        (Callable[[int], int], "functions"),
        (type[int], "classes"),
        (Iterator[int], "only once"),
        (Iterable[int], "only once"),
        (Generator[int, None, None], "only once"),
        (list[Iterable[int]], "only once"),
        (AsyncIterator[int], "stream"),
        (Awaitable[int], "awaitable"),
        (Coroutine[Any, Any, int], "awaitable"),
        (asyncio.Future, "awaitable"),
        (asyncio.Task, "awaitable"),
        (asyncio.Lock, "no JSON form"),
        (threading.Thread, "no JSON form"),
        (IO[str], "open file"),
        (io.BytesIO, "open file"),
        (bytearray, "mutable view"),
        (memoryview, "mutable view"),
        (Context, "one attempt"),
        (ObjectContext, "one attempt"),
        (ValueError, "exception"),
        (T, "not bound"),
        (Annotated[str, Upper], "is a class"),
        (Annotated[int, ProtobufJson], "no message"),
        (list[ProtoField], "can't stand inside"),
        (ProtoField | None, "can't stand inside"),
        ("Missing", "not defined"),
        (list["Missing"], "not defined"),  # type: ignore[name-defined]  # noqa: F821
    ],
)
def test_a_type_that_cannot_be_carried_is_refused_with_reason_and_fix(annotation: Any, why: str) -> None:
    with pytest.raises(UnsupportedTypeError, match=why) as caught:
        codec_for(annotation)
    assert caught.value.fix


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="pydantic takes typing.TypedDict from 3.12 on")
def test_typing_typed_dict_before_3_12_is_refused_with_the_import_to_write() -> None:
    with pytest.raises(UnsupportedTypeError, match="from typing_extensions import TypedDict"):
        codec_for(Old)
