"""RR4: what the reflection would refuse at start-up, or pass over in silence."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from restate_reflect.lint._look import Spot
from restate_reflect.lint._nodes import within
from restate_reflect.lint._project import Class, Function, Module, Project
from restate_reflect.lint._symbols import Symbols, context_kind

__all__ = ["shapes"]

_KINDS = {
    "Context": "service", "ObjectContext": "virtual object", "ObjectSharedContext": "virtual object",
    "WorkflowContext": "workflow",
    "WorkflowSharedContext": "workflow",
}  # fmt: skip
_NAMES = {"ctx", "context", "restate_context"}


def shapes(module: Module, project: Project, symbols: Symbols) -> Iterator[tuple[str, Spot]]:
    """Findings of one module, each with its code."""
    for cls in module.classes.values():
        handlers = {name: kind for name, method in cls.methods.items() if (kind := _kind(method, symbols)) is not None}
        for name, method in cls.methods.items():
            if name.startswith("_"):
                continue
            if name in handlers:
                yield from _annotations(method)
            else:
                yield from _almost(method, symbols, is_service=bool(handlers) or _is_alike(method, module))
        yield from _kinds(cls, handlers)


def _is_alike(method: Function, module: Module) -> bool:
    """Of a class without any handler: by the usual name, where contexts are in use. A ``context`` may be anything."""
    return (
        method.is_async
        and method.own_parameters[:1] != []
        and method.own_parameters[0].arg != "context"
        and (_uses_contexts(module))
    )


def _uses_contexts(module: Module) -> bool:
    return any(
        each.startswith("restate_reflect.") and each.rpartition(".")[2] in _KINDS for each in module.imports.values()
    )


def _kind(method: Function, symbols: Symbols) -> str | None:
    """The context class that makes a public method a handler."""
    first = method.own_parameters[:1]
    if method.node.name.startswith("_") or not first or first[0].annotation is None:
        return None
    return context_kind(symbols.annotated(first[0].annotation, method))


def _annotations(method: Function) -> Iterator[tuple[str, Spot]]:
    for parameter in method.own_parameters[1:]:
        if parameter.annotation is None:
            message = (
                f"parameter '{parameter.arg}' of handler {method.name} has no annotation, which decides how it is"
                f" read. Write '{parameter.arg}: …'."
            )
            yield "RR401", Spot(parameter, message)
    if method.node.args.vararg is not None or method.node.args.kwarg is not None:
        star = method.node.args.vararg or method.node.args.kwarg
        assert star is not None
        yield (
            "RR401",
            Spot(star, f"handler {method.name} takes a variable number of arguments, which have no schema. Name them."),
        )
    if any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in within(method.node.body)):
        yield (
            "RR401",
            Spot(method.node, f"handler {method.name} is a generator. Return a list, or send a message for each item."),
        )


def _almost(method: Function, symbols: Symbols, *, is_service: bool) -> Iterator[tuple[str, Spot]]:
    """A method that was surely meant as a handler."""
    own = method.own_parameters
    if is_service and own and own[0].annotation is None and own[0].arg in _NAMES:
        yield (
            "RR402",
            Spot(
                own[0],
                f"'{own[0].arg}' of {method.name} has no annotation, so that the method is no handler. Write"
                f" '{own[0].arg}: Context' (or the context of its kind), or begin its name with an underscore.",
            ),
        )
    for parameter in own[1:]:
        kind = (
            context_kind(symbols.annotated(parameter.annotation, method)) if parameter.annotation is not None else None
        )
        if kind is not None:
            yield (
                "RR402",
                Spot(
                    parameter,
                    f"the {kind} of {method.name} is not its first parameter, so that the method is no"
                    " handler. Put it first, or begin the method's name with an underscore.",
                ),
            )


def _kinds(cls: Class, handlers: dict[str, str]) -> Iterator[tuple[str, Spot]]:
    kinds = {_KINDS[kind] for kind in handlers.values()}
    if len(kinds) > 1:
        yield (
            "RR403",
            Spot(
                cls.node,
                f"{cls.name} has handlers of a {' and a '.join(sorted(kinds))}. A class is one kind of"
                " service: split it.",
            ),
        )
    runs = [name for name, kind in handlers.items() if kind == "WorkflowContext"]
    if len(runs) > 1:
        yield (
            "RR403",
            Spot(
                cls.node,
                f"workflow {cls.name} has {len(runs)} run handlers ({', '.join(runs)}). One takes"
                " WorkflowContext, all others WorkflowSharedContext.",
            ),
        )
