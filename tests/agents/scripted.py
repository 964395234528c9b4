"""Models of pydantic-ai that say what is written down, and count how often they were asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    RetryPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.usage import RequestUsage

from restate_reflect.durable.guards import Guard
from restate_reflect.testing import Durable, Environment
from tests.agents.gates import Gates

__all__ = ["calls", "heard", "returned", "says", "started"]

SAID_AT = datetime(2026, 1, 1, tzinfo=UTC)
"""Fixed, so that a request that is made again after a crash has the same answer."""


def says(*answers: Any, gates: Gates | None = None, name: str = "model") -> FunctionModel:
    """A model that gives these answers, one per request of a conversation: texts, calls, or what makes one of them."""

    async def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        turn = sum(isinstance(message, ModelResponse) for message in messages)
        if gates is not None:
            await gates.passed(f"{name} {turn}")
        said = answers[turn % len(answers)]
        said = said(messages) if callable(said) else said
        parts = [TextPart(said)] if isinstance(said, str) else list(said)
        usage = RequestUsage(input_tokens=10, output_tokens=5)
        return ModelResponse(parts=parts, usage=usage, timestamp=SAID_AT)

    return FunctionModel(answer)


def calls(tool: str, **arguments: Any) -> ToolCallPart:
    """A model's call of a tool, with an id of its own."""
    return ToolCallPart(tool, arguments, tool_call_id=f"{tool} {sorted(map(str, arguments.values()))}")


def returned(messages: list[ModelMessage]) -> str:
    """What the tools that were called last have returned."""
    parts = messages[-1].parts
    return ", ".join(str(part.content) for part in parts if isinstance(part, ToolReturnPart | RetryPromptPart))


def heard(messages: list[ModelMessage]) -> str:
    """All that a person has said."""
    prompts = [part.content for message in messages for part in message.parts if isinstance(part, UserPromptPart)]
    return " / ".join(map(str, prompts))


async def started(durable: Durable, *services: object, **options: Any) -> Environment:
    """Without the guard, which looks at each call of a function, of which these libraries make many."""
    return await durable(*services, guard=Guard.OFF, **options)
