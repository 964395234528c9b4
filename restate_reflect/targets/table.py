"""The services of a deployment as text: kind, name, and each handler's input and output type."""

from __future__ import annotations

from collections.abc import Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from restate_reflect.definitions import HandlerDefinition, HandlerKind, InputStyle, ServiceDefinition, ServiceKind

__all__ = ["table"]

_KINDS = {ServiceKind.SERVICE: "service", ServiceKind.VIRTUAL_OBJECT: "object", ServiceKind.WORKFLOW: "workflow"}


def table(definitions: Sequence[ServiceDefinition]) -> str:
    """One line a service, one indented line a handler; columns are as wide as they need to be.

    At the end a line for each method that looks as if it were meant for a handler, and is none.
    """
    rows = [_row(handler) for definition in definitions for handler in definition.handlers.values()]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(2)]
    mistakes = [f"! {each.mistake}" for definition in definitions for each in definition.skipped if each.mistake]
    return "\n".join([*(line for definition in definitions for line in _lines(definition, widths)), *mistakes])


def _lines(definition: ServiceDefinition, widths: Sequence[int]) -> list[str]:
    handlers = [_row(handler) for handler in definition.handlers.values()]
    return [
        f"{_KINDS[definition.kind]:8} {definition.name}",
        *(f"  {name:{widths[0]}}  {types:{widths[1]}}  {mark}".rstrip() for name, types, mark in handlers),
    ]


def _row(handler: HandlerDefinition) -> tuple[str, str, str]:
    mark = {HandlerKind.SHARED: "shared", HandlerKind.WORKFLOW: "run"}.get(handler.kind or HandlerKind.EXCLUSIVE, "")
    output = type_text(handler.output.annotation) if handler.output.codec else "None"
    return handler.name, f"({_input(handler)}) → {output}", mark


def _input(handler: HandlerDefinition) -> str:
    parameters = handler.input.parameters
    if handler.input.style is InputStyle.VALUE:
        return type_text(parameters[0].annotation)
    return ", ".join(f"{p.name}: {type_text(p.annotation)}{'' if p.required else ' = …'}" for p in parameters)


def type_text(annotation: Any) -> str:
    """An annotation as one would write it, without module names: ``list[Order]``, ``int | None``."""
    if annotation is None or annotation is type(None):
        return "None"
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_text(arguments[0])
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, arguments))}]"
    name = str(getattr(origin or annotation, "__name__", annotation))
    parts = [_argument(argument) for argument in arguments]
    if origin in (Union, UnionType):
        return " | ".join(parts)
    return f"{name}[{', '.join(parts)}]" if parts else name


def _argument(argument: Any) -> str:
    if argument is Ellipsis:
        return "…"
    # Of Callable, the parameters come as a list.
    return f"[{', '.join(map(type_text, argument))}]" if isinstance(argument, list) else type_text(argument)
