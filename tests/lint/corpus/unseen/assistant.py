"""An assistant with tools: a loop around a model, with memory per conversation."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import requests
from pydantic import BaseModel, Field

from restate_reflect import Context, ObjectContext, State, TerminalError

HISTORY: list[Message] = []
TOOLS: dict[str, Callable[..., Any]] = {}
counter = 0


class Message(BaseModel):
    id: UUID = Field(default_factory=uuid4)
    role: str
    text: str


def tool(function: Callable[..., Any]) -> Callable[..., Any]:
    TOOLS[function.__name__] = function
    return function


@tool
def weather(city: str) -> str:
    """A tool; it runs in a step."""
    return requests.get(f"https://weather.example/{city}", timeout=5).text


def complete(prompt: list[Message]) -> Message:
    """A step."""
    reply = requests.post("https://model.example/complete", json=[m.model_dump_json() for m in prompt], timeout=60)
    return Message(role="assistant", text=reply.text)


def next_id() -> str:
    global counter
    counter = counter + 1  # expect: RR303
    return f"msg-{counter}"


def greeting(hour: int | None = None) -> str:
    if hour is None:
        hour = datetime.now().hour  # expect: RR101
    return "good morning" if hour < 12 else "good day"


class Conversation:
    """The key is the conversation's id."""

    messages = State(list[Message], default=[])
    cost = State(float, default=0.0)

    async def say(self, ctx: ObjectContext, text: str) -> str:
        messages = [*await ctx.get(Conversation.messages), Message(id=ctx.uuid(), role="user", text=text)]
        while True:
            reply = await ctx.run("complete", complete, messages)
            messages.append(reply)
            if not reply.text.startswith("call "):
                break
            name, _, argument = reply.text.removeprefix("call ").partition(" ")
            result = await ctx.run(f"{name} {next_id()}", TOOLS[name], argument)
            messages.append(Message(id=ctx.uuid(), role="tool", text=str(result)))
        ctx.set(Conversation.messages, messages)
        return reply.text

    async def greet(self, ctx: ObjectContext) -> str:
        return f"{greeting()}, {ctx.key}"

    async def rate(self, ctx: ObjectContext, stars: int) -> None:
        HISTORY.append(Message(id=ctx.uuid(), role="rating", text=str(stars)))  # expect: RR303
        messages = await ctx.get(Conversation.messages)
        messages[-1].text += f" ({stars} stars)"  # expect: RR306

    async def wait_for_user(self, ctx: ObjectContext) -> str:
        answer = ctx.awakeable(str)
        await ctx.run("ask", print, answer.id)
        try:
            return await asyncio.wait_for(answer, 600)
        except asyncio.CancelledError:  # expect: RR202
            return "nobody"

    async def restart(self, ctx: ObjectContext) -> str:
        ctx.clear_all()
        return await ctx.call(Conversation.say, "hello", key=ctx.key)  # expect: RR206

    async def vote(self, ctx: ObjectContext, models: list[str]) -> str:
        votes = await asyncio.gather(*(ctx.run(f"vote {model}", self._ask, ctx, model) for model in models))  # expect: RR301
        winners = {vote for vote in votes if votes.count(vote) == max(map(votes.count, votes))}
        first = list(winners)[0]  # expect: RR110
        await ctx.run(f"winner {first}", print, first)
        return first

    def _ask(self, ctx: ObjectContext, model: str) -> str:
        return f"{model} for {ctx.key}"

    async def drain(self, ctx: ObjectContext, queue: list[str]) -> None:
        while True:  # expect: RR205
            if queue:
                queue.pop()
            await asyncio.sleep(0)

    async def pace(self, ctx: ObjectContext, seconds: float) -> None:
        if random.getrandbits(1):  # expect: RR102
            await asyncio.sleep(seconds)
        stamp = int(time.time() * 1000)  # expect: RR101
        await ctx.run(f"paced-{stamp}", print)  # expect: RR305

    async def embed(self, ctx: ObjectContext, texts: list[str]) -> list[float]:
        with requests.Session() as session:
            return [float(session.post("https://model.example/embed", data=text).text) for text in texts]  # expect: RR106

    async def close(self, ctx: ObjectContext, token) -> str:  # expect: RR401
        if not token:
            raise TerminalError("no token", code=401)
        return "closed"
