"""From restate-server's SQL (DataFusion's, which is close to PostgreSQL's) to SQLite's, with the types of its columns.

sqlglot parses, resolves names and infers types; here is what the two dialects mean differently:

1. A subquery without a name passes on the names of its tables.
2. Times are milliseconds in SQLite: texts they are compared with become numbers, and so do intervals and ``now()``;
   the difference of two times is a span.
3. ``first_value`` and ``last_value`` are aggregates, too, with an order of their own.
4. Columns without a name are called by what they are made of: ``count(*)``, ``min(t.created_at)``, ``Int64(1)``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar, Final, NamedTuple

import sqlglot
from sqlglot import Token, exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import OptimizeError, ParseError, TokenError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from restate_reflect.embedded.query.sandbox import documents, lists, numbers
from restate_reflect.embedded.query.sandbox.intervals import IntervalError, Lengths, read_interval
from restate_reflect.embedded.query.sandbox.mistakes import Mistake, contradictions, lost_column, no_query, unparsed
from restate_reflect.embedded.query.sandbox.naming import names, own_name
from restate_reflect.embedded.query.sandbox.refusals import refusals
from restate_reflect.embedded.query.sandbox.values import ARROW_NAMES, from_iso

__all__ = ["RefusedError", "Translated", "translate"]

Tables = Mapping[str, Mapping[str, str]]


_OWN_KINDS: Final = documents.KINDS | lists.KINDS | numbers.KINDS
_OWN: Final = {
    *("to_char", "decode", "levenshtein", "substring_index"),
    *("approx_median", "bit_and", "bit_or", "bit_xor", "corr", "covar_pop", "covar_samp"),
    *("stddev_pop", "stddev_samp", "var_pop", "var_samp", "sha224", "sha256", "sha384", "sha512", "md5"),
    *documents.FUNCTIONS,
    *lists.FUNCTIONS,
    *numbers.FUNCTIONS,
}
"""Functions that sqlglot leaves as they are: it would call them otherwise in SQLite."""


class _DataFusion(Postgres):
    class Parser(Postgres.Parser):  # type: ignore[valid-type, misc, unused-ignore]
        FUNCTIONS: ClassVar = {
            name: make for name, make in Postgres.Parser.FUNCTIONS.items() if name.lower() not in _OWN
        }


class RefusedError(ValueError):
    """restate-server would refuse it, too; the message is in its words."""

    def __init__(self, message: str, status: int = 500) -> None:
        super().__init__(f"Datafusion error: {message}")
        self.status = status


class Translated(NamedTuple):
    """A statement for SQLite."""

    sql: str
    columns: list[tuple[str, str | None]]
    """Name and type of each column of the answer."""


_TYPES: Final = {
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
_T: Final = exp.DataType.Type
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


def _is_of(types: Collection[Any], *nodes: exp.Expr) -> bool:
    return all(each.type is not None and each.type.this in types for each in nodes)


_METADATA: Final = {
    **Postgres.EXPRESSION_METADATA,
    exp.Sub: _annotated(exp.Sub, lambda node: _is_of(_TIMES, node.left, node.right)),
    exp.Avg: _annotated(exp.Avg, lambda node: _is_of({_T.INTERVAL}, node.this)),
}
_INFORMATION: Final = {
    "columns": (
        "table_catalog",
        "table_schema",
        "table_name",
        "column_name",
        "ordinal_position",
        "is_nullable",
        "data_type",
    ),
    "tables": ("table_catalog", "table_schema", "table_name", "table_type"),
}


def translate(sql: str, tables: Tables) -> Translated:
    """One SELECT.

    Raises:
        RefusedError: It is none, or names what is not there.
    """
    statement = _parsed(sql, tables)
    _name_subqueries(statement)
    own = [own_name(each) for each in statement.selects]
    schema: dict[str, Any] = {
        table: {c: _TYPES[kind] for c, kind in columns.items()} for table, columns in tables.items()
    }
    schema |= {f"information_schema_{name}": dict.fromkeys(columns, "TEXT") for name, columns in _INFORMATION.items()}
    _check_tables(statement, schema)
    try:
        statement = qualify(statement, schema=schema, dialect="postgres", validate_qualify_columns=True)
    except OptimizeError as error:
        unknown = re.search("^Unknown table: (.*)", str(error))
        known = Mistake(f"Error during planning: Invalid qualifier {unknown[1]}", 400) if unknown else None
        raise _refused(known or lost_column(statement, schema) or Mistake(f"Schema error: {error}")) from None
    statement = annotate_types(statement, schema=schema, dialect="postgres", expression_metadata=_METADATA)
    for mistake in contradictions(statement, own, _arrow_name):
        raise _refused(mistake)
    _tell_types(statement)
    _tell_intervals(statement)
    columns = [(name, _shown_as(each)) for name, each in zip(names(statement, own), statement.selects, strict=True)]
    for node in reversed(list(statement.walk())):
        _replace(node)
    return Translated(statement.sql(dialect="sqlite"), columns)


def _parsed(sql: str, tables: Tables) -> exp.Query:
    tokens: list[Token] = []
    try:
        tokens = sqlglot.tokenize(sql, dialect=_DataFusion)
        statements = [each for each in sqlglot.parse(sql, dialect=_DataFusion) if each is not None]
    except (ParseError, TokenError) as error:
        raise _refused(unparsed(sql, tokens, error)) from None
    if not statements:
        raise RefusedError("Error during planning: No SQL statements were provided in the query string", 400)
    if len(statements) > 1:
        raise RefusedError(
            "This feature is not implemented: The context currently only supports a single SQL statement"
        )
    statement = _described(statements[0], tables)
    if not isinstance(statement, exp.Query):
        raise _refused(no_query(statement, tokens))
    if isinstance(statement, exp.Select) and not statement.args.get("from_", statement.args.get("from")):
        if any(isinstance(each, exp.Star) for each in statement.selects):
            raise RefusedError("Error during planning: SELECT * with no tables specified is not valid", 400)
        if not statement.selects:
            raise RefusedError('SQL error: ParserError("Expected: an expression, found: EOF")', 400)
    for why in refusals(tokens, statement):
        raise RefusedError(why)
    return statement


def _refused(mistake: Mistake) -> RefusedError:
    return RefusedError(mistake.message, mistake.status)


def _described(statement: exp.Expr, tables: Tables) -> exp.Expr:
    """``DESCRIBE table``, ``SHOW TABLES`` and ``SHOW COLUMNS`` are SELECTs over ``information_schema``."""
    if isinstance(statement, exp.Describe):
        return _columns_of(statement.this.name, "column_name, data_type, is_nullable", tables)
    words = statement.sql().split() if isinstance(statement, (exp.Show, exp.Command)) else []
    match [*(word.upper() for word in words[:3]), *words[3:]]:
        case ["SHOW", "TABLES"]:
            return sqlglot.parse_one("SELECT * FROM information_schema.tables")
        case ["SHOW", "COLUMNS", "FROM" | "IN", name]:
            asked = "table_catalog, table_schema, table_name, column_name, data_type, is_nullable"
            return _columns_of(name, asked, tables)
        case _:
            return statement


def _columns_of(table: str, asked: str, tables: Tables) -> exp.Expr:
    if table not in tables:
        raise RefusedError(f"Error during planning: table 'restate.public.{table}' not found", 400)
    return sqlglot.parse_one(
        f"SELECT {asked} FROM information_schema.columns WHERE table_name = '{table}' ORDER BY ordinal_position"
    )


def _name_subqueries(statement: exp.Expr) -> None:
    """By their own table, whose name their columns keep on restate-server."""
    for subquery in statement.find_all(exp.Subquery):
        if not subquery.alias and isinstance(subquery.parent, (exp.From, exp.Join)):
            tables = list(subquery.this.find_all(exp.Table))
            if len(tables) == 1:
                subquery.set("alias", exp.TableAlias(this=exp.to_identifier(tables[0].alias_or_name)))


def _check_tables(statement: exp.Expr, schema: Mapping[str, Any]) -> None:
    """And puts ``information_schema`` where it is found here."""
    known = {alias.alias for alias in statement.find_all(exp.CTE)}
    for table in statement.find_all(exp.Table):
        name = table.name if table.args.get("quoted") else table.name.lower()
        if table.db.lower() == "information_schema" and name in _INFORMATION:
            alias = table.alias_or_name
            table.set("db", None)
            table.set("this", exp.to_identifier(f"information_schema_{name}"))
            table.set("alias", exp.TableAlias(this=exp.to_identifier(alias)))
        elif (name not in schema or table.db.lower() not in ("", "public")) and name not in known:
            place = f"{table.catalog or 'restate'}.{table.db or 'public'}"
            raise RefusedError(f"Error during planning: table '{place}.{name}' not found")
        elif table.db:
            table.set("db", None)
            table.set("catalog", None)


# ---------------------------------------------------------------- names and types


def _shown_as(projection: exp.Expr) -> str | None:
    """The type of a column of the answer."""
    node = projection.unalias()
    if _is_naive(node):
        return "naive"
    name = node.name.lower() if isinstance(node, exp.Anonymous) else node.key
    return _RESULTS.get(name) or _kind(projection)


_RESULTS: Final = {
    **_OWN_KINDS,
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
        return _kind(node) == "time" and _is_naive(node.left)
    if isinstance(node, exp.Cast):
        return node.to.this is _T.TIMESTAMP
    if node.key == "datebin":
        return _is_naive(node.expression)
    if isinstance(node, exp.Anonymous) and node.name.lower() == "date_bin":
        return _is_naive(node.expressions[1])
    return isinstance(node, exp.UnixToTime) or (isinstance(node, exp.Anonymous) and node.name.lower() in _NAIVE)


def _kind(node: exp.Expr) -> str | None:
    """``None``: that of each value."""
    kind = node.type
    if kind is None:
        return None
    if kind.this is _T.ARRAY and kind.expressions and kind.expressions[0].this is _T.UINT:
        return "numbers"
    if kind.this is _T.USERDEFINED:  # of 64 bits without a sign, which PostgreSQL lacks
        return "u64" if kind.args.get("kind") == _TYPES["u64"] else None
    return _KINDS.get(kind.this)


# ---------------------------------------------------------------- what means something else


def _replace(node: exp.Expr) -> None:
    """By what means the same; it keeps its type, which the nodes around it look at."""
    found = _to_sqlite(node)
    if found is not node:
        found.type = node.type
        node.replace(found)


def _to_sqlite(node: exp.Expr) -> exp.Expr:
    match node:
        case exp.CurrentTimestamp():
            return exp.Literal.number(round(time.time() * 1000))
        case exp.Anonymous() if node.name.lower() == "now":
            return exp.Literal.number(round(time.time() * 1000))
        case exp.Add() | exp.Sub() if _kind(node) == "time" and isinstance(node.right, exp.Interval):
            return _shifted(node.left, _lengths(node.right).times(-1 if isinstance(node, exp.Sub) else 1))
        case exp.Add() if _kind(node) == "time" and isinstance(node.left, exp.Interval):
            return _shifted(node.right, _lengths(node.left))
        case exp.Interval() if not _is_moment(node.parent):
            return exp.Literal.number(_lengths(node).all_millis)
        case exp.FirstValue() | exp.LastValue() if not isinstance(node.parent, exp.Window):
            return _first(node)
        case exp.Cast() if not isinstance(node, exp.TryCast):
            return _cast(node)
        case exp.ILike():
            lowered = {"this": exp.Lower(this=node.this), "expression": exp.Lower(this=node.expression)}
            return _escaped(exp.Like(**lowered, negate=node.args.get("negate")))
        case exp.Like() if not isinstance(node.parent, exp.Escape):
            return _escaped(node.copy())
        case exp.Add() | exp.Sub() if _is_of({_T.DATE}, node.left) and isinstance(node.right, exp.Interval):
            return _shifted_date(node.left, _lengths(node.right).times(-1 if isinstance(node, exp.Sub) else 1))
        case exp.Sub() if _is_of({_T.DATE}, node.left, node.right):
            return exp.Anonymous(this="days_between", expressions=[node.left, node.right])
        case exp.Left():
            return exp.Anonymous(this="first_of", expressions=[node.this, node.expression])
        case exp.Right():
            return exp.Anonymous(this="last_of", expressions=[node.this, node.expression])
        case exp.TimestampTrunc() | exp.DateTrunc():
            unit = node.args["unit"]
            if unit.name.lower() not in _GRAINS:
                supported = f"Supported values are: {', '.join(_GRAINS)}"
                raise RefusedError(
                    f"Execution error: Unsupported date_trunc granularity: '{unit.name.lower()}'. {supported}"
                )
            return exp.Anonymous(this="date_trunc", expressions=[exp.Literal.string(unit.name), node.this])
        case exp.Extract():
            return exp.Anonymous(this="date_part", expressions=[exp.Literal.string(node.this.name), node.expression])
        case exp.JSONExtract() | exp.JSONExtractScalar() if isinstance(node.expression, exp.JSONPath):
            name = "json_as_text" if isinstance(node, exp.JSONExtractScalar) else "json_get"
            return exp.Anonymous(this=name, expressions=[node.this, *_steps(node.expression)])
        case exp.SimilarTo():  # a pattern is a regular expression there
            found = exp.Anonymous(this="regexp_like", expressions=[node.this, node.expression])
            return exp.Not(this=found) if node.args.get("negate") else found
        case exp.Array():
            return exp.Anonymous(this="make_array", expressions=node.expressions)
        case exp.WithinGroup() if isinstance(node.expression, exp.Order):
            return _quantile(node)
        case exp.Explode():
            return _row_for_each(node)
        case exp.Sign():
            return exp.Mul(this=node.copy(), expression=exp.Literal.number("1.0"))
        case exp.StartsWith():
            return exp.Anonymous(this="starts_with", expressions=[node.this, node.expression])
        case exp.ArrayAgg() if isinstance(node.this, exp.Order):
            return _sorted("sorted_list", node.this.this, exp.Literal.string(","), node.this)
        case exp.ArrayAgg():
            return exp.Anonymous(this="json_group_array", expressions=[node.this])
        case exp.GroupConcat() if isinstance(node.this, exp.Order):
            return _sorted("sorted_text", node.this.this, node.args["separator"], node.this)
        case exp.ApproxDistinct():
            return exp.Count(this=exp.Distinct(expressions=[node.this]))
        case exp.RegexpILike():
            return exp.Anonymous(this="regexp_like", expressions=[*_given(node), exp.Literal.string("i")])
        case exp.TryCast() if _kind(node) == "i64":
            return exp.Anonymous(this="try_number", expressions=[node.this])
        case _ if type(node) in _CALLED:
            return exp.Anonymous(this=_CALLED[type(node)], expressions=_given(node))
        case exp.Literal() if node.is_string and _meets_time(node):
            return _moment(node)
        case _:
            return node


_GRAINS: Final = (
    *("microsecond", "millisecond", "second", "minute", "hour"),
    *("day", "week", "month", "quarter", "year"),
)
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


def _steps(path: exp.JSONPath) -> list[exp.Expr]:
    """Keys and indexes of ``->``."""
    steps = [each.this for each in path.expressions if isinstance(each, (exp.JSONPathKey, exp.JSONPathSubscript))]
    return [exp.Literal.number(each) if isinstance(each, int) else exp.Literal.string(each) for each in steps]


def _quantile(node: exp.WithinGroup) -> exp.Expr:
    """``percentile_cont(0.5) WITHIN GROUP (ORDER BY value)``."""
    ordered, inner = node.expression.expressions[0], node.this
    is_unknown = isinstance(inner, exp.Anonymous)  # approx_percentile_cont, to sqlglot
    name, part = (inner.name, inner.expressions[0]) if is_unknown else ("percentile_cont", inner.this)
    if ordered.args.get("desc"):
        part = exp.Paren(this=exp.Sub(this=exp.Literal.number(1), expression=part))
    return exp.Anonymous(this=name, expressions=[ordered.this, part])


def _row_for_each(node: exp.Explode) -> exp.Expr:
    """``unnest(list)``: its items, by a join with them."""
    select, name = node.find_ancestor(exp.Select), "unnested"
    if select is None or any(join.this.alias == name for join in select.args.get("joins") or ()):
        return node
    items = exp.Table(
        this=exp.Anonymous(this="json_each", expressions=[node.this]),
        alias=exp.TableAlias(this=exp.to_identifier(name)),
    )
    if select.args.get("from_") or select.args.get("from"):
        select.join(items, join_type="cross", copy=False)
    else:
        select.from_(items, copy=False)
    return exp.column("value", table=name)


def _sorted(name: str, value: exp.Expr, separator: exp.Expr, order: exp.Order) -> exp.Expr:
    ordered = order.expressions[0]
    descending = exp.Literal.number(int(bool(ordered.args.get("desc"))))
    return exp.Anonymous(this=name, expressions=[value, separator, ordered.this, descending])


def _escaped(like: exp.Expr) -> exp.Expr:
    """With the backslash, which SQLite wants to be told."""
    return exp.Escape(this=like, expression=exp.Literal.string("\\"))


def _meets_time(literal: exp.Expr) -> bool:
    """Whether a text, or a date, stands beside a time."""
    parent = literal.parent
    if not isinstance(parent, (exp.Predicate, exp.Between, exp.In, exp.Coalesce)):
        return False
    others: list[exp.Expr] = [each for each in parent.iter_expressions() if each != literal]
    return any(_kind(each) == "time" for each in others)


def _moment(literal: exp.Literal) -> exp.Expr:
    try:
        return exp.Literal.number(from_iso(literal.this))
    except ValueError:
        why = "timestamp must contain at least 10 characters" if len(literal.this) < 10 else "error parsing date"
        raise RefusedError(
            "Optimizer rule 'simplify_expressions' failed\ncaused by\nArrow error: Parser error: Error parsing"
            f" timestamp from '{literal.this}': {why}"
        ) from None


def _tell_types(statement: exp.Query) -> None:
    """``arrow_typeof``, which is known before there are rows."""
    for node in list(statement.find_all(exp.Anonymous)):
        found = _arrow_name(node.expressions[0]) if node.name.lower() == "arrow_typeof" else None
        if found is not None:
            text: exp.Expr = exp.Literal.string(found)
            text = exp.Max(this=text) if node.find(exp.AggFunc) else text  # of all rows, as it was
            text.type = exp.DataType.build("TEXT")
            node.replace(text)


def _arrow_name(node: exp.Expr) -> str | None:
    if isinstance(node, exp.Literal) and node.is_string:
        return "Utf8"  # those of columns are large
    if isinstance(node, exp.Null):
        return "Null"
    if isinstance(node, exp.CurrentTimestamp):
        return ARROW_NAMES["naive"]
    if _constant(node) is not None:
        return "Interval(MonthDayNano)"
    return ARROW_NAMES.get(_shown_as(node) or "")


def _tell_intervals(statement: exp.Query) -> None:
    """In words, where they are themselves what is asked for, or made a text."""
    asked = [each.unalias() for each in statement.selects]
    texts = [each.this for each in statement.find_all(exp.Cast) if _KINDS.get(each.to.this) == "text"]
    for node in (*asked, *texts):
        found = _constant(node)
        if found is not None and node.parent is not None:
            text = exp.Literal.string(str(found))
            node.parent.type = text.type = exp.DataType.build("TEXT")
            node.replace(text)


def _constant(node: exp.Expr) -> Lengths | None:
    """An interval that is made of intervals alone."""
    match node:
        case exp.Interval():
            return _lengths(node)
        case exp.Paren():
            return _constant(node.this)
        case exp.Neg():
            inner = _constant(node.this)
            return None if inner is None else inner.times(-1)
        case exp.Add() | exp.Sub():
            left, right = _constant(node.left), _constant(node.right)
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
    return isinstance(node, (exp.Add, exp.Sub)) and (_kind(node) == "time" or _is_of({_T.DATE}, node.left))


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


def _first(node: exp.FirstValue | exp.LastValue) -> exp.Expr:
    name = "first_by" if isinstance(node, exp.FirstValue) else "last_by"
    inner = node.this
    if isinstance(inner, exp.Order):
        ordered = inner.expressions[0]
        descending = exp.Literal.number(int(bool(ordered.args.get("desc"))))
        return exp.Anonymous(this=name, expressions=[inner.this, ordered.this, descending])
    return exp.Anonymous(this=name, expressions=[inner, exp.Literal.number(0), exp.Literal.number(0)])


def _cast(node: exp.Cast) -> exp.Expr:
    wanted, given = _KINDS.get(node.to.this), _kind(node.this)
    if wanted == "time":
        return exp.Anonymous(this="to_millis", expressions=[node.this])
    if given == "text" and wanted == "bool":
        return exp.Anonymous(this="to_bool", expressions=[node.this])
    if node.to.this is _T.DATE:
        if _meets_time(node):
            return exp.Anonymous(this="to_millis", expressions=[node.this])
        return exp.Anonymous(this="date_of", expressions=[node.this]) if given == "time" else node.this
    if given == "u64" and wanted == "text":
        return exp.Anonymous(this="unsigned_text", expressions=[node.this])
    if given == "span" and wanted == "text":
        return exp.Anonymous(this="span_text", expressions=[node.this])
    if given == "time" and wanted == "text":
        return exp.Anonymous(this="time_text", expressions=[node.this])
    return node


assert set(_TYPES) <= set(ARROW_NAMES)
