"""Lengths of time in a statement, which are numbers of milliseconds in SQLite: intervals, and times that they shift."""

from __future__ import annotations

from sqlglot import exp

from restate_reflect.embedded.query.sandbox.intervals import IntervalError, Lengths, read_interval
from restate_reflect.embedded.query.sandbox.kinds import DATE, is_of, kind_of, kind_of_type
from restate_reflect.embedded.query.sandbox.mistakes import RefusedError

__all__ = ["constant", "in_sqlite", "tell_intervals"]


def tell_intervals(statement: exp.Query) -> None:
    """In words, where they are themselves what is asked for, or made a text."""
    asked = [each.unalias() for each in statement.selects]
    texts = [each.this for each in statement.find_all(exp.Cast) if kind_of_type(each.to) == "text"]
    for node in (*asked, *texts):
        found = constant(node)
        if found is not None and node.parent is not None:
            text = exp.Literal.string(str(found))
            node.parent.type = text.type = exp.DataType.build("TEXT")
            node.replace(text)


def in_sqlite(node: exp.Expr) -> exp.Expr | None:
    """What shifts a time or a date, the time between two dates, or a length; ``None`` for everything else."""
    match node:
        case exp.Add() | exp.Sub() if kind_of(node) == "time" and isinstance(node.right, exp.Interval):
            return _shifted(node.left, _signed(node))
        case exp.Add() if kind_of(node) == "time" and isinstance(node.left, exp.Interval):
            return _shifted(node.right, _lengths(node.left))
        case exp.Add() | exp.Sub() if is_of(DATE, node.left) and isinstance(node.right, exp.Interval):
            return _shifted_date(node.left, _signed(node))
        case exp.Sub() if is_of(DATE, node.left, node.right):
            return exp.Anonymous(this="days_between", expressions=[node.left, node.right])
        case exp.Interval() if not _is_moment(node.parent):
            return exp.Literal.number(_lengths(node).all_millis)
        case _:
            return None


def _signed(node: exp.Expr) -> Lengths:
    """What is added to the left side, or taken from it."""
    return _lengths(node.expression).times(-1 if isinstance(node, exp.Sub) else 1)


def constant(node: exp.Expr) -> Lengths | None:
    """An interval that is made of intervals alone."""
    match node:
        case exp.Interval():
            return _lengths(node)
        case exp.Paren():
            return constant(node.this)
        case exp.Neg():
            inner = constant(node.this)
            return None if inner is None else inner.times(-1)
        case exp.Add() | exp.Sub():
            left, right = constant(node.left), constant(node.right)
            sign = -1 if isinstance(node, exp.Sub) else 1
            return None if left is None or right is None else left.plus(right.times(sign))
        case _:
            return None


def _lengths(interval: exp.Interval) -> Lengths:
    unit = interval.args.get("unit")
    text = f"{interval.this.name} {unit.name}" if isinstance(unit, exp.Expr) else interval.this.name
    try:
        return read_interval(text)
    except IntervalError:
        raise RefusedError(
            f'Arrow error: Parser error: Invalid input syntax for type interval: "{text.lower()}"'
        ) from None


def _is_moment(node: exp.Expr | None) -> bool:
    """Whether it is a time, or a date, and a length."""
    return isinstance(node, (exp.Add, exp.Sub)) and (kind_of(node) == "time" or is_of(DATE, node.left))


def _shifted_date(date: exp.Expr, by: Lengths) -> exp.Expr:
    """Dates are texts here."""
    rest = Lengths(0, by.days, by.millis).all_millis
    given = [date, exp.Literal.number(by.months), exp.Literal.number(rest)]
    return exp.Anonymous(this="date_shift", expressions=given)


def _shifted(time: exp.Expr, by: Lengths) -> exp.Expr:
    rest = exp.Literal.number(Lengths(0, by.days, by.millis).all_millis)
    if not by.months:
        return exp.Paren(this=exp.Add(this=time, expression=rest))
    return exp.Anonymous(this="time_shift", expressions=[time, exp.Literal.number(by.months), rest])
