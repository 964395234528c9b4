"""Mistakes that sqlglot and SQLite pass over, or tell in their own words: found here, and told as restate-server tells.

What can't be parsed (``unparsed``), columns that are not there (``lost_column``), and what does not go together though
everything is there (``contradictions``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from sqlglot import Token, TokenType, exp
from sqlglot.errors import ParseError, TokenError
from sqlglot.optimizer.scope import Scope, traverse_scope

from restate_reflect.embedded.query.sandbox.aggregates import AGGREGATES
from restate_reflect.embedded.query.sandbox.naming import OPERATORS, shown
from restate_reflect.embedded.query.sandbox.texts import levenshtein

__all__ = ["Mistake", "RefusedError", "contradictions", "lost_column", "no_query", "unparsed"]

Tables = Mapping[str, Mapping[str, str]]
TypeOf = Callable[[exp.Expr], str | None]
"""Arrow's name of an expression's type; ``None`` if it is not known."""


class Mistake(NamedTuple):
    """What the server says of it, and with which status."""

    message: str
    status: int = 500


class RefusedError(ValueError):
    """restate-server would refuse it, too; the message is in its words."""

    def __init__(self, message: str, status: int = 500) -> None:
        super().__init__(f"Datafusion error: {message}")
        self.status = status


# ---------------------------------------------------------------- what is no SQL


def unparsed(sql: str, tokens: Sequence[Token], error: ParseError | TokenError) -> Mistake:
    """Why a statement can't be parsed; of what sqlglot tells only its own words are left in doubt."""
    if isinstance(error, TokenError):
        return _unclosed(sql)
    if tokens and tokens[0].token_type is TokenType.VAR:
        return _unexpected("an SQL statement", tokens[0])
    told = error.errors[0] if error.errors else {}
    why, at = told.get("description") or "no SQL", (told.get("line"), told.get("col"))
    found = next((each for each in tokens if (each.line, each.col) == at), None)
    if found is not None and why.startswith("Invalid expression"):
        return _unexpected("end of statement", found)._replace(status=500)
    if found is not None and why == "Expecting )":
        return _unexpected(")", found)
    if found is not None and found is tokens[-1] and found.token_type is not TokenType.R_PAREN:
        what = "identifier" if found.token_type is TokenType.FROM else "an expression"
        return Mistake(f'SQL error: ParserError("Expected: {what}, found: EOF")', 400)
    return Mistake(f'SQL error: ParserError("{why}")', 400)


def _unexpected(expected: str, found: Token) -> Mistake:
    column = found.col - len(found.text) + 1
    where = f"found: {found.text} at Line: {found.line}, Column: {column}"
    return Mistake(f'SQL error: ParserError("Expected: {expected}, {where}")', 400)


def _unclosed(sql: str) -> Mistake:
    """Of a quote that ends nowhere."""
    rest = re.sub(r"'[^']*'|\"[^\"]*\"", lambda whole: " " * len(whole[0]), sql)
    place = re.search("['\"]", rest)
    if place is None:
        return Mistake('SQL error: ParserError("no SQL")', 400)
    before = sql[: place.start()].split("\n")
    at = f"at Line: {len(before)}, Column: {len(before[-1]) + 1}"
    if place[0] == "'":
        return Mistake(f'SQL error: TokenizerError("Unterminated string literal {at}")', 400)
    return Mistake(f'SQL error: TokenizerError("Expected close delimiter \'\\"\' before EOF. {at}")', 400)


_CHANGES: Final[dict[type[exp.Expr], str]] = {
    exp.Update: "Update",
    exp.Delete: "Delete",
    exp.Insert: "Insert Into",
    exp.TruncateTable: "Truncate",
}
_DEFINITIONS: Final[dict[tuple[type[exp.Expr], str], str]] = {
    (exp.Drop, "TABLE"): "DropTable",
    (exp.Drop, "VIEW"): "DropView",
    (exp.Create, "TABLE"): "CreateMemoryTable",
    (exp.Create, "VIEW"): "CreateView",
}


def no_query(statement: exp.Expr, tokens: Sequence[Token]) -> Mistake:
    """Of a statement that asks for nothing."""
    if tokens[0].token_type in (TokenType.VAR, TokenType.TABLE):
        return _unexpected("an SQL statement", tokens[0])
    if type(statement) in _CHANGES:
        return Mistake(f"Error during planning: DML not supported: {_CHANGES[type(statement)]}", 400)
    definition = _DEFINITIONS.get((type(statement), str(statement.args.get("kind"))))
    if definition is not None:
        return Mistake(f"Error during planning: DDL not supported: {definition}", 400)
    return Mistake("Error during planning: only SELECT can be answered", 400)


