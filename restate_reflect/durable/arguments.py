"""What handlers pass to the context, checked: protobuf's own errors name neither the argument nor the place."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Final

from restate_reflect.annotations import signature_of
from restate_reflect.context import NO_OPTIONS, UNSET, Awakeable, CallOptions, InvocationHandle
from restate_reflect.definitions import HandlerDefinition, HandlerKind, ServiceDefinition
from restate_reflect.durable.futures import DurableFuture
from restate_reflect.durable.locations import caller
from restate_reflect.durable.outgoing import OutgoingCall
from restate_reflect.engine.commands.call import Destination
from restate_reflect.errors import HandlerBugError, TerminalError
from restate_reflect.identifiers import (
    IdempotentRequest,
    InvocationTarget,
    WorkflowRun,
    is_awakeable_id,
    is_invocation_id,
)

__all__ = [
    "awakeable_id_of",
    "destination_of",
    "invocation_id_of",
    "invocation_target",
    "key_problem",
    "misplaced_option",
    "own_turn",
    "raw_body",
    "step_problem",
    "unawaited_argument",
]


def invocation_target(target: InvocationTarget) -> InvocationTarget:
    """Raises what ``invocation_id_of`` raises for anything but an id, a ``WorkflowRun`` or an ``IdempotentRequest``."""
    return target if isinstance(target, WorkflowRun | IdempotentRequest) else invocation_id_of(target)


def invocation_id_of(given: object) -> str:
    """The id.

    Raises:
        TerminalError: A text that is none (400); the server would let the handler run against it for ever.
        HandlerBugError: It is no text: often the handle itself, not awaited.
    """
    if isinstance(given, str):
        if is_invocation_id(given):
            return given
        raise TerminalError(
            f"{given[:MAX_SHOWN]!r} is no invocation id ({caller()}): they begin with inv_1 and have 38 characters, as"
            " a handle's invocation_id and the ingress client give them.",
            400,
        )
    hints: dict[type, str] = {InvocationHandle: "await handle", OutgoingCall: "await call.invocation_id"}
    hint = hints.get(type(given))
    raise HandlerBugError(
        f"an invocation id is a str, not {type(given).__name__} ({caller()})."
        + (f" Write {hint}, which is the id; the object itself has methods for the same." if hint else "")
    )


def awakeable_id_of(given: object) -> str:
    """The id.

    Raises:
        TerminalError: A text that is none (400).
        HandlerBugError: It is no text.
    """
    if not isinstance(given, str):
        raise HandlerBugError(
            f"an awakeable's id is a str, not {type(given).__name__} ({caller()}). Pass awakeable.id."
        )
    if is_awakeable_id(given):
        return given
    raise TerminalError(
        f"{given[:MAX_SHOWN]!r} is no id of an awakeable ({caller()}): they begin with sign_1, as awakeable.id does.",
        400,
    )


MAX_SHOWN: Final = 80
"""Characters of an id that is none; it may come from a caller."""


def step_problem(name: object, function: object) -> str:
    """Why this is no step; a coroutine is closed, or Python would warn of it somewhere else."""
    if inspect.iscoroutine(function):
        function.close()
        return (
            f"run {name!r} was given a coroutine ({caller()}), which could not be called again after a crash. Give the"
            " function and its arguments apart: ctx.run('charge', charge, order), not charge(order)."
        )
    if function is UNSET:
        return _unnamed_step(name)
    return (
        f"ctx.run takes a name and a function, not {type(name).__name__} and {type(function).__name__} ({caller()})."
        f" {_STEP_FIX}"
    )


def unawaited_argument(name: str, given: Iterable[object]) -> str | None:
    """Why a step can't do with what it is given: results of the context belong to the handler."""
    for value in given:
        if isinstance(value, DurableFuture) and not isinstance(value, Awakeable):
            return (
                f"'await' is missing at {caller()}: run {name!r} is given {value.label}, which is not there yet. Write"
                " await before that argument."
            )
    return None


_STEP_FIX: Final = "Write ctx.run('charge', charge, order): the name is how the journal knows the step."


