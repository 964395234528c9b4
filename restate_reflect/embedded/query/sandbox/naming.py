"""What restate-server calls the columns of an answer that have no name of their own: by what they are made of."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

__all__ = ["OPERATORS", "names", "own_name", "shown"]


def own_name(projection: exp.Expr) -> str | None:
    """What the statement itself calls a column; ``None`` if that follows from what it is made of."""
    if isinstance(projection, (exp.Column, exp.Star)):
        return ""  # sqlglot's name is the right one, or there are several
    return projection.alias or None


def names(statement: exp.Query, own: list[str | None]) -> list[str]:
    """Of the columns of the answer. In SQLite they have those of sqlglot, to which ORDER BY and others refer."""
    selects = statement.selects
    if len(selects) != len(own):  # a star
        return [each.alias_or_name for each in selects]
    return [
        shown(each.this) if name is None and isinstance(each, exp.Alias) else each.alias_or_name
        for each, name in zip(selects, own, strict=True)
    ]


def shown(node: exp.Expr) -> str:
    """As DataFusion calls an expression."""
    match node:
        case exp.Column():
            return f"{node.table}.{node.name}" if node.table else node.name
        case exp.Star():
            return "*"
        case exp.Boolean():
            return f"Boolean({'true' if node.this else 'false'})"
        case exp.Null():
            return "NULL"
        case exp.Literal():
            return f'Utf8("{node.this}")' if node.is_string else f"{'Int64' if node.is_int else 'Float64'}({node.this})"
        case exp.Is() if isinstance(node.expression, exp.Null):
            return f"{shown(node.this)} IS {'NOT ' if node.args.get('negate') else ''}NULL"
        case exp.Binary():
            return f"{shown(node.left)} {OPERATORS.get(type(node), node.key.upper())} {shown(node.right)}"
        case exp.Func():
            arguments = [
                each for value in node.args.values() for each in (value if isinstance(value, list) else [value])
            ]
            inner = ",".join(shown(each) for each in arguments if isinstance(each, exp.Expr))
            return f"{_function_name(node)}({inner})"
        case exp.Distinct():
            return "DISTINCT " + ",".join(shown(each) for each in node.expressions)
        case _:
            return node.sql(dialect="postgres")


OPERATORS: Final[dict[type[exp.Expr], str]] = {
    exp.EQ: "=", exp.NEQ: "!=", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<=",
    exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%", exp.DPipe: "||",
}  # fmt: skip


def _function_name(node: exp.Func) -> str:
    return node.name.lower() if isinstance(node, exp.Anonymous) else node.sql_name().lower()
