"""Which context type makes which kind of service and handler."""

from __future__ import annotations

import types
from typing import Any, Generic, NamedTuple, Union, get_args, get_origin

from restate_reflect import context
from restate_reflect.codecs._names import bare, type_name
from restate_reflect.definitions import HandlerKind, ServiceKind

__all__ = ["BY_KIND", "CONTEXT_NAMES", "KIND_WORDS", "ContextMisuse", "ContextRule", "classify"]


class ContextRule(NamedTuple):
    """What a method is whose first parameter has this context type."""

    context: type
    service: ServiceKind
    handler: HandlerKind | None


class ContextMisuse(NamedTuple):
    """An annotation that speaks of a context, but is none that a handler may have."""

    code: str
    what: str
    fix: str


_RULES = (
    ContextRule(context.Context, ServiceKind.SERVICE, None),
    ContextRule(context.ObjectContext, ServiceKind.VIRTUAL_OBJECT, HandlerKind.EXCLUSIVE),
    ContextRule(context.ObjectSharedContext, ServiceKind.VIRTUAL_OBJECT, HandlerKind.SHARED),
    ContextRule(context.WorkflowContext, ServiceKind.WORKFLOW, HandlerKind.WORKFLOW),
    ContextRule(context.WorkflowSharedContext, ServiceKind.WORKFLOW, HandlerKind.SHARED),
)
_BY_TYPE: dict[Any, ContextRule] = {rule.context: rule for rule in _RULES}
_COMMON_BASES = frozenset(set.intersection(*(set(rule.context.__mro__[1:-1]) for rule in _RULES))) - {Generic}

CONTEXT_NAMES = frozenset(rule.context.__name__ for rule in _RULES)
KIND_WORDS = {
    ServiceKind.SERVICE: "a service",
    ServiceKind.VIRTUAL_OBJECT: "a virtual object",
    ServiceKind.WORKFLOW: "a workflow",
}
BY_KIND = {kind: tuple(rule for rule in _RULES if rule.service is kind) for kind in ServiceKind}


def classify(annotation: Any) -> ContextRule | ContextMisuse | None:
    """The rule for this annotation; ``None`` when it has nothing to do with contexts."""
    plain = bare(annotation)
    if isinstance(plain, type) and plain in _BY_TYPE:
        return _BY_TYPE[plain]
    if get_origin(plain) in (Union, types.UnionType):
        return _misused_union(plain)
    if isinstance(plain, type) and not get_args(plain):
        return _misused_class(plain)
    return None


def _misused_union(union: Any) -> ContextMisuse | None:
    members = [bare(member) for member in get_args(union)]
    contexts = [type_name(member) for member in members if isinstance(member, type) and member in _BY_TYPE]
    if not contexts:
        return None
    what = f"the context is annotated {type_name(union)}; a handler always gets exactly one kind of context."
    return ContextMisuse("context-union", what, f"Write 'ctx: {contexts[0]}'.")


def _misused_class(cls: type) -> ContextMisuse | None:
    if cls in _COMMON_BASES:
        what = f"{cls.__name__} is only the common base of the contexts."
        return ContextMisuse("context-base", what, f"Use one of {', '.join(sorted(CONTEXT_NAMES))}.")
    for base in cls.__mro__:
        if base in _BY_TYPE:
            what = f"{cls.__name__} is a subclass of {base.__name__}; a handler gets {base.__name__} itself."
            fix = f"Annotate with {base.__name__}, and turn the additions into functions that take it."
            return ContextMisuse("context-subclass", what, fix)
    return None
