"""Expressions that mean something else in SQLite, by what means the same there."""

from __future__ import annotations

import time
from typing import Final

from sqlglot import exp

from restate_reflect.embedded.query.sandbox import spans
from restate_reflect.embedded.query.sandbox.kinds import DATE, kind_of, kind_of_type
from restate_reflect.embedded.query.sandbox.mistakes import RefusedError
from restate_reflect.embedded.query.sandbox.values import from_iso

__all__ = ["rewrite"]


def rewrite(statement: exp.Expr) -> None:
    """From the innermost outwards. What is put in keeps the type, which the expressions around it look at.

    Raises:
        RefusedError: A time, a length or a unit is none.
    """
    now = round(time.time() * 1000)  # the same wherever the statement asks for it
    for node in reversed(list(statement.walk())):
        replacements = (each for way in _WAYS if (each := way(node)) is not None)
        found = exp.Literal.number(now) if _is_now(node) else next(replacements, None)
        if found is not None and found is not node:
            found.type = node.type
            node.replace(found)


def _called(name: str, *given: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(given))


# ---------------------------------------------------------------- times


def _is_now(node: exp.Expr) -> bool:
    return isinstance(node, exp.CurrentTimestamp) or (isinstance(node, exp.Anonymous) and node.name.lower() == "now")


def _time(node: exp.Expr) -> exp.Expr | None:
    match node:
        case exp.TimestampTrunc() | exp.DateTrunc():
            return _called("date_trunc", exp.Literal.string(_grain(node.args["unit"].name)), node.this)
        case exp.Extract():
            return _called("date_part", exp.Literal.string(node.this.name), node.expression)
        case exp.Literal() if node.is_string and _meets_time(node):
            return _moment(node)
        case _:
            return None


_GRAINS: Final = (
    *("microsecond", "millisecond", "second", "minute", "hour"),
    *("day", "week", "month", "quarter", "year"),
)


def _grain(name: str) -> str:
    if name.lower() not in _GRAINS:
        supported = f"Supported values are: {', '.join(_GRAINS)}"
        raise RefusedError(f"Execution error: Unsupported date_trunc granularity: '{name.lower()}'. {supported}")
    return name


def _meets_time(literal: exp.Expr) -> bool:
    """Whether a text, or a date, stands beside a time."""
    parent = literal.parent
    if not isinstance(parent, (exp.Predicate, exp.Between, exp.In, exp.Coalesce)):
        return False
    others: list[exp.Expr] = [each for each in parent.iter_expressions() if each != literal]
    return any(kind_of(each) == "time" for each in others)


def _moment(literal: exp.Literal) -> exp.Expr:
    try:
        return exp.Literal.number(from_iso(literal.this))
    except ValueError:
        why = "timestamp must contain at least 10 characters" if len(literal.this) < 10 else "error parsing date"
        raise RefusedError(
            "Optimizer rule 'simplify_expressions' failed\ncaused by\nArrow error: Parser error: Error parsing"
            f" timestamp from '{literal.this}': {why}"
        ) from None


# ---------------------------------------------------------------- texts, documents and lists


def _text(node: exp.Expr) -> exp.Expr | None:
    match node:
        case exp.ILike():
            lowered = {"this": exp.Lower(this=node.this), "expression": exp.Lower(this=node.expression)}
            return _escaped(exp.Like(**lowered, negate=node.args.get("negate")))
        case exp.Like() if not isinstance(node.parent, exp.Escape):
            return _escaped(node.copy())
        case exp.SimilarTo():  # a pattern is a regular expression there
            found = _called("regexp_like", node.this, node.expression)
            return exp.Not(this=found) if node.args.get("negate") else found
        case exp.RegexpILike():
            return _called("regexp_like", *_given(node), exp.Literal.string("i"))
        case exp.Left():
            return _called("first_of", node.this, node.expression)
        case exp.Right():
            return _called("last_of", node.this, node.expression)
        case exp.StartsWith():
            return _called("starts_with", node.this, node.expression)
        case _:
            return None


def _escaped(like: exp.Expr) -> exp.Expr:
    """With the backslash, which SQLite wants to be told."""
    return exp.Escape(this=like, expression=exp.Literal.string("\\"))


def _document(node: exp.Expr) -> exp.Expr | None:
    match node:
        case exp.JSONExtract() | exp.JSONExtractScalar() if isinstance(node.expression, exp.JSONPath):
            name = "json_as_text" if isinstance(node, exp.JSONExtractScalar) else "json_get"
            return _called(name, node.this, *_steps(node.expression))
        case exp.Array():
            return _called("make_array", *node.expressions)
        case exp.Explode():
            return _row_for_each(node)
        case _:
            return None


def _steps(path: exp.JSONPath) -> list[exp.Expr]:
    """Keys and indexes of ``->``."""
    steps = [each.this for each in path.expressions if isinstance(each, (exp.JSONPathKey, exp.JSONPathSubscript))]
    return [exp.Literal.number(each) if isinstance(each, int) else exp.Literal.string(each) for each in steps]


