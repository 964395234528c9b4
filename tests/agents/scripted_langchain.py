"""Models of LangChain that say what is written down, and count how often they were asked."""

from __future__ import annotations

import json
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from restate_reflect.agents.langchain import run
from restate_reflect.durable.guards import Guard
from restate_reflect.testing import Durable, Environment
from tests.agents.gates import Gates

__all__ = ["Script", "Streaming", "answer", "calls", "heard", "returned", "says", "started"]


def calls(name: str, **args: Any) -> dict[str, Any]:
    return {"name": name, "args": args}


def heard(messages: Any) -> str:
    """All that a person has said."""
    return " / ".join(str(each.content) for each in messages if isinstance(each, HumanMessage))


def returned(messages: Any) -> str:
    """What the tools that were called last have returned."""
    outputs: list[str] = []
    for each in messages:
        outputs = [*outputs, str(each.content)] if isinstance(each, ToolMessage) else []
    return ", ".join(outputs)


def _turn(messages: Any) -> int:
    return sum(isinstance(each, AIMessage) and bool(each.tool_calls) for each in messages)


class Script(BaseChatModel):
    """Says one thing after the other, calls or what makes them; then what was returned, or else what it was asked."""

    turns: list[Any] = []
    fails: bool = False
    gates: Any = None
    name: str | None = "model"

    @property
    def _llm_type(self) -> str:
        return "script"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self.bind(**kwargs)

    async def _agenerate(self, messages: Any, *args: Any, **kwargs: Any) -> ChatResult:
        if self.gates is not None:
            await self.gates.passed(f"{self.name} {_turn(messages)}")
        return await super()._agenerate(messages, *args, **kwargs)

    def _generate(self, messages: Any, *args: Any, **kwargs: Any) -> ChatResult:
        if self.fails:
            raise ConnectionError("no network")
        return ChatResult(generations=[ChatGeneration(message=self._said(messages, _turn(messages)))])

    def _said(self, messages: Any, turn: int) -> AIMessage:
        usage: Any = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
        if turn >= len(self.turns):
            outputs = [str(each.content) for each in messages if isinstance(each, ToolMessage)]
            return AIMessage(", ".join(outputs) or heard(messages), usage_metadata=usage)
        said = self.turns[turn]
        said = said(messages) if callable(said) else said
        if isinstance(said, str):
            return AIMessage(said, usage_metadata=usage)
        wanted: list[Any] = [
            {"name": each["name"], "args": each["args"], "id": f"{turn} {index}", "type": "tool_call"}
            for index, each in enumerate(said)
        ]
        return AIMessage("", tool_calls=wanted, usage_metadata=usage)


def says(*turns: Any, gates: Gates | None = None, name: str = "model") -> Script:
    return Script(turns=list(turns), gates=gates, name=name)


class Streaming(Script):
    """Says its text word by word."""

    async def _astream(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
        said = self._said(messages, _turn(messages))
        for word in str(said.content).split(" ") if said.content else []:
            yield await _told(
                ChatGenerationChunk(message=AIMessageChunk(content=f"{word} ")), kwargs.get("run_manager")
            )
        calls = [tool_call_chunk(name=each["name"], args=json.dumps(each["args"]), id=each["id"], index=index)
                 for index, each in enumerate(said.tool_calls)]  # fmt: skip
        last = AIMessageChunk(content="", tool_call_chunks=calls, usage_metadata=said.usage_metadata)
        yield await _told(ChatGenerationChunk(message=last), kwargs.get("run_manager"))


async def _told(chunk: ChatGenerationChunk, manager: Any) -> ChatGenerationChunk:
    if manager is not None:
        await manager.on_llm_new_token(chunk.text, chunk=chunk)
    return chunk


async def answer(agent: Any, text: str) -> str:
    return str((await run(agent, {"messages": [HumanMessage(text)]}))["messages"][-1].content)


async def started(durable: Durable, *services: object, **options: Any) -> Environment:
    """Without the guard, which looks at each call of a function, of which these libraries make many."""
    return await durable(*services, guard=Guard.OFF, **options)
