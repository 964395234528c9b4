"""What every invocation does with a codec: models of plain fields and scalars written, anything read.

Apart from what chooses it at start-up, so that it is compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from restate_reflect.codecs._functions import Encode
from restate_reflect.codecs._large import MOST_PLAIN
from restate_reflect.codecs._names import type_name
from restate_reflect.codecs._report import decode_error
from restate_reflect.errors import DecodeError

__all__ = ["FlatCheck", "FlatWriter", "Reader", "ScalarWriter"]

_MISSING: Final = object()
_DOUBTFUL: Final = 4_000
"""Bytes from which an ``int`` might be in it that is too long for JSON readers (4,300 digits)."""


class FlatCheck:
    """Tells of a value whether it is one of this model and can't be wrong; see ``_proved``."""

    __slots__ = ("_expected", "_model")

    def __init__(self, model: type, fields: Mapping[str, tuple[type, ...]]) -> None:
        """``fields``: the classes that a field's value may have."""
        self._model = model
        self._expected = tuple(fields.items())

    def is_right(self, value: Any) -> bool:
        if type(value) is not self._model:
            return False
        found = value.__dict__
        if type(found) is not dict:
            return False
        values: dict[str, Any] = found
        for name, classes in self._expected:  # noqa: SIM110  a generator would cost what is saved
            if type(values.get(name, _MISSING)) not in classes:
                return False
        return True


class FlatWriter:
    """Writes a model that passes its check, and leaves all else to the careful way."""

    __slots__ = ("_check", "_otherwise", "_write")

    def __init__(self, check: FlatCheck, write: Callable[[Any], bytes], otherwise: Encode[Any]) -> None:
        self._check = check
        self._write = write
        self._otherwise = otherwise

    def encode(self, value: Any) -> bytes:
        if not self._check.is_right(value):
            return self._otherwise(value)
        try:
            data = self._write(value)
        except PydanticSerializationError:
            return self._otherwise(value)
        return data if len(data) < _DOUBTFUL else self._otherwise(value)


class ScalarWriter:
    """A value of exactly this class comes back, and need not be read to see it."""

    __slots__ = ("_exact", "_otherwise", "_write")

    def __init__(self, exact: type, write: Callable[[Any], bytes], otherwise: Encode[Any]) -> None:
        self._exact = exact
        self._write = write
        self._otherwise = otherwise

    def encode(self, value: Any) -> bytes:
        if type(value) is not self._exact:
            return self._otherwise(value)
        try:
            data = self._write(value)
        except PydanticSerializationError:
            return self._otherwise(value)
        return data if len(data) < _DOUBTFUL else self._otherwise(value)


class Reader:
    """Reads by a validator, and tells of what is wrong in our words."""

    __slots__ = ("_annotation", "_secret", "_validate", "_validate_large")

    def __init__(
        self,
        annotation: Any,
        validate: Callable[[bytes], Any],
        validate_large: Callable[[bytes], Any],
        secret: bool = False,
    ) -> None:
        """``secret``: whether errors must not show what was read."""
        self._annotation = annotation
        self._validate = validate
        self._validate_large = validate_large
        self._secret = secret

    def decode(self, data: bytes) -> Any:
        try:
            return self._validate(data) if len(data) <= MOST_PLAIN else self._validate_large(data)
        except ValidationError as error:
            if not data:
                return self._nothing(error)
            raise decode_error(self._annotation, error, secret=self._secret) from None
        except ValueError as error:  # of Decimal's, which pydantic 2.13.0 lets out
            raise DecodeError(f"not a valid {type_name(self._annotation)}:\n  value: {error}") from None

    def _nothing(self, error: ValidationError) -> Any:
        """No bytes at all are what other SDKs write for ``None`` and ``undefined``."""
        try:
            return self._validate(b"null")
        except ValidationError:
            raise decode_error(self._annotation, error, secret=self._secret) from None