# ---------------------------------------------------------------- columns


def lost_column(statement: exp.Expr, tables: Tables) -> Mistake | None:
    """The first column that is in no table, or in several; ``None`` if that can't be told."""
    for scope in traverse_scope(statement):
        known = _columns_of(scope, tables)
        if known is None:
            return None
        for column in scope.columns:
            mistake = None if _is_elsewhere(column, scope, tables) else _judged(column, known)
            if mistake is not None:
                return mistake
    return None


Known = Mapping[str, Sequence[str]]


def _columns_of(scope: Scope, tables: Tables) -> Known | None:
    """By table; ``None`` if one has all of another's."""
    known: dict[str, Sequence[str]] = {}
    for name, (_, source) in scope.selected_sources.items():
        known[name] = list(tables.get(source.name, ())) if isinstance(source, exp.Table) else _named(source)
        if not known[name] or "*" in known[name]:
            return None
    return known


def _named(source: Scope) -> Sequence[str]:
    query = source.expression
    return query.named_selects if isinstance(query, exp.Query) else ()


def _is_elsewhere(column: exp.Column, scope: Scope, tables: Tables) -> bool:
    """Whether it is a column of a query around this one, or one that the query itself has named."""
    behind = column.find_ancestor(exp.Order, exp.Group, exp.Having, exp.Select)
    if not column.table and not isinstance(behind, exp.Select):
        select = column.find_ancestor(exp.Select)
        if select is not None and column.name in {each.alias for each in select.selects}:
            return True
    outer = scope.parent
    while outer is not None:
        around = _columns_of(outer, tables)
        if around is None or (column.table in around if column.table else any(_has(around, column.name))):
            return True
        outer = outer.parent
    return False


def _has(known: Known, name: str) -> Iterator[str]:
    return (table for table, columns in known.items() if name in columns)


def _judged(column: exp.Column, known: Known) -> Mistake | None:
    name = column.name if column.this.quoted else column.name.lower()
    found = list(_has(known, name))
    if column.table:
        return None if column.table in found else _missing(column, name, known)
    if len(found) > 1:
        return Mistake(f"Schema error: Ambiguous reference to unqualified field {name}")
    return None if found else _missing(column, name, known)


def _missing(column: exp.Column, name: str, known: Known) -> Mistake:
    fields = [f"{table}.{each}" for table, columns in known.items() for each in columns]
    status = 500
    place = column.find_ancestor(exp.Order, exp.Group, exp.Having, exp.Limit, exp.Offset, exp.Select)
    if isinstance(place, (exp.Limit, exp.Offset)):
        fields = []
    elif not isinstance(place, exp.Select):  # what is asked for can be named there, too
        select = column.find_ancestor(exp.Select)
        fields, status = [*_asked(select, known), *fields], 400
    told = name if re.fullmatch("[a-z_][a-z0-9_]*", name) else f'"{name}"'
    where = f"{column.table}.{told}" if column.table else told
    return Mistake(f"Schema error: No field named {where}.{_advice(name, fields)}", status)


def _asked(select: exp.Select | None, known: Known) -> Iterator[str]:
    for each in [] if select is None else select.selects:
        column = each.unalias()
        if isinstance(column, exp.Column) and each.alias_or_name == column.name:
            yield f"{column.table or next(_has(known, column.name), '')}.{column.name}"
        else:
            name = each.alias or shown(each)
            yield name if re.fullmatch("[a-z_][a-z0-9_]*", name) else f'"{name}"'


def _advice(name: str, fields: Sequence[str]) -> str:
    close = (each for each in fields if 1 - levenshtein(each, name) / max(len(each), len(name)) >= 0.5)
    nearest = next(close, None)
    if nearest is not None:
        return f" Did you mean '{nearest}'?."
    return f" Valid fields are {', '.join(fields)}." if fields else ""


# ---------------------------------------------------------------- what does not go together


