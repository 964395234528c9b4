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
from collections.abc import Mapping
from typing import Any, ClassVar, Final, NamedTuple

import sqlglot
from sqlglot import Token, exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import OptimizeError, ParseError, TokenError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from restate_reflect.embedded.query.sandbox import documents, lists, numbers
from restate_reflect.embedded.query.sandbox.kinds import METADATA, TYPES, shown_as
from restate_reflect.embedded.query.sandbox.mistakes import (
    Mistake,
    RefusedError,
    contradictions,
    lost_column,
    no_query,
    unparsed,
)
from restate_reflect.embedded.query.sandbox.naming import names, own_name
from restate_reflect.embedded.query.sandbox.refusals import refusals
from restate_reflect.embedded.query.sandbox.rewriting import rewrite
from restate_reflect.embedded.query.sandbox.spans import constant, tell_intervals
from restate_reflect.embedded.query.sandbox.values import ARROW_NAMES

__all__ = ["Translated", "translate"]

Tables = Mapping[str, Mapping[str, str]]


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


class Translated(NamedTuple):
    """A statement for SQLite."""

    sql: str
    columns: list[tuple[str, str | None]]
    """Name and type of each column of the answer."""


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
        table: {c: TYPES[kind] for c, kind in columns.items()} for table, columns in tables.items()
    }
    schema |= {f"information_schema_{name}": dict.fromkeys(columns, "TEXT") for name, columns in _INFORMATION.items()}
    _check_tables(statement, schema)
    try:
        statement = qualify(statement, schema=schema, dialect="postgres", validate_qualify_columns=True)
    except OptimizeError as error:
        unknown = re.search("^Unknown table: (.*)", str(error))
        known = Mistake(f"Error during planning: Invalid qualifier {unknown[1]}", 400) if unknown else None
        raise _refused(known or lost_column(statement, schema) or Mistake(f"Schema error: {error}")) from None
    statement = annotate_types(statement, schema=schema, dialect="postgres", expression_metadata=METADATA)
    for mistake in contradictions(statement, own, _arrow_name):
        raise _refused(mistake)
    _tell_types(statement)
    tell_intervals(statement)
    columns = [(name, shown_as(each)) for name, each in zip(names(statement, own), statement.selects, strict=True)]
    rewrite(statement)
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
    if constant(node) is not None:
        return "Interval(MonthDayNano)"
    return ARROW_NAMES.get(shown_as(node) or "")