def _row_for_each(node: exp.Explode) -> exp.Expr:
    """``unnest(list)``: its items, by a join with them."""
    select, name = node.find_ancestor(exp.Select), "unnested"
    if select is None or any(join.this.alias == name for join in select.args.get("joins") or ()):
        return node
    items = exp.Table(this=_called("json_each", node.this), alias=exp.TableAlias(this=exp.to_identifier(name)))
    if select.args.get("from_") or select.args.get("from"):
        select.join(items, join_type="cross", copy=False)
    else:
        select.from_(items, copy=False)
    return exp.column("value", table=name)


# ---------------------------------------------------------------- many rows


def _aggregate(node: exp.Expr) -> exp.Expr | None:
    match node:
        case exp.FirstValue() | exp.LastValue() if not isinstance(node.parent, exp.Window):
            return _first(node)
        case exp.WithinGroup() if isinstance(node.expression, exp.Order):
            return _quantile(node)
        case exp.ArrayAgg() if isinstance(node.this, exp.Order):
            return _sorted("sorted_list", node.this.this, exp.Literal.string(","), node.this)
        case exp.ArrayAgg():
            return _called("json_group_array", node.this)
        case exp.GroupConcat() if isinstance(node.this, exp.Order):
            return _sorted("sorted_text", node.this.this, node.args["separator"], node.this)
        case exp.ApproxDistinct():
            return exp.Count(this=exp.Distinct(expressions=[node.this]))
        case _:
            return None


def _first(node: exp.FirstValue | exp.LastValue) -> exp.Expr:
    name = "first_by" if isinstance(node, exp.FirstValue) else "last_by"
    inner = node.this
    if isinstance(inner, exp.Order):
        ordered = inner.expressions[0]
        descending = exp.Literal.number(int(bool(ordered.args.get("desc"))))
        return _called(name, inner.this, ordered.this, descending)
    return _called(name, inner, exp.Literal.number(0), exp.Literal.number(0))


def _quantile(node: exp.WithinGroup) -> exp.Expr:
    """``percentile_cont(0.5) WITHIN GROUP (ORDER BY value)``."""
    ordered, inner = node.expression.expressions[0], node.this
    is_unknown = isinstance(inner, exp.Anonymous)  # approx_percentile_cont, to sqlglot
    name, part = (inner.name, inner.expressions[0]) if is_unknown else ("percentile_cont", inner.this)
    if ordered.args.get("desc"):
        part = exp.Paren(this=exp.Sub(this=exp.Literal.number(1), expression=part))
    return _called(name, ordered.this, part)


def _sorted(name: str, value: exp.Expr, separator: exp.Expr, order: exp.Order) -> exp.Expr:
    ordered = order.expressions[0]
    descending = exp.Literal.number(int(bool(ordered.args.get("desc"))))
    return _called(name, value, separator, ordered.this, descending)


# ---------------------------------------------------------------- values


def _value(node: exp.Expr) -> exp.Expr | None:
    match node:
        case exp.TryCast():
            return _called("try_number", node.this) if kind_of(node) == "i64" else None
        case exp.Cast():
            return _cast(node)
        case exp.Sign():
            return exp.Mul(this=node.copy(), expression=exp.Literal.number("1.0"))
        case _ if type(node) in _CALLED:
            return _called(_CALLED[type(node)], *_given(node))
        case _:
            return None


_CALLED: Final[dict[type[exp.Expr], str]] = {
    exp.Bracket: "list_item",
    exp.Median: "median",
    exp.Overlay: "overlay",
    exp.RegexpLike: "regexp_like",
    exp.RegexpReplace: "regexp_replace",
    exp.UnixToTime: "to_timestamp",
}
"""Functions that are called by their arguments alone; others have their own name in SQLite, too."""
_ARGUMENTS: Final = ("this", "expression", "expressions", "replacement", "from_", "for_", "flag", "modifiers")


def _given(node: exp.Expr) -> list[exp.Expr]:
    found = [node.args.get(name) for name in _ARGUMENTS]
    flat = [each for value in found for each in (value if isinstance(value, list) else [value])]
    return [each for each in flat if isinstance(each, exp.Expr)]


def _cast(node: exp.Cast) -> exp.Expr:
    wanted, given = kind_of_type(node.to), kind_of(node.this)
    if wanted == "time":
        return _called("to_millis", node.this)
    if given == "text" and wanted == "bool":
        return _called("to_bool", node.this)
    if node.to.this in DATE:
        if _meets_time(node):
            return _called("to_millis", node.this)
        return _called("date_of", node.this) if given == "time" else node.this
    if given == "u64" and wanted == "text":
        return _called("unsigned_text", node.this)
    if given == "span" and wanted == "text":
        return _called("span_text", node.this)
    if given == "time" and wanted == "text":
        return _called("time_text", node.this)
    return node


_WAYS: Final = (spans.in_sqlite, _time, _text, _document, _aggregate, _value)
