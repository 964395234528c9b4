"""Writing JSON by pydantic, and refusing what would not come back: the journal keeps it for good.

pydantic writes nearly everything it is given: a model of another class as ``{}``, a subclass without what it adds,
``None`` as ``null`` for any type, a number that its type does not allow. So what was written is read and compared
before it is let out. Types that are known to come back (``_proved``) are written without.

Measured on CPython 3.11: a model of two constrained fields takes 2.5 µs, of which 0.9 go into reading it and 0.9 into
the comparison (``warnings="error"`` of pydantic-core, which sees less, takes 1.2); an ``int`` takes 0.2 µs.
"""

from __future__ import annotations

import functools
from datetime import date
from typing import Any, Final
from uuid import UUID

from pydantic import ValidationError
from pydantic_core import SchemaSerializer, SchemaValidator

from restate_reflect.codecs._functions import Encode
from restate_reflect.codecs._misfit import misfit, unreadable, unwritable
from restate_reflect.codecs._nodes import LOSSLESS
from restate_reflect.codecs._proved import flat_check, has_aliases
from restate_reflect.codecs._same import difference
from restate_reflect.codecs._usual import FlatWriter, ScalarWriter

__all__ = ["encoder"]

_SCALARS: Final = (int, str, bool, float, UUID, date)
"""Whose values all come back; an ``int`` of too many digits is seen by its length."""


def encoder(
    annotation: Any, core: Any, validator: SchemaValidator, round_trip: bool, secret: bool = False
) -> Encode[Any]:
    """The function that writes values of a type; ``core`` is its lossless core schema, ``validator`` made of it.

    ``secret``: whether errors must not show what was written.
    """
    careful = _careful(annotation, core, validator, round_trip, secret)
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


def _careful(
    annotation: Any, core: Any, validator: SchemaValidator, round_trip: bool, secret: bool = False
) -> Encode[Any]:
    write, read = _serializer(core).to_json, validator.validate_json

    def encode(value: Any) -> bytes:
        try:
            data = write(value, by_alias=True, round_trip=round_trip, warnings=False)
        # Serializers of user classes run here; a bug in them is as hot-fixable as a wrong value.
        except Exception as error:
            raise unwritable(annotation, value, error) from error
        check(value, data)
        return data

    def check(value: Any, data: bytes) -> None:
        try:
            found = difference(value, read(data))
        except ValidationError as error:
            raise unreadable(annotation, value, error, secret=secret) from None
        except Exception as error:  # of a validator, or of an __eq__
            raise unwritable(annotation, value, error) from error
        if found is not None:
            raise misfit(annotation, value, [str(found)])

    return encode


def _is_scalar(annotation: Any) -> bool:
    return isinstance(annotation, type) and any(annotation is scalar for scalar in _SCALARS)
