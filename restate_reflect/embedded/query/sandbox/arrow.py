"""Rows as a stream of Arrow's IPC format, with the types that restate-server gives its columns. Needs arro3."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any, Final

from arro3.core import Array, DataType, Field, Table, list_array
from arro3.io import write_ipc_stream

__all__ = ["to_arrow"]

_TOP: Final = 1 << 64


def to_arrow(names: Sequence[str], kinds: Sequence[str | None], rows: Sequence[Sequence[Any]]) -> bytes:
    """The stream. A column without a type has that of its values."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    arrays = [_array(kind, column) for kind, column in zip(kinds, columns, strict=True)]
    stream = BytesIO()
    write_ipc_stream(Table.from_arrays(arrays, names=list(names)), stream, compression=None)
    return stream.getvalue()


def _array(kind: str | None, column: Sequence[Any]) -> Array:
    found = kind or _kind_of(column)
    try:
        return _MADE[found](column)
    except Exception:  # of arro3's, for values that are of another type than SQL promised
        other = _kind_of(column)
        return _MADE[other](column) if other != found else _text(column)


def _kind_of(column: Sequence[Any]) -> str:
    types = {type(value) for value in column if value is not None}
    if types == {int}:
        return "i64"
    if types and types <= {int, float}:
        return "float"
    return "bytes" if types == {bytes} else "text"


def _plain(kind: DataType) -> Callable[[Sequence[Any]], Array]:
    return lambda column: Array(list(column), kind)


def _cast(kind: DataType) -> Callable[[Sequence[Any]], Array]:
    return lambda column: Array(list(column), DataType.int64()).cast(kind)


def _text(column: Sequence[Any]) -> Array:
    texts = [value if value is None or isinstance(value, str) else str(value) for value in column]
    return Array(texts, DataType.large_utf8())


def _bools(column: Sequence[Any]) -> Array:
    return Array([None if value is None else bool(value) for value in column], DataType.bool())


def _floats(column: Sequence[Any]) -> Array:
    return Array([None if value is None else float(value) for value in column], DataType.float64())


def _unsigned(column: Sequence[Any]) -> Array:
    return Array([value + _TOP if value is not None and value < 0 else value for value in column], DataType.uint64())


def _lists(kind: DataType) -> Callable[[Sequence[Any]], Array]:
    def make(column: Sequence[Any]) -> Array:
        lists = [json.loads(value) if value is not None else [] for value in column]
        ends = [0]
        for each in lists:
            ends.append(ends[-1] + len(each))
        values = Array([one for each in lists for one in each], kind)
        return list_array(Array(ends, DataType.int32()), values, type=DataType.list(Field("item", kind, nullable=True)))

    return make


_NANOS: Final = _cast(DataType.timestamp("ns"))
_MADE: Final[dict[str, Callable[[Sequence[Any]], Array]]] = {
    "text": _text,
    "bool": _bools,
    "u32": _plain(DataType.uint32()),
    "u64": _unsigned,
    "i64": _plain(DataType.int64()),
    "float": _floats,
    "bytes": _plain(DataType.large_binary()),
    "time": _cast(DataType.timestamp("ms", tz="+00:00")),
    "naive": lambda column: _NANOS([None if value is None else value * 1_000_000 for value in column]),
    "span": _cast(DataType.duration("ms")),
    "texts": _lists(DataType.large_utf8()),
    "numbers": _lists(DataType.uint32()),
}
