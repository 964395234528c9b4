"""The middleware that makes an agent of ``create_agent`` durable."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import AnyMessage, ToolMessage
from langgraph.prebuilt.tool_node import ToolCallRequest
from pydantic import TypeAdapter

from restate_reflect.agents.budgets import TokenBudget
from restate_reflect.agents.inlining import is_inline
from restate_reflect.agents.langchain.payloads import MESSAGES, Messages
from restate_reflect.agents.langchain.streaming import EventCallback, heard
from restate_reflect.agents.places import handler_context
from restate_reflect.context import BaseContext
from restate_reflect.durable.at_once import at_once
from restate_reflect.errors import HandlerBugError
from restate_reflect.options import RetryPolicy

__all__ = ["Durability"]


@dataclass
class Answered:
    """What a model has answered: messages, and what was read from them, both as JSON."""

    messages: str
    structured: Any = None


class Durability(AgentMiddleware[Any, Any]):
    """Makes an agent durable in handlers: ``create_agent(…, middleware=[Durability()])``. Elsewhere it changes nothing.

    Model requests are steps; tools are steps unless they are ``inline``. Put it last: what other middleware does is
    handler code then, and replays.

    Args:
        retry: Of model requests. Without it they are tried until they succeed.
        tool_retry: Of tools; likewise.
        budget: That model requests are counted in.
        on_event: Gets the chunks of models' answers (``AIMessageChunk``) while they come, in the step: not on replay,
            and again if the step is retried. With it every request is streamed, of models that can.
    """

    def __init__(
        self,
        *,
        retry: RetryPolicy | None = None,
        tool_retry: RetryPolicy | None = None,
        budget: TokenBudget | None = None,
        on_event: EventCallback | None = None,
    ) -> None:
        super().__init__()
        self._retry, self._tool_retry, self._budget = retry, tool_retry, budget
        self._on_event = on_event

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        ctx = handler_context()
        if ctx is None:
            return await handler(request)
        if self._budget is not None:
            await self._budget.check()

        async def ask() -> Answered:
            response = await self._asked(request, handler)
            found: Any = response.result
            structured = TypeAdapter(Any).dump_python(response.structured_response, mode="json")
            return Answered(MESSAGES.encode(found).decode(), structured)

        answered = await ctx.options(retry=self._retry).run("model request", ask)
        messages: list[Any] = MESSAGES.decode(answered.messages.encode())
        if self._budget is not None:
            await self._budget.add(sum(_tokens(message) for message in messages))
        return ModelResponse(result=messages, structured_response=_read(request, answered.structured))

    async def _asked(self, request: ModelRequest[Any], handler: Callable[..., Any]) -> ModelResponse[Any]:
        response: ModelResponse[Any]
        if self._on_event is None:
            response = await handler(request)
        else:
            streamed = request.override(model_settings={**request.model_settings, "stream": True})
            response = await heard(self._on_event, lambda: handler(streamed))
        return response

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Any]]
    ) -> Any:
        ctx = handler_context()
        if ctx is None:
            return await handler(request)
        if _is_inline(request.tool):
            with at_once(False):  # what it sends to a thread is refused, as in any handler
                return await handler(request)
        return await self._tool_step(ctx, request.tool_call["name"], request, handler)

    async def _tool_step(
        self, ctx: BaseContext, name: str, request: ToolCallRequest, handler: Callable[..., Awaitable[Any]]
    ) -> AnyMessage:
        async def call() -> list[AnyMessage]:
            result = await handler(request)
            if not isinstance(result, ToolMessage):
                raise HandlerBugError(
                    f"tool {name!r} gave a {type(result).__name__}, which a step can't carry. Mark it with @inline, and"
                    " put what it does outside into steps."
                )
            return MESSAGES.settled([result])

        (message,) = await ctx.options(type=Messages, retry=self._tool_retry).run(f"tool {name}", call)
        return message


def _is_inline(tool: Any) -> bool:
    return any(is_inline(each) for each in (tool, getattr(tool, "coroutine", None), getattr(tool, "func", None)))


def _tokens(message: Any) -> int:
    usage = getattr(message, "usage_metadata", None) or {}
    return int(usage.get("total_tokens", 0))


def _read(request: ModelRequest[Any], structured: Any) -> Any:
    """As the type that the agent was asked for."""
    schema = getattr(request.response_format, "schema", None)
    return structured if structured is None or schema is None else TypeAdapter(schema).validate_python(structured)
