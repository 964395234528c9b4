"""For any annotated type: values come back, their JSON fits the schema, and the bytes are the same every time."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from restate_reflect.codecs import codec_for
from restate_reflect.codecs._json import JsonCodec
from restate_reflect.errors import DecodeError
from tests.codecs.typed import Typed, typed

SETTINGS = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given(typed(), st.data())
@SETTINGS
def test_encode_then_decode_is_identity(of_type: Typed, data: st.DataObject) -> None:
    annotation, values = of_type
    codec, value = codec_for(annotation), data.draw(values)
    restored = codec.decode(codec.encode(value))
    assert restored == value
    assert type(restored) is type(value)


@given(typed(), st.data())
@SETTINGS
def test_encoded_values_fit_both_schemas(of_type: Typed, data: st.DataObject) -> None:
    annotation, values = of_type
    codec, value = JsonCodec[Any](annotation), data.draw(values)
    encoded = codec.encode(value)
    assume(b"Infinity" not in encoded)  # a string, where the schema says number
    written = json.loads(encoded)
    for mode in ("validation", "serialization"):
        jsonschema.Draft202012Validator(codec.json_schema(mode)).validate(written)


@given(
    typed(1),
    st.binary(max_size=40)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda v: json.dumps(v).encode()),
)
@SETTINGS
def test_decode_raises_decode_error_and_nothing_else(of_type: Typed, body: bytes) -> None:
    try:
        codec_for(of_type[0]).decode(body)
    except DecodeError as error:
        json.dumps(error.errors)
