"""MCP servers of agents of openai-agents: listings and calls are steps, whatever the way to the server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("agents", reason="belongs to the extra 'openai-agents'")

from agents import Agent
from agents.mcp import MCPServer, MCPServerStdio, MCPServerStreamableHttp
from mcp.types import ErrorData, Tool

try:
    from mcp.shared.exceptions import MCPError as McpError
except ImportError:  # mcp 1
    from mcp.shared.exceptions import McpError  # type: ignore[no-redef, attr-defined]

from restate_reflect import Context, RetryPolicy, TerminalError
from restate_reflect.agents import ask_human, inline
from restate_reflect.agents.openai_agents import DurableServer, durable_tool, run
from restate_reflect.errors import HandlerBugError
from restate_reflect.ingress import ServiceError
from restate_reflect.testing import Durable
from tests.agents.mcp_servers import Weather, weather
from tests.agents.scripted_openai import calls, says, started
from tests.support import lasting_port

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::restate_reflect.durable.blocking.BlockedLoopWarning"
)


@pytest.fixture(params=["stdio", "http"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Weather]:
    with weather(tmp_path, request.param) as started:
        yield started


def durable_server(server: Weather, **options: Any) -> DurableServer:
    if server.port:
        return DurableServer(MCPServerStreamableHttp, params={"url": server.url}, **options)
    params = {"command": server.command, "args": server.args, "env": server.env}
    return DurableServer(MCPServerStdio, params=params, client_session_timeout_seconds=60, **options)


class Sky:
    """Asks an agent that has one server."""

    def __init__(self, server: Any, *turns: Any, tools: Any = ()) -> None:
        self.agent: Agent[Any] = Agent("sky", tools=list(tools), mcp_servers=[server])
        self.config = says(*turns)

    async def ask(self, ctx: Context) -> str:
        return str((await run(self.agent, "How is it?", run_config=self.config)).final_output)


class Fake(MCPServer):
    """Has a tool, and no process."""

    name = "fake"

    async def connect(self) -> None: ...

    async def cleanup(self) -> None: ...

    async def list_tools(self, run_context: Any = None, agent: Any = None) -> Any:
        described = {"name": "forecast", "inputSchema": {"type": "object", "properties": {"city": {"type": "string"}}}}
        return [Tool.model_validate(described)]

    async def call_tool(self, tool_name: str, arguments: Any, meta: Any = None) -> Any:
        raise NotImplementedError

    async def list_prompts(self) -> Any:
        raise NotImplementedError

    async def get_prompt(self, name: str, arguments: Any = None) -> Any:
        raise NotImplementedError


def refusal() -> Exception:
    """Invalid parameters, in the words of the protocol."""
    error = ErrorData(code=-32602, message="there is no tool 'forecast'")
    made: Any = getattr(McpError, "from_error_data", McpError)
    return made(error)  # type: ignore[no-any-return]


def tell(awakeable_id: str) -> None:
    """Stands for a mail."""


@durable_tool
@inline
async def wait() -> str:
    """Waits for somebody."""
    return "allowed" if await ask_human(tell, answer=bool) else "refused"


async def test_listings_and_calls_replay_without_the_server(restate_env: Durable, server: Weather) -> None:
    """Two calls at once; a ``ToolError``, and what the server refuses, of which the model is told."""
    both = [calls("forecast", city="nowhere"), calls("forecast", city="rome")]
    sky = Sky(durable_server(server, cache_tools_list=True), both, [calls("wait")], tools=[wait])
    env = await started(restate_env, sky)
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


async def test_a_server_that_dies_is_asked_again(restate_env: Durable, server: Weather) -> None:
    """The model does not hear of it; and without ``cache_tools_list`` each turn lists."""
    env = await started(restate_env, Sky(durable_server(server), [calls("forecast", city="gone")]), retries=True)
    sent = await env.send(Sky.ask)
    if server.port:
        await asyncio.to_thread(server.restarted_once_gone)
    assert "GONE" in await sent.attach()
    assert server.asked()["forecast gone"] == 2
    assert env.journal(sent).steps == ["list tools", "model request", "tool forecast", "list tools", "model request"]


async def test_a_server_that_is_not_there_fails_after_the_last_attempt(restate_env: Durable, tmp_path: Path) -> None:
    nobody = Weather(tmp_path / "asked", port=lasting_port())
    env = await started(restate_env, Sky(durable_server(nobody, retry=RetryPolicy(max_attempts=2))))
    with pytest.raises(TerminalError, match="connect"):
        await env.call(Sky.ask)


async def test_calls_whose_attempts_are_used_up_leave_the_agent(restate_env: Durable, tmp_path: Path) -> None:
    """The model is not told of them; what the server refuses it is told of."""

    class Breaking(Fake):
        async def call_tool(self, tool_name: str, arguments: Any, meta: Any = None) -> Any:
            if arguments["city"] == "refused":
                raise refusal()
            raise ConnectionError("the line is cut")

    server = DurableServer(Breaking, retry=RetryPolicy(max_attempts=2))
    env = await started(restate_env, Sky(server, [calls("forecast", city="refused")], [calls("forecast", city="rome")]))
    sent = await env.send(Sky.ask)
    with pytest.raises(ServiceError, match="the line is cut"):
        await sent.attach()
    assert env.journal(sent).steps.count("model request") == 2


class Keeping(Sky):
    """Keeps its connection open."""

    def __init__(self, server: DurableServer, *turns: Any) -> None:
        super().__init__(server, *turns)
        self.shared = server

    async def __aenter__(self) -> None:
        await self.shared.connect()

    async def __aexit__(self, *args: Any) -> None:
        await self.shared.cleanup()


async def test_a_connection_that_is_kept_open_is_shared(restate_env: Durable, server: Weather) -> None:
    """By the steps of all invocations."""
    both = [calls("forecast", city="rome"), calls("forecast", city="oslo")]
    env = await started(restate_env, Keeping(durable_server(server), both))
    assert "ROME" in await env.call(Keeping.ask)
    assert "OSLO" in await env.call(Keeping.ask)
    assert server.starts() == 1


async def test_once_a_connection_is_lost_steps_open_their_own(restate_env: Durable, tmp_path: Path) -> None:
    """The step that lost it, and the next one."""
    with weather(tmp_path, "stdio") as server:
        env = await started(restate_env, Keeping(durable_server(server), [calls("forecast", city="gone")]))
        assert "GONE" in await env.call(Keeping.ask)
        assert server.asked()["forecast gone"] == 2
        assert server.starts() == 3


def test_other_servers_are_refused() -> None:
    """Also those of an agent that is handed over to."""
    plain = MCPServerStdio(params={"command": "nothing"}, name="plain")
    sky = Sky(DurableServer(Fake))
    sky.agent.handoffs.append(Agent("other", mcp_servers=[plain]))
    with pytest.raises(HandlerBugError, match=r"agent 'other' has the MCP server 'plain'.*DurableServer"):
        asyncio.run(run(sky.agent, "?", run_config=sky.config))


async def test_what_a_server_is_told_of_its_tools_holds(restate_env: Durable) -> None:
    """Approval above all: a tool that needs one is not called."""

    class Untouched(Fake):
        async def call_tool(self, *args: Any, **kwargs: Any) -> Any:
            raise AssertionError("it was called without approval")

    sky = Sky(DurableServer(Untouched, require_approval="always"), [calls("forecast", city="rome")])

    class Asking:
        async def ask(self, ctx: Context) -> list[str]:
            result = await run(sky.agent, "?", run_config=sky.config)
            return [str(each.name) for each in result.interruptions]

    assert await (await started(restate_env, Asking)).call(Asking.ask) == ["forecast"]


def test_outside_of_handlers_it_is_asked_directly(tmp_path: Path) -> None:
    asyncio.run(asked_directly(tmp_path))


async def asked_directly(tmp_path: Path) -> None:
    with weather(tmp_path, "stdio") as server:
        async with durable_server(server) as opened:
            (tool,) = await opened.list_tools()
            assert tool.name == "forecast"
            assert "ROME" in str(await opened.call_tool("forecast", {"city": "rome"}))
            assert server.starts() == 1
