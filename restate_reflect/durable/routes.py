"""What is to be known of handlers, found once: of one that is called (a route) and of one that runs (a plan)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from restate_reflect.context import context_class
from restate_reflect.definitions import HandlerDefinition, InputStyle, ServiceDefinition, ServiceKind
from restate_reflect.durable.decided import deciding
from restate_reflect.durable.plain import call_plain
from restate_reflect.engine.commands.call import Destination
from restate_reflect.interceptors import NO_HOOKS, Hooks
from restate_reflect.reflection import CallTarget, TargetDirectory

__all__ = ["Plan", "Route", "Routes"]


class Plan:
    """A handler that runs: an attempt asks for nothing else of it."""

    __slots__ = (
        "call",
        "context",
        "decode",
        "encode",
        "handler",
        "intercept",
        "max_input_bytes",
        "observe",
        "service",
    )

    def __init__(self, service: ServiceDefinition, handler: HandlerDefinition, hooks: Hooks = NO_HOOKS) -> None:
        self.service = service
        self.handler = handler
        assert handler.call is not None
        self.call: Callable[..., Any] = handler.call if handler.is_async else partial(call_plain, handler.call)
        """Makes the coroutine, from the context and the arguments."""
        self.context = context_class(service.kind, handler.kind)
        self.decode = handler.input.decode
        self.max_input_bytes = service.max_input_bytes(handler)
        if getattr(handler.input.codec, "makes_defaults", False):
            self.decode, self.call = deciding(handler, self.call)
        self.intercept: Callable[..., Any] | None = None
        """Given an attempt and its operations: what its context gets in their place."""
        self.observe: Callable[..., Any] | None = None
        """Given an attempt and its input: what is to be told of its end."""
        if hooks is not NO_HOOKS:
            from restate_reflect.durable.intercepting import around_handler, interception, observation

            self.call = around_handler(self.call, hooks, service, handler)
            self.intercept, self.observe = interception(hooks, self.context), observation(hooks)
        codec = handler.output.codec
        self.encode: Callable[[Any], bytes] | None = None if codec is None else codec.encode
        """``None`` for a handler that returns nothing."""


class Route:
    """A handler that can be called: a call looks it up (0.1 µs)."""

    __slots__ = ("_encode", "_write", "decode", "destination", "is_keyed")

    def __init__(self, target: CallTarget) -> None:
        self.is_keyed = target.kind is not ServiceKind.SERVICE
        self.destination = Destination(target.service, target.handler)
        """Without a key or options."""
        output = target.output
        self.decode: Callable[[bytes], Any] = output.decode if output.codec is None else output.codec.decode
        self._encode = target.input.encode
        self._write = _write_one(target)

    def encode(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bytes:
        """As ``InputDefinition.encode``; a single argument goes straight to its codec."""
        if self._write is not None and len(args) == 1 and not kwargs:
            return self._write(args[0])
        return self._encode(args, kwargs)


def _write_one(target: CallTarget) -> Callable[[Any], bytes] | None:
    given = target.input
    if given.style is not InputStyle.VALUE or given.codec is None or given.parameters[0].keyword_only:
        return None
    return given.codec.encode


class Routes:
    """Those of an endpoint, by the method that is given to ``ctx.call``."""

    __slots__ = ("_known", "directory")

    def __init__(self, directory: TargetDirectory) -> None:
        self.directory = directory
        self._known: dict[Any, Route] = {}

    def find(self, method: Callable[..., Any]) -> Route:
        """Raises ``HandlerBugError``: it is no handler, or several services have it."""
        try:
            route = self._known.get(method)
        except TypeError:  # unhashable, which no handler is
            route = None
        return route if route is not None else self._made(method)

    def _made(self, method: Callable[..., Any]) -> Route:
        route = Route(self.directory.target(method))
        if self.directory.keeps(method):
            self._known[method] = route
        return route
