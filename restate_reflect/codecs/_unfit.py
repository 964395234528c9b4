"""What in a core schema can't be carried by JSON in both directions, known at start-up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from restate_reflect.codecs._aliases import clash
from restate_reflect.codecs._members import unreadable_members
from restate_reflect.codecs._nodes import nodes

__all__ = ["Refusal", "refusals"]

Refusal = tuple[str, str]
"""Why a type can't be carried, and the fix."""


def refusals(schema: Any) -> Iterator[Refusal]:
    """Each thing in this schema, of the user's own and not changed yet, that JSON can't carry in both directions."""
    for node in nodes(schema):
        check = _REFUSED.get(node["type"]) if isinstance(node.get("type"), str) else None
        if check and (refusal := check(node)):
            yield refusal


def _no_callable(node: dict[str, Any]) -> Refusal:
    return "functions can't be sent.", "Pass data, and choose the function from it in the handler."


def _no_instance(node: dict[str, Any]) -> Refusal:
    name = getattr(node["cls"], "__name__", repr(node["cls"]))
    return f"{name} is an ordinary class, which JSON can't be read into.", "Make it a dataclass or a pydantic model."


def _no_class(node: dict[str, Any]) -> Refusal:
    return "classes can't be sent.", "Send a name, a Literal or an Enum member instead."


def _no_generator(node: dict[str, Any]) -> Refusal:
    return "an iterator can be read only once, so it would not survive a replay.", "Use list[...] instead."


def _no_unreadable_enum(node: dict[str, Any]) -> Refusal | None:
    why = unreadable_members(node)
    return why and (why, "Give the members values of str or int.")  # type: ignore[return-value]


def _no_clock(node: dict[str, Any]) -> Refusal | None:
    if "now_op" not in node:
        return None
    kind = {"date": "date", "datetime": "datetime"}[node["type"]]
    return (
        f"a {kind} of the {node['now_op']} is checked against the clock each time it is read, and a journal is read"
        " again later.",
        f"Declare {kind}, and compare it with (await ctx.now()) in the handler.",
    )


def _no_environment(node: dict[str, Any]) -> Refusal | None:
    function = node["function"]["function"]
    if getattr(function, "__module__", "") not in ("pydantic.types", "pydantic._internal._validators"):
        return None
    name = getattr(function, "__qualname__", "")
    if name.startswith("PathType.validate_"):
        what = "whether such a path exists depends on the machine that reads it, and a journal is read on others."
        return what, "Declare Path, and look at the file in a step."
    if name == "import_string":
        what = "an ImportString imports what its text names, so a caller could choose which code is loaded."
        return what, "Declare str, and look it up among what callers may name."
    return None


def _no_lost_field(node: dict[str, Any]) -> Refusal | None:
    fields = node["fields"]
    named = fields.items() if isinstance(fields, dict) else ((field["name"], field) for field in fields)
    for name, field in named:
        if field.get("serialization_exclude"):
            return f"its field {name!r} is left out when it is written (exclude=True), and would be lost.", _EXCLUDED
        if field.get("init_only") and field["schema"]["type"] != "default":
            return (
                f"its field {name!r} is an InitVar: an instance does not keep it, but needs it to be read back.",
                "Make it an ordinary field, or give it a default.",
            )
    if (found := clash(node)) is not None:
        name, other, alias = found
        return (
            f"its field {name!r} is read from {alias!r}, under which {other!r} is written.",
            "Give each field one name of its own by Field(alias=...).",
        )
    return None


_EXCLUDED = "Remove exclude=True; to hide it from callers, return a model without it."
_REFUSED: dict[str, Callable[[dict[str, Any]], Refusal | None]] = {
    "callable": _no_callable,
    "is-instance": _no_instance,
    "is-subclass": _no_class,
    "generator": _no_generator,
    "enum": _no_unreadable_enum,
    "date": _no_clock,
    "datetime": _no_clock,
    "function-after": _no_environment,
    "function-before": _no_environment,
    "function-plain": _no_environment,
    "model-fields": _no_lost_field,
    "dataclass-args": _no_lost_field,
    "typed-dict": _no_lost_field,
}
