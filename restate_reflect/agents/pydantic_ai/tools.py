"""Handlers of other services as tools."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic_ai import ModelRetry, Tool

from restate_reflect.agents.handlers import BadArguments, handler_tool
from restate_reflect.agents.inlining import inline

__all__ = ["handler_as_tool"]


def handler_as_tool(
    method: Callable[..., Any], *, key: str | None = None, name: str | None = None, description: str | None = None
) -> Tool[Any]:
    """A handler that the model may call: ``Agent(…, tools=[handler_as_tool(Inventory.reserve)])``.

    The parameters are those of ``restate_reflect.agents.handler_tool``. Arguments that do not fit the handler go back
    to the model as a ``ModelRetry``.
    """
    found = handler_tool(method, key=key, name=name, description=description)

    @inline
    async def call(**arguments: Any) -> Any:
        try:
            return await found.call(arguments)
        except BadArguments as error:
            raise ModelRetry(str(error)) from error

    return Tool.from_schema(call, name=found.name, description=found.description, json_schema=found.schema)
