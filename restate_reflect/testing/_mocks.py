"""Handlers replaced in a test: of services that are not under test, or single ones of those that are."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from restate_reflect.definitions import HandlerDefinition, ServiceDefinition
from restate_reflect.errors import HandlerBugError

__all__ = ["Mock", "MockCall", "Mocks"]

_UNSET: Final[Any] = object()


@dataclass(frozen=True, slots=True)
class MockCall:
    """One invocation of a replaced handler."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    key: str | None
    invocation_id: str


@dataclass(slots=True)
class Mock:
    """A replacement, and what it was called with."""

    replacement: Callable[..., Any]
    """Takes the handler's arguments, without the context; may be ``async``."""
    _calls: dict[str, MockCall] = field(default_factory=dict)

    @property
    def calls(self) -> list[MockCall]:
        """Each invocation once, however often it was replayed; oldest first."""
        return list(self._calls.values())

    async def answer(self, context: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        request = context.request
        self._calls[request.id] = MockCall(args, kwargs, request.key, request.id)
        result = self.replacement(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result


class Mocks:
    """The replacements of one environment, looked up when a handler is called."""

    def __init__(self) -> None:
        self._mocks: dict[tuple[str, str], Mock] = {}

    def add(self, service: str, handler: str, returns: Any, raises: Exception | None, calls: Any) -> Mock:
        mock = Mock(_replacement(returns, raises, calls))
        self._mocks[service, handler] = mock
        return mock

    def wrap(self, service: ServiceDefinition) -> ServiceDefinition:
        """The service, with every handler looking for its replacement first."""
        handlers = {
            name: dataclasses.replace(handler, call=self._dispatch(service.name, handler), is_async=True)
            for name, handler in service.handlers.items()
        }
        return dataclasses.replace(service, handlers=handlers)

    def _dispatch(self, service: str, handler: HandlerDefinition) -> Callable[..., Any]:
        original = handler.call
        address = (service, handler.name)

        async def call(context: Any, /, *args: Any, **kwargs: Any) -> Any:
            mock = self._mocks.get(address)
            if mock is not None:
                return await mock.answer(context, args, kwargs)
            if original is None:
                raise HandlerBugError(_no_mock(handler))
            result = original(context, *args, **kwargs)
            return await result if inspect.isawaitable(result) else result

        return call


def given(value: Any) -> bool:
    """Whether an argument was given; ``None`` is a value."""
    return value is not _UNSET


UNSET: Final[Any] = _UNSET


def _replacement(returns: Any, raises: Exception | None, calls: Callable[..., Any] | None) -> Callable[..., Any]:
    chosen = [given(returns), raises is not None, calls is not None]
    if sum(chosen) != 1:
        raise TypeError("give exactly one of returns=…, raises=… and calls=…")
    if calls is not None:
        return calls

    def replacement(*_args: Any, **_kwargs: Any) -> Any:
        if raises is not None:
            raise raises
        return returns

    return replacement


def _no_mock(handler: HandlerDefinition) -> str:
    name = ".".join(handler.qualified_name.rsplit(".", 2)[-2:])
    return (
        f"{handler.qualified_name} ({handler.source}) was called, but this environment only mocks its service."
        f" Say what it answers: env.mock({name}, returns=…)."
    )
