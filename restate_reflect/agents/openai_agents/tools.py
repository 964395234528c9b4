"""Functions as tools whose calls are steps, and handlers of other services as tools."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
from collections.abc import Callable
from typing import Any, TypeVar

from agents import AgentsException, FunctionTool, RunContextWrapper, default_tool_error_function, function_tool
from pydantic import BaseModel

from restate_reflect.agents.endings import final
from restate_reflect.agents.handlers import BadArguments, handler_tool
from restate_reflect.agents.inlining import is_inline
from restate_reflect.agents.outcomes import ToolStep, result_type
from restate_reflect.context import current_context
from restate_reflect.errors import TerminalError
from restate_reflect.options import RetryPolicy

__all__ = ["durable_tool", "handler_as_tool", "leaving"]

T = TypeVar("T")


def durable_tool(
    function: Callable[..., Any] | None = None, *, retry: RetryPolicy | None = None, **options: Any
) -> Any:
    """The library's ``function_tool``, whose calls are steps: ``@durable_tool`` or ``@durable_tool(retry=…)``.

    A plain function runs in a thread of its step; an ``inline`` one is handler code. An error is tried again; what the
    model should hear of is returned. ``TerminalError`` and cancellation leave the agent.

    Args:
        function: The tool.
        retry: Of the step. Without it the step is tried until it succeeds.
        options: Those of ``function_tool``.
    """
    if function is None:
        return lambda given: durable_tool(given, retry=retry, **options)
    options.setdefault("failure_error_function", default_tool_error_function)
    options["failure_error_function"] = leaving(options["failure_error_function"])
    return function_tool(function if is_inline(function) else _as_step(function, retry), **options)


def handler_as_tool(
    method: Callable[..., Any], *, key: str | None = None, name: str | None = None, description: str | None = None
) -> FunctionTool:
    """A handler that the model may call: ``Agent(…, tools=[handler_as_tool(Inventory.reserve)])``.

    The parameters are those of ``restate_reflect.agents.handler_tool``. The model is told of arguments that do not fit.
    """
    found = handler_tool(method, key=key, name=name, description=description)

    async def invoke(context: Any, arguments: str) -> Any:
        try:
            return await found.call(json.loads(arguments or "{}"))
        except (BadArguments, ValueError) as error:
            return f"wrong arguments: {error}"
        except TerminalError as error:
            raise _passing(error) from error

    return FunctionTool(found.name, found.description, found.schema, invoke, strict_json_schema=False)


def _passing(error: TerminalError) -> Exception:
    """The same error, as one that the library lets through."""
    return final(error, also=AgentsException)  # type: ignore[no-any-return]


def _as_step(function: Callable[..., Any], retry: RetryPolicy | None) -> Callable[..., Any]:
    returns = result_type(function)

    @functools.wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        async def body() -> Any:
            if inspect.iscoroutinefunction(function):
                return await function(*args, **kwargs)
            return await asyncio.to_thread(function, *args, **kwargs)

        steps = ToolStep(current_context(), {}, retry)
        return _shown(await steps.run(f"tool {function.__name__}", body, returns))

    return call


def _shown(result: Any) -> Any:
    """A model as JSON, which the library would show as its ``str``; its own classes of outputs are left to it."""
    if isinstance(result, BaseModel) and not type(result).__module__.startswith("agents."):
        return result.model_dump_json()
    return result


def leaving(tell: Callable[..., Any] | None) -> Callable[..., Any]:
    """A function that tells the model of a tool's error, as ``tell`` does, but lets a ``TerminalError`` go."""

    def failed(context: RunContextWrapper[Any], error: Exception) -> Any:
        if isinstance(error, TerminalError):
            raise _passing(error) from error
        if tell is None:
            raise error
        return tell(context, error)

    return failed
