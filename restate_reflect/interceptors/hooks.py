"""Which hooks there are, and which of them an object has."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, NamedTuple, TypeAlias

from restate_reflect.context import BaseContext
from restate_reflect.interceptors.data import AttemptEvent, HandlerCall, OutgoingCall, Step

__all__ = ["NO_HOOKS", "AttemptHook", "HandlerHook", "Hooks", "OutgoingHook", "RunHook", "combined", "hooks_of"]

HandlerHook: TypeAlias = Callable[[BaseContext, HandlerCall, Callable[..., Awaitable[Any]]], Awaitable[Any]]
RunHook: TypeAlias = Callable[[Step, Callable[[], Awaitable[Any]]], Awaitable[Any]]
OutgoingHook: TypeAlias = Callable[[BaseContext, OutgoingCall], OutgoingCall | None]
AttemptHook: TypeAlias = Callable[[AttemptEvent], None]


class Hooks(NamedTuple):
    """Those of all interceptors, outermost first."""

    handler: tuple[HandlerHook, ...] = ()
    run: tuple[RunHook, ...] = ()
    call: tuple[OutgoingHook, ...] = ()
    send: tuple[OutgoingHook, ...] = ()
    attempt: tuple[AttemptHook, ...] = ()


NO_HOOKS: Final = Hooks()

_PARAMETERS: Final = {
    "handler": ("ctx", "call", "proceed"),
    "run": ("step", "proceed"),
    "call": ("ctx", "call"),
    "send": ("ctx", "call"),
    "attempt": ("event",),
}
_ASYNC: Final = {"handler", "run"}


def hooks_of(interceptors: Iterable[object]) -> Hooks:
    """The hooks of the interceptors, in their order. A class stands for an instance of it.

    Raises:
        TypeError: One has no hook, or one that could not be called; the message says what to write.
    """
    if isinstance(interceptors, tuple | list) and not interceptors:
        return NO_HOOKS
    found: dict[str, list[Any]] = {name: [] for name in _PARAMETERS}
    for interceptor in _instances(interceptors):
        own = {name: hook for name in _PARAMETERS if (hook := getattr(interceptor, name, None)) is not None}
        if not own:
            raise TypeError(_without_hooks(interceptor))
        for name, hook in own.items():
            _check(type(interceptor).__qualname__, name, hook)
            found[name].append(hook)
    return Hooks(**{name: tuple(hooks) for name, hooks in found.items()})


def combined(outer: Hooks, inner: Hooks) -> Hooks:
    """Both, the first ones around the others."""
    if outer is NO_HOOKS or inner is NO_HOOKS:
        return inner if outer is NO_HOOKS else outer
    return Hooks(*(mine + others for mine, others in zip(outer, inner, strict=True)))  # type: ignore[arg-type]


def _instances(interceptors: Any) -> list[object]:
    if isinstance(interceptors, str) or not isinstance(interceptors, Iterable):
        raise TypeError(f"interceptors={interceptors!r} is no list. Write interceptors=[…], outermost first.")
    return [_instance(each) for each in interceptors]


def _instance(interceptor: Any) -> object:
    if not isinstance(interceptor, type):
        return interceptor
    try:
        return interceptor()
    except TypeError as error:
        raise TypeError(
            f"interceptor {interceptor.__qualname__} can't be made without arguments ({error}). Give an instance."
        ) from None


def _check(owner: str, name: str, hook: Any) -> None:
    parameters = _PARAMETERS[name]
    shown = f"{'async ' * (name in _ASYNC)}def {name}(self, {', '.join(parameters)})"
    if not callable(hook) or inspect.iscoroutinefunction(hook) is not (name in _ASYNC):
        raise TypeError(f"{owner}.{name} ({_place(hook)}) is no hook. Write {shown}.")
    try:
        inspect.signature(hook).bind(*parameters)
    except TypeError as error:
        raise TypeError(f"{owner}.{name} ({_place(hook)}): {error}. Write {shown}.") from None


def _without_hooks(interceptor: object) -> str:
    import difflib  # 0.2 MB, and only for mistakes

    mine = [name for name in dir(interceptor) if not name.startswith("_")]
    near = [(name, close[0]) for name in mine if (close := difflib.get_close_matches(name, _PARAMETERS, 1))]
    meant = f" Did you mean {near[0][1]!r} by {near[0][0]!r}?" if near else ""
    return f"{interceptor!r} is no interceptor: it has none of {', '.join(_PARAMETERS)}.{meant}"


def _place(hook: Any) -> str:
    code = getattr(inspect.unwrap(hook) if callable(hook) else hook, "__code__", None)
    return "?" if code is None else f"{code.co_filename}:{code.co_firstlineno}"
