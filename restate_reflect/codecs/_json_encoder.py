"""Writing JSON by pydantic, and refusing what does not fit its type: the journal keeps it for good.

``warnings="error"`` makes pydantic-core refuse a wrong value, but not ``None``, which it writes as ``null`` for any
type (a handler without a return statement returns it). So what holds a ``null`` is read back before it is let out.
"""

from __future__ import annotations

import functools
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from pydantic_core import SchemaSerializer, SchemaValidator

from restate_reflect.codecs._core_schema import LOSSLESS, refusing
from restate_reflect.codecs._flat import flat_check, has_aliases
from restate_reflect.codecs._functions import Encode
from restate_reflect.codecs._names import type_name
from restate_reflect.codecs._report import decode_error
from restate_reflect.codecs._usual import FlatWriter, ScalarWriter
from restate_reflect.errors import EncodeError

__all__ = ["encoder"]

_SCALARS = (int, str, bool, float, Decimal, UUID, datetime, date, time, timedelta)


def encoder(annotation: Any, core: Any, validator: SchemaValidator, round_trip: bool) -> Encode[Any]:
    """The function that writes values of a type; ``core`` is its lossless core schema, ``validator`` made of it."""
    careful = _careful(annotation, core, validator, round_trip)
    check = flat_check(core)
    if check is not None:
        write = _serializer(core).to_json
        if round_trip or has_aliases(core):  # else without arguments, which take 0.2 µs to read
            write = functools.partial(write, by_alias=True, round_trip=round_trip)
        return FlatWriter(check, write, careful).encode
    return ScalarWriter(annotation, _serializer(core).to_json, careful).encode if _is_scalar(annotation) else careful


def _serializer(core: Any) -> SchemaSerializer:
    # Without _use_prebuilt=False the classes' own serializers would be taken, and the patches lost.
    return SchemaSerializer(core, LOSSLESS, _use_prebuilt=False)


def _careful(annotation: Any, core: Any, validator: SchemaValidator, round_trip: bool) -> Encode[Any]:
    write, read = _serializer(refusing(core)).to_json, validator.validate_json

    def encode(value: Any) -> bytes:
        try:
            data = write(value, by_alias=True, round_trip=round_trip, warnings="error")
        # Serializers of user classes run here; a bug in them is as hot-fixable as a wrong value.
        except Exception as error:
            raise _misfit(annotation, value, _reasons(error)) from error
        if b"null" in data:
            check_nulls(value, data)
        return data

    def check_nulls(value: Any, data: bytes) -> None:
        try:
            read(data)
        except ValidationError as error:
            # What else can't be read back is up to the type: an output may be for people's eyes.
            if any(each["input"] is None for each in error.errors(include_url=False, include_context=False)):
                raise _misfit(annotation, value, str(decode_error(annotation, error)).splitlines()[1:]) from None

    return encode


def _is_scalar(annotation: Any) -> bool:
    return isinstance(annotation, type) and any(annotation is scalar for scalar in _SCALARS)


def _reasons(error: Exception) -> list[str]:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[1:] or lines


def _misfit(annotation: Any, value: Any, reasons: list[str]) -> EncodeError:
    listed = "\n".join(f"  {reason.strip()}" for reason in reasons)
    return EncodeError(
        f"a value of type {type(value).__name__} does not fit the declared type {type_name(annotation)}:\n{listed}"
    )
