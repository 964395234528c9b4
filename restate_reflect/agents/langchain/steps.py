"""Nodes and models as steps, tools that are handlers, and runs whose ends are final."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.tools import BaseTool, StructuredTool, ToolException
from langgraph.errors import GraphRecursionError

from restate_reflect.agents.endings import final
from restate_reflect.agents.handlers import BadArguments, handler_tool
from restate_reflect.agents.inlining import inline
from restate_reflect.agents.langchain.payloads import MESSAGES, Messages
from restate_reflect.agents.langchain.streaming import EventCallback, heard
from restate_reflect.agents.outcomes import result_type
from restate_reflect.context import current_context
from restate_reflect.durable.at_once import at_once
from restate_reflect.options import RetryPolicy

__all__ = ["ask_model", "durable_node", "handler_as_tool", "run"]


async def run(agent: Any, input: Any, **options: Any) -> Any:
    """``agent.ainvoke(input, …)`` of any graph, in a handler. Its plain functions run at once, as handler code.

    Raises:
        GraphRecursionError: It would be the same on every replay, and is a ``TerminalError`` as well.
    """
    try:
        with at_once():
            return await agent.ainvoke(input, **options)
    except GraphRecursionError as error:
        raise final(error) from error


def durable_node(function: Callable[..., Any], *, retry: RetryPolicy | None = None) -> Callable[..., Any]:
    """A node of LangGraph that is a step: ``graph.add_node("fetch", durable_node(fetch))``.

    A plain function runs in a thread. The state's update is journaled as the function says that it returns.
    """

    @functools.wraps(function)
    async def node(*args: Any, **kwargs: Any) -> Any:
        steps = current_context().options(type=result_type(function), retry=retry)
        return await steps.run(f"node {function.__name__}", function, *args, **kwargs)

    return node


async def ask_model(
    model: Any,
    messages: Any,
    *,
    retry: RetryPolicy | None = None,
    on_event: EventCallback | None = None,
    **options: Any,
) -> AIMessage:
    """``model.ainvoke(messages, …)`` of any chat model as a step, for nodes of LangGraph.

    Args:
        model: The chat model.
        messages: What it is asked.
        retry: Of the step.
        on_event: As that of ``Durability``.
        options: Of ``ainvoke``.
    """

    async def ask() -> list[Any]:
        if on_event is None:
            return MESSAGES.settled([await model.ainvoke(messages, **options)])
        return MESSAGES.settled([await heard(on_event, lambda: model.ainvoke(messages, stream=True, **options))])

    (answer,) = await current_context().options(type=Messages, retry=retry).run("model request", ask)
    assert isinstance(answer, AIMessage)
    return answer


def handler_as_tool(
    method: Callable[..., Any], *, key: str | None = None, name: str | None = None, description: str | None = None
) -> BaseTool:
    """A handler that the model may call: ``create_agent(…, tools=[handler_as_tool(Inventory.reserve)])``.

    The parameters are those of ``restate_reflect.agents.handler_tool``. The model is told of arguments that do not fit.
    """
    found = handler_tool(method, key=key, name=name, description=description)

    @inline
    async def call(**arguments: Any) -> Any:
        try:
            return await found.call(arguments)
        except BadArguments as error:
            raise ToolException(f"wrong arguments: {error}") from error

    return StructuredTool(
        name=found.name,
        description=found.description,
        args_schema=found.schema,
        coroutine=call,
        handle_tool_error=True,
    )
