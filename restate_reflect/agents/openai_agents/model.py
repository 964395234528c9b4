"""Models whose requests are steps, and the provider that makes them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias

from agents import Model, ModelProvider, ModelResponse, MultiProvider, Usage
from openai.types.responses import Response, ResponseCompletedEvent
from pydantic import TypeAdapter

from restate_reflect.agents.adapters import AdapterCodec
from restate_reflect.agents.budgets import TokenBudget
from restate_reflect.context import current_context
from restate_reflect.options import RetryPolicy

__all__ = ["DurableModel", "DurableProvider", "Options"]

EventCallback = Callable[[Any], Awaitable[None]]
"""Gets each event of a model's stream, on the process's event loop."""

_ANSWER: Final = AdapterCodec(TypeAdapter(ModelResponse))
_STREAMED: Final = AdapterCodec(TypeAdapter(Response))
Answer: TypeAlias = Annotated[ModelResponse, _ANSWER]
Streamed: TypeAlias = Annotated[Response, _STREAMED]


@dataclass(frozen=True, slots=True)
class Options:
    """How model requests are made.

    Args:
        retry: Of requests. Without it they are tried until they succeed.
        budget: That they are counted in.
        on_event: Gets the events of models' streams while they come, in the step: not on replay, and again if the step
            is retried. With it every request is streamed.
    """

    retry: RetryPolicy | None = None
    budget: TokenBudget | None = None
    on_event: EventCallback | None = None


class DurableModel(Model):
    """Each request of the wrapped model is a step, whose result is journaled as a ``ModelResponse``, usage included."""

    def __init__(self, wrapped: Model, options: Options | None = None) -> None:
        self.wrapped = wrapped
        self._options = options or Options()

    async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
        if self._options.on_event is not None:
            return _as_answer(await self._streamed(args, kwargs))

        async def ask() -> ModelResponse:
            return _ANSWER.settled(await self.wrapped.get_response(*args, **kwargs))

        await self._check()
        answer: ModelResponse = await self._steps(Answer).run("model request", ask)
        await self._count(answer.usage.total_tokens)
        return answer

    async def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        """For ``Runner.run_streamed``: the event of the whole response, once it is journaled."""
        response = await self._streamed(args, kwargs)
        yield ResponseCompletedEvent(response=response, sequence_number=0, type="response.completed")

    async def _streamed(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Response:
        async def stream() -> Response:
            return _STREAMED.settled(await self._last_event(args, kwargs))

        await self._check()
        response: Response = await self._steps(Streamed).run("model request", stream)
        await self._count(0 if response.usage is None else response.usage.total_tokens)
        return response

    async def _last_event(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Response:
        """What the stream ends with; its events go to whoever listens."""
        async for event in self.wrapped.stream_response(*args, **kwargs):
            if self._options.on_event is not None:
                await self._options.on_event(event)
            if isinstance(event, ResponseCompletedEvent):
                return event.response
        raise RuntimeError("the model's stream has ended without a response")

    def _steps(self, type_: Any) -> Any:
        return current_context().options(type=type_, retry=self._options.retry)

    async def _check(self) -> None:
        if self._options.budget is not None:
            await self._options.budget.check()

    async def _count(self, tokens: int) -> None:
        if self._options.budget is not None:
            await self._options.budget.add(tokens)


class DurableProvider(ModelProvider):
    """Makes each model of another provider durable."""

    def __init__(self, wrapped: ModelProvider | None = None, options: Options | None = None) -> None:
        self._wrapped = wrapped or MultiProvider()
        self._options = options

    def get_model(self, model_name: str | None) -> Model:
        return DurableModel(self._wrapped.get_model(model_name), self._options)


def _as_answer(response: Response) -> ModelResponse:
    usage = Usage()
    if response.usage is not None:
        found = response.usage
        usage = Usage(1, found.input_tokens, total_tokens=found.total_tokens, output_tokens=found.output_tokens)
    return ModelResponse(output=response.output, usage=usage, response_id=response.id)
