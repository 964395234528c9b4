"""Models of openai-agents that say what is written down, and count how often they were asked."""

from __future__ import annotations

import json
from typing import Any

from agents import Model, ModelProvider, ModelResponse, RunConfig, Usage
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
)

from restate_reflect.durable.guards import Guard
from restate_reflect.testing import Durable, Environment
from tests.agents.gates import Gates

__all__ = ["Script", "calls", "heard", "returned", "says", "started", "text"]


def calls(tool: str, **arguments: Any) -> Any:
    given = json.dumps(arguments)
    return ResponseFunctionToolCall(
        arguments=given, call_id=f"{tool} {given}", name=tool, type="function_call", id=f"f {given}"
    )


def text(words: str) -> Any:
    said = ResponseOutputText(annotations=[], text=words, type="output_text")
    return ResponseOutputMessage(id="m", content=[said], role="assistant", status="completed", type="message")


def _items(input: Any) -> list[dict[str, Any]]:
    return [] if isinstance(input, str) else [item for item in input if isinstance(item, dict)]


def heard(input: Any) -> str:
    """All that a person has said."""
    asked = [str(item["content"]) for item in _items(input) if item.get("role") == "user"]
    return " / ".join(asked) or str(input)


def returned(input: Any) -> str:
    """What the tools that were called last have returned."""
    outputs: list[str] = []
    for item in _items(input):
        if item.get("type") == "function_call_output":
            outputs.append(str(item["output"]))
        elif outputs:
            outputs = []
    return ", ".join(outputs)


def _turn(input: Any) -> int:
    """How often tools were called: calls that stand together are of one response."""
    kinds = [item.get("type") == "function_call" for item in _items(input)]
    return sum(here and not before for before, here in zip([False, *kinds], kinds, strict=False))


class Script(Model):
    """Says one thing after the other, calls or what makes them; then what was returned, or else what it was asked."""

    def __init__(self, *turns: Any, gates: Gates | None = None, name: str = "model") -> None:
        self.turns, self._gates, self._name = turns, gates, name

    async def _next(self, input: Any) -> list[Any]:
        turn = _turn(input)
        if self._gates is not None:
            await self._gates.passed(f"{self._name} {turn}")
        if turn >= len(self.turns):
            outputs = [str(item["output"]) for item in _items(input) if item.get("type") == "function_call_output"]
            return [text(", ".join(outputs) or heard(input))]
        said = self.turns[turn]
        said = said(input) if callable(said) else said
        return [text(said)] if isinstance(said, str) else said

    async def get_response(self, system_instructions: Any, input: Any, *args: Any, **kwargs: Any) -> ModelResponse:
        usage = Usage(requests=1, input_tokens=10, output_tokens=5, total_tokens=15)
        return ModelResponse(output=await self._next(input), usage=usage, response_id="r")

    async def stream_response(self, system_instructions: Any, input: Any, *args: Any, **kwargs: Any) -> Any:
        response = Response(
            id="r", created_at=0, model="m", object="response", output=await self._next(input),
            parallel_tool_calls=True, tool_choice="auto", tools=[],
        )  # fmt: skip
        yield ResponseCompletedEvent(response=response, sequence_number=0, type="response.completed")


class Scripts(ModelProvider):
    def __init__(self, script: Script) -> None:
        self.script = script

    def get_model(self, model_name: str | None) -> Model:
        return self.script


def says(*turns: Any, gates: Gates | None = None, name: str = "model") -> RunConfig:
    """A run's configuration, by which all models are this script."""
    return RunConfig(model_provider=Scripts(Script(*turns, gates=gates, name=name)))


async def started(durable: Durable, *services: object, **options: Any) -> Environment:
    """Without the guard, which looks at each call of a function, of which these libraries make many."""
    return await durable(*services, guard=Guard.OFF, **options)
