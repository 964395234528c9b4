"""MCP servers of agents of LangChain: listings and calls are steps, whatever the way to the server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("langchain", reason="belongs to the extra 'langchain'")
pytest.importorskip("langchain_mcp_adapters", reason="needs mcp 1, which other libraries have left behind")

from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_mcp_adapters.client import MultiServerMCPClient

from restate_reflect import Context, RetryPolicy, TerminalError
from restate_reflect.agents import ask_human, inline
from restate_reflect.agents.langchain import Durability, server_tools
from restate_reflect.testing import Durable
from tests.agents.mcp_servers import Weather, weather
from tests.agents.scripted_langchain import answer, calls, says, started
from tests.support import lasting_port

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::restate_reflect.durable.blocking.BlockedLoopWarning"
)


@pytest.fixture(params=["stdio", "http"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Weather]:
    with weather(tmp_path, request.param) as started:
        yield started


def client(server: Weather) -> MultiServerMCPClient:
    if server.port:
        return MultiServerMCPClient({"weather": {"transport": "streamable_http", "url": server.url}})
    stdio: Any = {"transport": "stdio", "command": server.command, "args": server.args, "env": server.env}
    return MultiServerMCPClient({"weather": stdio})


class Sky:
    """Makes an agent with the tools of a server, and asks it."""

    def __init__(self, server: Weather, *turns: Any, retry: RetryPolicy | None = None) -> None:
        self.client, self.model, self.retry = client(server), says(*turns), retry

    async def ask(self, ctx: Context) -> str:
        tools = [wait, *await server_tools(self.client, retry=self.retry)]
        return await answer(create_agent(self.model, tools=tools, middleware=[Durability()]), "How is it?")


def tell(awakeable_id: str) -> None:
    """Stands for a mail."""


@tool
@inline
async def wait() -> str:
    """Waits for somebody."""
    return "allowed" if await ask_human(tell, answer=bool) else "refused"


async def test_listings_and_calls_replay_without_the_server(restate_env: Durable, server: Weather) -> None:
    """Two calls at once, and a ``ToolError``, of which the model is told."""
    both = [calls("forecast", city="nowhere"), calls("forecast", city="rome")]
    env = await started(restate_env, Sky(server, both, [calls("wait")]))
    sent = await env.send(Sky.ask)
    await env.settle()
    once = server.asked()
    assert [once[f"forecast {city}"] for city in ("nowhere", "rome")] == [1, 1]
    server.stop()
    env.crash(sent)
    await env.settle()
    env.awakeable(sent).resolve(True)
    said = await sent.attach()
    assert "there is no such city" in said
    assert "ROME" in said
    assert said.endswith("allowed")
    assert server.asked() == once
    assert env.journal(sent).steps == [
        "list tools", "model request", "tool forecast", "tool forecast", "model request", "ask", "model request",
    ]  # fmt: skip


async def test_a_server_that_dies_is_asked_again(restate_env: Durable, tmp_path: Path) -> None:
    """The model does not hear of it."""
    with weather(tmp_path, "stdio") as server:
        env = await started(restate_env, Sky(server, [calls("forecast", city="gone")]), retries=True)
        assert "GONE" in await env.call(Sky.ask)
        assert server.asked()["forecast gone"] == 2


async def test_a_server_that_is_not_there_fails_after_the_last_attempt(restate_env: Durable, tmp_path: Path) -> None:
    nobody = Weather(tmp_path / "asked", port=lasting_port())
    env = await started(restate_env, Sky(nobody, retry=RetryPolicy(max_attempts=2)))
    with pytest.raises(TerminalError):
        await env.call(Sky.ask)
