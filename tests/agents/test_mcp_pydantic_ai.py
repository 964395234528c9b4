"""MCP servers of agents of pydantic-ai: listings and calls are steps, whatever the way to the server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pydantic_ai", reason="belongs to the extra 'pydantic-ai'")
pytest.importorskip("fastmcp", reason="belongs to 'pydantic-ai-slim[mcp]'")

from fastmcp.client.transports import StdioTransport
from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset

from restate_reflect import Context, RetryPolicy, TerminalError
from restate_reflect.agents import ask_human, inline
from restate_reflect.agents.pydantic_ai import Durability
from restate_reflect.testing import Durable
from tests.agents.mcp_servers import Weather, weather
from tests.agents.scripted import calls, returned, says, started
from tests.support import lasting_port

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::restate_reflect.durable.blocking.BlockedLoopWarning"
)


@pytest.fixture(params=["stdio", "http"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Weather]:
    with weather(tmp_path, request.param) as started:
        yield started


def toolset(server: Weather, **options: Any) -> MCPToolset[Any]:
    options = {"init_timeout": 60, **options}
    if server.port:
        return MCPToolset(server.url, **options)
    return MCPToolset(StdioTransport(server.command, server.args, env=server.env, keep_alive=False), **options)


def tell(awakeable_id: str) -> None:
    """Stands for a mail."""


@inline
async def wait() -> str:
    """Waits for somebody."""
    return "allowed" if await ask_human(tell, answer=bool) else "refused"


async def test_listings_and_calls_replay_without_the_server(restate_env: Durable, server: Weather) -> None:
    """Also its instructions; two calls at once; and a ``ToolError``, of which the model is told."""
    turns = [calls("forecast", city="nowhere")], [calls("forecast", city="rome"), calls("forecast", city="oslo")]
    agent = Agent(
        says(*turns, lambda messages: [*asked(messages), calls("wait")], returned),
        tools=[wait],
        toolsets=[toolset(server, include_instructions=True)],
        capabilities=[Durability()],
    )
    heard: set[str] = set()

    def asked(messages: list[Any]) -> list[Any]:
        heard.add(returned(messages))
        assert "Ask for one city at a time." in messages[-1].instructions
        return []

    class Sky:
        async def ask(self, ctx: Context) -> str:
            return (await agent.run("How is it?")).output

    env = await started(restate_env, Sky)
    sent = await env.send(Sky.ask)
    await env.settle()
    once = server.asked()
    assert [once[f"forecast {city}"] for city in ("nowhere", "rome", "oslo")] == [1, 1, 1]
    server.stop()
    env.crash(sent)
    await env.settle()
    env.awakeable(sent).resolve(True)
    assert await sent.attach() == "allowed"
    assert heard == {"{'city': 'ROME'}, {'city': 'OSLO'}"}
    assert server.asked() == once
    assert env.journal(sent).steps == [
        "list tools", "instructions", "model request", "tool forecast", "model request", "tool forecast",
        "tool forecast", "model request", "ask", "model request",
    ]  # fmt: skip


async def test_a_server_that_dies_is_asked_again(restate_env: Durable, server: Weather) -> None:
    """The model does not hear of it."""
    agent = Agent(
        says([calls("forecast", city="gone")], returned),
        toolsets=[toolset(server, read_timeout=10)],  # the client of mcp 1 does not see that a stream has ended
        capabilities=[Durability()],
    )

    class Sky:
        async def ask(self, ctx: Context) -> str:
            return (await agent.run("How is it?")).output

    env = await started(restate_env, Sky, retries=True)
    sent = await env.send(Sky.ask)
    if server.port:
        await asyncio.to_thread(server.restarted_once_gone)
    assert await sent.attach() == "{'city': 'GONE'}"
    assert server.asked()["forecast gone"] == 2
    assert env.journal(sent).steps == ["list tools", "model request", "tool forecast", "model request"]


async def test_a_server_that_is_not_there_fails_after_the_last_attempt(restate_env: Durable, tmp_path: Path) -> None:
    nobody = Weather(tmp_path / "asked", port=lasting_port())
    agent = Agent(
        says(returned),
        toolsets=[toolset(nobody)],
        capabilities=[Durability(tool_retry=RetryPolicy(max_attempts=2))],
    )

    class Sky:
        async def ask(self, ctx: Context) -> str:
            return (await agent.run("How is it?")).output

    with pytest.raises(TerminalError, match="connect"):
        await (await started(restate_env, Sky)).call(Sky.ask)


async def test_a_connection_that_is_kept_open_is_shared(restate_env: Durable, server: Weather) -> None:
    """By the steps of all invocations, as long as whoever opened it keeps it open."""
    shared = toolset(server)
    agent = Agent(
        says([calls("forecast", city="rome"), calls("forecast", city="oslo")], returned),
        toolsets=[shared],
        capabilities=[Durability()],
    )

    class Sky:
        async def __aenter__(self) -> None:
            await shared.__aenter__()

        async def __aexit__(self, *args: Any) -> None:
            await shared.__aexit__(*args)

        async def ask(self, ctx: Context) -> str:
            return (await agent.run("How is it?")).output

    env = await started(restate_env, Sky())
    assert await env.call(Sky.ask) == "{'city': 'ROME'}, {'city': 'OSLO'}"
    assert await env.call(Sky.ask) == "{'city': 'ROME'}, {'city': 'OSLO'}"
    assert server.asked()["list"] == 1
    assert server.starts() == 1
