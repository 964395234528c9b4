"""Types of expressions: which the tables' columns have, which sqlglot infers, and by which names they are shown."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres

from restate_reflect.embedded.query.sandbox import documents, lists, numbers
from restate_reflect.embedded.query.sandbox.values import ARROW_NAMES

__all__ = ["DATE", "METADATA", "TYPES", "is_of", "kind_of", "kind_of_type", "shown_as"]

TYPES: Final = {
    "text": "TEXT",
    "bool": "BOOLEAN",
    "u32": "UINT",
    "u64": "UBIGINT",
    "bytes": "VARBINARY",
    "time": "TIMESTAMP",
    "span": "INTERVAL",
    "texts": "ARRAY<TEXT>",
    "numbers": "ARRAY<UINT>",
}
"""By what the tables call theirs."""
assert set(TYPES) <= set(ARROW_NAMES)
_T: Final = exp.DataType.Type
DATE: Final = frozenset({_T.DATE})
_TIMES: Final = frozenset({_T.TIMESTAMP, _T.TIMESTAMPTZ, _T.TIMESTAMPNTZ})
_KINDS: Final = {
    **dict.fromkeys((_T.TEXT, _T.VARCHAR, _T.CHAR), "text"),
    **dict.fromkeys(_TIMES, "time"),
    **dict.fromkeys((_T.INT, _T.BIGINT, _T.SMALLINT), "i64"),
    **dict.fromkeys((_T.DOUBLE, _T.FLOAT), "float"),
    _T.BOOLEAN: "bool",
    _T.UINT: "u32",
    _T.VARBINARY: "bytes",
    _T.INTERVAL: "span",
    _T.ARRAY: "texts",
}


def is_of(types: Collection[Any], *nodes: exp.Expr) -> bool:
    """Whether each has one of these types."""
    return all(each.type is not None and each.type.this in types for each in nodes)


def _annotated(kind: type[exp.Expr], is_span: Callable[[Any], bool]) -> dict[str, Any]:
    """sqlglot's way to find a type, but for what are spans."""
    usual: Any = Postgres.EXPRESSION_METADATA[kind]

    def annotate(annotator: Any, node: exp.Expr) -> exp.Expr:
        if is_span(node):
            node.type = exp.DataType.build("INTERVAL")
        elif "annotator" in usual:
            usual["annotator"](annotator, node)
        else:
            node.type = usual["returns"]
        return node

    return {"annotator": annotate}


METADATA: Final = {
    **Postgres.EXPRESSION_METADATA,
    exp.Sub: _annotated(exp.Sub, lambda node: is_of(_TIMES, node.left, node.right)),
    exp.Avg: _annotated(exp.Avg, lambda node: is_of({_T.INTERVAL}, node.this)),
}
"""How sqlglot finds the types of expressions."""


def shown_as(projection: exp.Expr) -> str | None:
    """The type of a column of the answer."""
    node = projection.unalias()
    if _is_naive(node):
        return "naive"
    name = node.name.lower() if isinstance(node, exp.Anonymous) else node.key
    return _RESULTS.get(name) or kind_of(projection)


_RESULTS: Final = {
    **documents.KINDS,
    **lists.KINDS,
    **numbers.KINDS,
    **dict.fromkeys(("date_bin", "datebin"), "time"),
    **dict.fromkeys(("regexplike", "regexpilike", "contains"), "bool"),
    **dict.fromkeys(("regexp_match", "arrayagg"), "texts"),
}
"""Types that sqlglot does not infer, by its name of a function."""
_NAIVE: Final = frozenset(f"to_timestamp_{unit}" for unit in ("seconds", "millis")) | {"from_unixtime"}


def _is_naive(node: exp.Expr) -> bool:
    """Whether it is a time without a zone, as literals are and what is made of numbers."""
    if isinstance(node, (exp.TimestampTrunc, exp.DateTrunc)):
        return _is_naive(node.this)
    if isinstance(node, (exp.Add, exp.Sub)):
        return kind_of(node) == "time" and _is_naive(node.left)
    if isinstance(node, exp.Cast):
        return node.to.this is _T.TIMESTAMP
    if node.key == "datebin":
        return _is_naive(node.expression)
    if isinstance(node, exp.Anonymous) and node.name.lower() == "date_bin":
        return _is_naive(node.expressions[1])
    return isinstance(node, exp.UnixToTime) or (isinstance(node, exp.Anonymous) and node.name.lower() in _NAIVE)


def kind_of(node: exp.Expr) -> str | None:
    """``None``: that of each value."""
    kind = node.type
    if kind is None:
        return None
    if kind.this is _T.ARRAY and kind.expressions and kind.expressions[0].this is _T.UINT:
        return "numbers"
    if kind.this is _T.USERDEFINED:  # of 64 bits without a sign, which PostgreSQL lacks
        return "u64" if kind.args.get("kind") == TYPES["u64"] else None
    return kind_of_type(kind)


def kind_of_type(kind: exp.DataType) -> str | None:
    """What it is called here, if it is known."""
    return _KINDS.get(kind.this)
