"""Codecs of the user's own, held to the law: what they write is read and compared before it is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from restate_reflect.codecs._base import Codec, JsonSchema, SchemaMode
from restate_reflect.codecs._same import Difference, difference
from restate_reflect.errors import EncodeError

__all__ = ["OwnCodec", "held_to_the_law"]

T = TypeVar("T")

_OURS: Final = __name__.rpartition(".")[0] + "."
_UNEQUAL: Final = Difference("its codec would read another value")


class OwnCodec(Generic[T]):
    """A codec of the user's own, whose values are refused unless it reads what it writes.

    A value is compared by its codec's ``is_same(written, restored)`` if it has one, else as all values are.
    """

    def __init__(self, codec: Codec[T]) -> None:
        self.codec = codec
        self.decode = codec.decode
        self.makes_defaults = getattr(codec, "makes_defaults", False)
        self._is_same: Callable[[T, T], bool] | None = getattr(codec, "is_same", None)

    @property
    def content_type(self) -> str:
        return self.codec.content_type

    def encode(self, value: T) -> bytes:
        """Raises ``EncodeError`` for what the codec refuses, or would read as another value, or not at all."""
        data = self.codec.encode(value)
        if not isinstance(data, bytes | bytearray | memoryview):
            raise EncodeError(f"the codec's encode() gave {type(data).__name__}, not bytes")
        written = data if type(data) is bytes else bytes(data)
        found = self._difference(value, self._restored(value, written))
        if found is not None:
            raise self._refusal(value, str(found))
        return written

    def json_schema(self, mode: SchemaMode) -> JsonSchema | None:
        return self.codec.json_schema(mode)

    def __repr__(self) -> str:
        return f"OwnCodec({self.codec!r})"

    def _restored(self, value: T, data: bytes) -> T:
        try:
            return self.codec.decode(data)
        except Exception as error:  # of the user's
            raise self._refusal(value, f"value: what was written can't be read back: {_said(error)}") from error

    def _difference(self, value: T, restored: T) -> Difference | None:
        try:
            if self._is_same is not None:
                return None if self._is_same(value, restored) else _UNEQUAL
            return None if value is restored else difference(value, restored)
        except RecursionError as error:
            raise self._refusal(value, "value: it is nested too deeply, or in itself, to be compared") from error
        except Exception as error:  # of the user's
            raise self._refusal(value, f"value: it can't be compared with what came back: {_said(error)}") from error

    def _refusal(self, value: T, reason: str) -> EncodeError:
        return EncodeError(
            f"a value of type {type(value).__name__} would not come back from {type(self.codec).__name__}:\n"
            f"  {reason}\n{_FIX}"
        )


_FIX: Final = "Mend the codec's encode() and decode(), or give it is_same(written, restored) if they are the same value"


def held_to_the_law(codec: Codec[Any]) -> Codec[Any]:
    """The same codec, if it is one of this package, which keep the law by themselves."""
    return codec if type(codec).__module__.startswith(_OURS) else OwnCodec(codec)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
