"""The contexts that handlers get.

A context is a thin, typed face over an attempt: it turns calls like ``ctx.get("stock", int)`` into ``Operations`` and
has no behaviour of its own. An ``Operations`` goes in, futures of the handler's loop come out. Reflection reads the
kind of a handler off the context class in its annotation; the five classes are siblings, so that a type checker tells
them apart. Start reading at ``contexts``: ``data``, ``state`` and ``futures`` are what it takes and returns,
``steps``, ``verbs`` and ``parts`` what it inherits, and ``operations`` what it stands on.
"""

from __future__ import annotations

from restate_reflect.context.contexts import (
    BaseContext,
    Context,
    ObjectContext,
    ObjectSharedContext,
    Scope,
    WorkflowContext,
    WorkflowSharedContext,
    context_class,
)
from restate_reflect.context.current import current_context
from restate_reflect.context.data import NO_OPTIONS, UNSET, CallOptions, Request
from restate_reflect.context.futures import Awakeable, CallFuture, DurablePromise, InvocationHandle
from restate_reflect.context.operations import Operations
from restate_reflect.context.state import State
from restate_reflect.context.steps import Steps, TypedSteps
from restate_reflect.context.verbs import Target

__all__ = [
    "NO_OPTIONS",
    "UNSET",
    "Awakeable",
    "BaseContext",
    "CallFuture",
    "CallOptions",
    "Context",
    "DurablePromise",
    "InvocationHandle",
    "ObjectContext",
    "ObjectSharedContext",
    "Operations",
    "Request",
    "Scope",
    "State",
    "Steps",
    "Target",
    "TypedSteps",
    "WorkflowContext",
    "WorkflowSharedContext",
    "context_class",
    "current_context",
]
