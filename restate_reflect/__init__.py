"""Plain annotated classes as durable services for Restate.

Classes go in, and what serves, calls, describes and tests them comes out. The names below are the whole public face;
each is loaded on first use: a command line that prints its help, and a module that needs only a context, don't pay
for the HTTP libraries (0.7 of 0.9 s). CONTRIBUTING.md has a map of the packages. Start reading at ``definitions``,
which everything is derived from, and then follow an invocation as the map says.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from restate_reflect.context import (
        Awakeable,
        CallFuture,
        Context,
        DurablePromise,
        InvocationHandle,
        ObjectContext,
        ObjectSharedContext,
        Request,
        State,
        WorkflowContext,
        WorkflowSharedContext,
        current_context,
    )
    from restate_reflect.definitions import HandlerDefinition, ServiceDefinition
    from restate_reflect.endpoint import endpoint
    from restate_reflect.errors import (
        InvocationCancelledError,
        ReflectionError,
        RestateReflectError,
        RetryableError,
        TerminalError,
    )
    from restate_reflect.identifiers import IdempotentRequest, WorkflowRun
    from restate_reflect.options import HandlerOptions, RetryPolicy, ServiceOptions
    from restate_reflect.reflection import handler, handler_of, reflect, service

__all__ = [
    "Awakeable",
    "CallFuture",
    "Context",
    "DurablePromise",
    "HandlerDefinition",
    "HandlerOptions",
    "IdempotentRequest",
    "InvocationCancelledError",
    "InvocationHandle",
    "ObjectContext",
    "ObjectSharedContext",
    "ReflectionError",
    "Request",
    "RestateReflectError",
    "RetryPolicy",
    "RetryableError",
    "ServiceDefinition",
    "ServiceOptions",
    "State",
    "TerminalError",
    "WorkflowContext",
    "WorkflowRun",
    "WorkflowSharedContext",
    "current_context",
    "endpoint",
    "handler",
    "handler_of",
    "reflect",
    "service",
]


_FROM = {
    "context": "Awakeable CallFuture Context DurablePromise InvocationHandle ObjectContext ObjectSharedContext Request"
    " State WorkflowContext WorkflowSharedContext current_context",
    "definitions": "HandlerDefinition ServiceDefinition",
    "endpoint": "endpoint",
    "errors": "InvocationCancelledError ReflectionError RestateReflectError RetryableError TerminalError",
    "identifiers": "IdempotentRequest WorkflowRun",
    "options": "HandlerOptions RetryPolicy ServiceOptions",
    "reflection": "handler handler_of reflect service",
}
"""Names by the module they come from."""

_MODULES = {name: f"{__name__}.{module}" for module, names in _FROM.items() for name in names.split()}


class _Package(ModuleType):
    """Keeps ``restate_reflect.endpoint`` the function: importing the package of that name would replace it."""

    def __getattr__(self, name: str) -> Any:
        if name not in _MODULES:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(_MODULES[name]), name)
        super().__setattr__(name, value)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in _MODULES or not isinstance(value, ModuleType):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_MODULES})


sys.modules[__name__].__class__ = _Package
