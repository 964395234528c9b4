"""A model whose requests are steps."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import CompletedStreamedResponse, Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from restate_reflect.agents.pydantic_ai.options import Options
from restate_reflect.agents.pydantic_ai.payloads import MESSAGES, Messages
from restate_reflect.context import current_context

__all__ = ["DurableModel"]


class DurableModel(WrapperModel):
    """Each request of the wrapped model is a step, whose result is journaled as a ``ModelResponse``, usage included."""

    def __init__(self, wrapped: Model, options: Options) -> None:
        super().__init__(wrapped)
        self._options = options

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        if self._options.on_event is not None:
            return await self._streamed(messages, model_settings, model_request_parameters)

        async def ask() -> ModelResponse:
            return await self.wrapped.request(messages, model_settings, model_request_parameters)

        return await self._step(ask)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """For what handler code streams: the events of the whole response, once it is journaled."""
        response = await self._streamed(messages, model_settings, model_request_parameters, run_context)
        yield CompletedStreamedResponse(response, model_request_parameters=model_request_parameters, replay_events=True)

    async def _streamed(
        self,
        messages: list[ModelMessage],
        settings: ModelSettings | None,
        parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> ModelResponse:
        on_event = self._options.on_event

        async def stream() -> ModelResponse:
            async with self.wrapped.request_stream(messages, settings, parameters, run_context) as response:
                async for event in response:
                    if on_event is not None:
                        await on_event(event)
                return response.get()

        return await self._step(stream)

    async def _step(self, body: Callable[[], Awaitable[ModelResponse]]) -> ModelResponse:
        options = self._options
        if options.budget is not None:
            await options.budget.check()
        steps = current_context().options(type=Messages, retry=options.retry)
        (response,) = await steps.run(f"{options.prefix}model request", _settled, body)
        assert isinstance(response, ModelResponse)
        if options.budget is not None:
            await options.budget.add(response.usage.total_tokens)
        return response


async def _settled(ask: Callable[[], Awaitable[ModelResponse]]) -> list[ModelMessage]:
    """As the library itself writes and reads it: what a provider adds may be none of JSON's types."""
    return MESSAGES.settled([await ask()])