def _unnamed_step(given: object) -> str:
    if inspect.iscoroutine(given):
        given.close()
        return f"ctx.run was given a coroutine, and neither a name nor a function ({caller()}). {_STEP_FIX}"
    if isinstance(given, str):
        return f"run {given!r} has a name and no function ({caller()}). {_STEP_FIX}"
    if not callable(given):
        return f"ctx.run takes a name and a function, not {type(given).__name__} ({caller()}). {_STEP_FIX}"
    function = getattr(given, "__name__", type(given).__name__)
    call = "'…', lambda: …" if function == "<lambda>" else f"{function!r}, {function}"
    return f"the step has no name ({caller()}). Write ctx.run({call}): the name is how the journal knows it."


_STEP_OPTIONS: Final = ("retry", "type")


def misplaced_option(name: str, function: Callable[..., object], kwargs: Mapping[str, object]) -> str | None:
    """``ctx.run`` hands all keyword arguments on to the function: who writes ``retry=`` there meant something else."""
    given = [option for option in _STEP_OPTIONS if option in kwargs]
    if not given or _accepts(function, kwargs):
        return None
    options = ", ".join(f"{option}=…" for option in given)
    return (
        f"{options} was passed on to the function of run {name!r}, which takes no such argument ({caller()})."
        f" Options of a step go apart: ctx.options({options}).run({name!r}, …)."
    )


def _accepts(function: Callable[..., object], kwargs: Mapping[str, object]) -> bool:
    try:
        signature_of(function).bind_partial(**kwargs)
    except TypeError:
        return False
    except ValueError:  # a built-in without a signature: let it speak for itself
        return True
    return True


def raw_body(body: object) -> bytes:
    """Raises ``HandlerBugError`` for what is no bytes."""
    if not isinstance(body, bytes | bytearray | memoryview):
        raise HandlerBugError(
            f"the body of a raw call is bytes, not {type(body).__name__} ({caller()}). Encode it, or use ctx.call."
        )
    return bytes(body)


def destination_of(service: str, handler: str, options: CallOptions) -> Destination:
    """Raises ``HandlerBugError`` for options that can't be sent."""
    if options is NO_OPTIONS:
        return _plain_destination(service, handler)
    problem = _option_problem(options)
    if problem is not None:
        raise HandlerBugError(f"{problem} in a call of {service}/{handler} ({caller()}).")
    return Destination(
        service, handler, options.key, options.headers, options.idempotency_key, options.scope, options.limit_key
    )


@lru_cache(maxsize=1024)
def _plain_destination(service: str, handler: str) -> Destination:
    return Destination(service, handler)


def _option_problem(options: CallOptions) -> str | None:
    """The server refuses empty ones, at every attempt; of an object's key it accepts them."""
    if options[1:] == _NONE and (options.key is None or isinstance(options.key, str)):
        return None  # as most are; 0.3 µs instead of 3
    for name, value in zip(_TEXTS, _texts(options), strict=True):
        if value is not None and not isinstance(value, str):
            return f"{name}={value!r} is not a str"
        if value == "" and name != "key":
            return f"an empty {name}"
    headers = options.headers.items() if options.headers else ()
    wrong = next(
        ((name, value) for name, value in headers if not isinstance(name, str) or not isinstance(value, str)), None
    )
    return None if wrong is None else f"header {wrong[0]!r}: {wrong[1]!r} is not a str"


_NONE: Final = NO_OPTIONS[1:]
_TEXTS: Final = ("key", "idempotency_key", "scope", "limit_key")
_texts: Final = operator.attrgetter(*_TEXTS)


def own_turn(service: ServiceDefinition, handler: HandlerDefinition, to: Destination) -> str | None:
    """For a call of the own key: why it has no end, if the caller has the turn that the callee waits for."""
    callee = service.handlers.get(to.handler) if to.service == service.name and to.scope is None else None
    if callee is None or not handler.kind is callee.kind is HandlerKind.EXCLUSIVE:
        return None
    return (
        f"{service.name}/{handler.name} calls {to.handler} of its own key ({caller()}), which waits for ever: one"
        f" exclusive handler runs at a time for a key, and that is this one. Call the method itself (await"
        f" self.{callee.method}(ctx, …)), let {callee.method} take an ObjectSharedContext, or ctx.send it."
    )


def key_problem(service: str, handler: str, keyed: bool) -> str:
    if keyed:
        return f"{service}/{handler} needs a key ({caller()}). Write key=… in the call."
    return f"{service}/{handler} belongs to a service and takes no key ({caller()}). Leave key=… out."
