"""Tools of MCP servers, by a client of langchain-mcp-adapters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from langchain_core.tools import BaseTool, StructuredTool, ToolException

from restate_reflect.agents.servers import is_refusal
from restate_reflect.context import current_context
from restate_reflect.options import RetryPolicy

__all__ = ["server_tools"]


@dataclass
class Described:
    """A tool as its server describes it."""

    server: str
    name: str
    description: str
    schema: dict[str, Any]


async def server_tools(client: Any, *, retry: RetryPolicy | None = None) -> list[BaseTool]:
    """The tools of all servers of a ``MultiServerMCPClient``; the listing is a step, and so is each call.

    For agents that are made in the handler: ``create_agent(…, tools=await server_tools(client))``, with ``Durability``.
    Each step opens connections of its own.

    Args:
        client: That knows how to reach the servers.
        retry: Of the listing. Without it it is tried until it succeeds; of calls it is that of ``Durability``.
    """

    async def ask() -> list[Described]:
        return [
            Described(server, tool.name, tool.description, tool.args_schema)
            for server in client.connections
            for tool in await client.get_tools(server_name=server)
        ]

    found = await current_context().options(retry=retry).run("list tools", ask)
    return [_tool(client, each) for each in found]


def _tool(client: Any, described: Described) -> BaseTool:
    async def call(**arguments: Any) -> tuple[Any, Any]:
        known = {tool.name: tool for tool in await client.get_tools(server_name=described.server)}
        if described.name not in known:
            raise ToolException(f"the server {described.server} has no tool {described.name!r} any more")
        request = {"type": "tool_call", "name": described.name, "args": arguments, "id": described.name}
        try:
            answer = await known[described.name].ainvoke(request)
        except Exception as error:
            if is_refusal(error):
                raise ToolException(str(error)) from error
            raise
        if answer.status == "error":
            raise ToolException(answer.text)
        return answer.content, answer.artifact

    return StructuredTool(
        name=described.name,
        description=described.description,
        args_schema=described.schema,
        coroutine=call,
        response_format="content_and_artifact",
        handle_tool_error=True,
    )
