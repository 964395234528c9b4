"""Plain annotated classes as durable services for Restate."""

from __future__ import annotations

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
    "endpoint",
    "handler",
    "handler_of",
    "reflect",
    "service",
]
