"""msgspec structs."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Annotated, Any

import jsonschema
import msgspec
import pytest
from pydantic import BaseModel
from typing_extensions import TypeAliasType

from restate_reflect.codecs import codec_for
from restate_reflect.errors import DecodeError, EncodeError, UnsupportedTypeError


class Order(msgspec.Struct):
    sku: str
    qty: Annotated[int, msgspec.Meta(gt=0)] = 1


class Model(BaseModel):
    a: int


OrderLike = TypeAliasType("OrderLike", Order)


@pytest.mark.parametrize(
    "annotation, value",
    [
        (Order, Order("a")),
        (list[Order], [Order("a", 2)]),
        (Order | None, None),
        (dict[str, Order], {"a": Order("b")}),
        (OrderLike, Order("a")),
        (tuple[Order, bytes], (Order("a"), b"\xff")),
    ],
)
def test_structs_come_back_and_fit_their_schema(annotation: Any, value: Any) -> None:
    codec = codec_for(annotation)
    written = codec.encode(value)
    assert codec.decode(written) == value
    schema = codec.json_schema("serialization")
    assert schema is not None
    jsonschema.validate(json.loads(written), schema)


def test_a_wrong_field_is_refused() -> None:
    with pytest.raises(EncodeError, match=r"Order:\n  qty: Expected `int`, got `str`"):
        codec_for(Order).encode(Order("a", "x"))  # type: ignore[arg-type]


def test_a_wrong_body_is_refused_with_its_path() -> None:
    with pytest.raises(DecodeError, match="Expected `int`") as caught:
        codec_for(list[Order]).decode(b'[{"sku": "a", "qty": "x"}]')
    assert caught.value.errors[0]["loc"] == ["0", "qty"]


def test_structs_do_not_mix_with_pydantic_models() -> None:
    with pytest.raises(UnsupportedTypeError, match="msgspec can't carry it"):
        codec_for(tuple[Order, Model])


def test_the_package_works_without_msgspec() -> None:
    code = """
import sys
sys.modules["msgspec"] = None
from restate_reflect.codecs import codec_for
print(codec_for(list[int]).encode([1]))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.stdout == "b'[1]'\n", ran.stderr