def contradictions(statement: exp.Expr, names: Sequence[str | None], type_of: TypeOf) -> Iterator[Mistake]:
    """Of a statement whose columns are known, with their types.

    Args:
        names: What it calls its columns itself; see ``naming.own_name``.
    """
    for select in statement.find_all(exp.Select):
        where = select.args.get("where")
        if where is not None and any(_is_aggregate(node) for node in _of_this_query(where)):
            what = "Aggregate functions are not allowed in the WHERE clause. Consider using HAVING instead"
            yield Mistake(f"Error during planning: {what}", 400)
        yield from _ungrouped(select)
    for union in statement.find_all(exp.SetOperation):
        if len(union.left.selects) != len(union.right.selects):
            yield Mistake(f"Error during planning: {union.key.upper()} queries have different number of columns")
    for inner in statement.find_all(exp.Subquery, exp.In):
        query = inner.args.get("query") if isinstance(inner, exp.In) else inner.this
        is_value = isinstance(inner, exp.In) or not isinstance(inner.parent, (exp.From, exp.Join, exp.SetOperation))
        if is_value and isinstance(query, exp.Select) and len(query.selects) > 1:
            told = ", ".join(shown(each.unalias()) for each in query.selects)
            what = "Too many columns! The subquery should only return one column"
            yield Mistake(f"Error during planning: {what}: {told}")
    for node in statement.find_all(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod):
        yield from _uncountable(node, type_of(node.left), type_of(node.right))
    for function in statement.find_all(exp.Sum, exp.Avg):
        if type_of(function.this) in _TEXTS:
            what = f"Internal error: Function '{function.key}' failed to match any signature"
            yield Mistake(f"Error during planning: {what}", 400)
    yield from _same_names(statement, names)


_TEXTS: Final = ("Utf8", "LargeUtf8")
_NUMBERS: Final = ("Int64", "UInt32", "UInt64", "Float64")


def _uncountable(node: exp.Expr, left: str | None, right: str | None) -> Iterator[Mistake]:
    told = f"{left} {OPERATORS[type(node)]} {right}"
    pair = {left, right}
    if None in pair:
        return
    is_text = not pair.isdisjoint(_TEXTS) and not pair.isdisjoint(_NUMBERS)
    times = [each for each in (left, right) if str(each).startswith("Timestamp")]
    if is_text or (times and not pair.isdisjoint(_NUMBERS)):
        yield Mistake(f"Error during planning: Cannot coerce arithmetic expression {told} to valid types")
    elif len(times) == 2 and not isinstance(node, exp.Sub):
        what = f"Cannot get result type for temporal operation {told}: Invalid argument error: Invalid timestamp"
        yield Mistake(f"Error during planning: {what} arithmetic operation: {told}", 400)


def _ungrouped(select: exp.Select) -> Iterator[Mistake]:
    """A column that has many values where one is asked for."""
    group = select.args.get("group")
    parts = [*select.selects, *(each for each in (select.args.get("having"), select.args.get("order")) if each)]
    summed = [node for part in parts for node in _of_this_query(part) if _is_aggregate(node)]
    if group is not None and set(group.args) - {"expressions"} and any(group.args[each] for each in _MANY_GROUPS):
        return
    if group is None and not summed:
        return
    keys = [] if group is None else group.expressions
    single = {each.sql() for each in keys}
    for projection in select.selects:
        for column in _many_valued(projection.unalias(), single):
            known = ", ".join(dict.fromkeys(shown(each) for each in [*keys, *summed])).replace("(*)", "(Int64(1))")
            yield Mistake(
                "Error during planning: Column in SELECT must be in GROUP BY or an aggregate function: While expanding"
                f' wildcard, column "{shown(column)}" must appear in the GROUP BY clause or must be part of an'
                f' aggregate function, currently only "{known}" appears in the SELECT clause satisfies this requirement'
            )


_MANY_GROUPS: Final = ("grouping_sets", "cube", "rollup")


def _many_valued(node: exp.Expr, single: set[str]) -> Iterator[exp.Column]:
    if node.sql() in single or _is_aggregate(node) or isinstance(node, (exp.Query, exp.Window)):
        return
    if isinstance(node, exp.Column):
        yield node
    for part in node.iter_expressions():
        yield from _many_valued(part, single)


def _is_aggregate(node: exp.Expr) -> bool:
    """Whether it makes one value of many rows."""
    if isinstance(node.parent, exp.Window):
        return False
    if isinstance(node, exp.Anonymous):
        return node.name.lower() in AGGREGATES
    return isinstance(node, (exp.AggFunc, exp.Filter, exp.WithinGroup))


def _of_this_query(node: exp.Expr) -> Iterator[exp.Expr]:
    """Without queries within."""
    return node.walk(prune=lambda each: isinstance(each, exp.Query))


def _same_names(statement: exp.Expr, names: Sequence[str | None]) -> Iterator[Mistake]:
    selects = statement.selects if isinstance(statement, exp.Select) else []
    if len(selects) != len(names):  # a star
        return
    seen: dict[str, int] = {}
    for position, (name, each) in enumerate(zip(names, selects, strict=True)):
        told = name or shown(each.unalias())
        first = seen.setdefault(told, position)
        if first != position:
            yield Mistake(
                "Error during planning: Projections require unique expression names but the expression"
                f' "{told}" at position {first} and "{told}" at position {position} have the same name.'
                ' Consider aliasing ("AS") one of them.',
                400,
            )
