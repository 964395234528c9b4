"""MCP servers whose listings and calls are steps."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self
from weakref import WeakKeyDictionary

from agents import Agent, UserError, default_tool_error_function
from agents.mcp import MCPServer
from mcp.types import (
    CallToolResult,
    GetPromptResult,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ReadResourceResult,
    Tool,
)
from pydantic import TypeAdapter

from restate_reflect.agents.adapters import AdapterCodec
from restate_reflect.agents.endings import final
from restate_reflect.agents.openai_agents.tools import leaving
from restate_reflect.agents.places import handler_context
from restate_reflect.agents.servers import is_refusal
from restate_reflect.errors import HandlerBugError, TerminalError
from restate_reflect.options import RetryPolicy

__all__ = ["DurableServer", "refuse_other_servers"]

_OPTIONS: Final = frozenset(inspect.signature(MCPServer.__init__).parameters) - {"self"}
"""Those of every server, which say what is done with its tools in the handler."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A server's answer that is an error of the protocol."""

    message: str


def _payload(type_: Any) -> Any:
    return Annotated[Any, AdapterCodec(TypeAdapter(type_), by_alias=True)]


Tools: Final = _payload(list[Tool])
Result: Final = _payload(CallToolResult | Refused)


class DurableServer(MCPServer):
    """A server that is asked in steps: ``Agent(…, mcp_servers=[DurableServer(MCPServerStdio, params={…})])``.

    Each step opens a connection of its own, on the process's event loop. Whoever opens one there by ``async with`` of
    this server (in ``__aenter__`` of the service, say) makes the steps share it; one that fails is asked again by a
    connection of the step's own. Errors of a connection are tried again; what a server answers goes to the model.

    Args:
        kind: A class of the library, ``MCPServerStreamableHttp`` say.
        retry: Of the steps. Without it they are tried until they succeed.
        arguments: Those of ``kind``. With ``cache_tools_list`` and no ``tool_filter`` an invocation lists once.
    """

    def __init__(self, kind: Callable[..., MCPServer], *, retry: RetryPolicy | None = None, **arguments: Any) -> None:
        tell = arguments.get("failure_error_function", default_tool_error_function)
        own = {name: value for name, value in arguments.items() if name in _OPTIONS}
        super().__init__(**{**own, "failure_error_function": leaving(tell)})
        self._make: Callable[[], Any] = functools.partial(kind, **arguments)
        self._retry = retry
        self._name = self._make().name
        self._shared: Any = None
        self._lists_once = arguments.get("cache_tools_list", False) and arguments.get("tool_filter") is None

    @property
    def name(self) -> str:
        return self._name

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *args: Any) -> None:
        await self.cleanup()

    async def connect(self) -> None:
        """Opens a connection for the steps to share. In a handler it does nothing."""
        if handler_context() is None:
            server = self._make()
            await server.connect()
            self._shared = server

    async def cleanup(self) -> None:
        """Closes it."""
        if handler_context() is None and self._shared is not None:
            server, self._shared = self._shared, None
            await server.cleanup()

    async def list_tools(self, run_context: Any = None, agent: Any = None) -> Any:
        known = self._kept()
        if self not in known:
            known[self] = await self._step("list tools", Tools, lambda server: server.list_tools(run_context, agent))
        return known[self]

    async def call_tool(
        self, tool_name: str, arguments: dict[str, Any] | None, meta: dict[str, Any] | None = None
    ) -> Any:
        more = {} if meta is None else {"meta": meta}

        async def ask(server: MCPServer) -> Any:
            try:
                return await server.call_tool(tool_name, arguments, **more)
            except Exception as error:
                if is_refusal(error):
                    return Refused(str(error))
                raise

        try:
            result = await self._step(f"tool {tool_name}", Result, ask)
        except TerminalError as error:
            raise final(error, also=UserError) from error  # the one class that the library passes on to ``leaving``
        if isinstance(result, Refused):
            raise UserError(result.message)
        return result

    async def list_prompts(self) -> Any:
        return await self._step("list prompts", _payload(ListPromptsResult), lambda server: server.list_prompts())

    async def get_prompt(self, name: str, arguments: dict[str, Any] | None = None) -> Any:
        asked = _payload(GetPromptResult)
        return await self._step(f"prompt {name}", asked, lambda server: server.get_prompt(name, arguments))

    async def list_resources(self, cursor: str | None = None) -> Any:
        asked = _payload(ListResourcesResult)
        return await self._step("list resources", asked, lambda server: server.list_resources(cursor))

    async def list_resource_templates(self, cursor: str | None = None) -> Any:
        asked = _payload(ListResourceTemplatesResult)
        return await self._step("list resource templates", asked, lambda server: server.list_resource_templates(cursor))

    async def read_resource(self, uri: str) -> Any:
        asked = _payload(ReadResourceResult)
        return await self._step(f"resource {uri}", asked, lambda server: server.read_resource(uri))

    def _kept(self) -> dict[MCPServer, Any]:
        """Listings of this invocation, if it lists once."""
        if self._lists_once and handler_context() is not None:
            return _listed.setdefault(asyncio.get_running_loop(), {})
        return {}

    async def _step(self, name: str, type_: Any, ask: Callable[[MCPServer], Awaitable[Any]]) -> Any:
        ctx = handler_context()
        if ctx is None:
            return await self._asked(ask)
        return await ctx.options(type=type_, retry=self._retry).run(name, self._asked, ask)

    async def _asked(self, ask: Callable[[MCPServer], Awaitable[Any]]) -> Any:
        if self._shared is not None:
            try:
                return await ask(self._shared)
            except Exception:  # it may be lost for good, which only a new connection tells
                pass
        server = self._make()
        await server.connect()
        try:
            return await ask(server)
        finally:
            await server.cleanup()


_listed: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, dict[MCPServer, Any]]] = WeakKeyDictionary()
"""By the loop of a handler, whose attempts all begin without."""


def refuse_other_servers(agent: Any) -> None:
    """Those of an agent, and of the agents that it hands over to.

    Raises:
        HandlerBugError: One is no ``DurableServer``: its connection would be used from the handler's loop.
    """
    waiting, seen = [agent], set[int]()
    while waiting:
        each = waiting.pop()
        if id(each) in seen or not isinstance(each, Agent):
            continue
        seen.add(id(each))
        waiting += each.handoffs
        for server in each.mcp_servers:
            if not isinstance(server, DurableServer):
                raise HandlerBugError(
                    f"agent {each.name!r} has the MCP server {server.name!r}, whose connection handler code can't use."
                    f" Make it DurableServer({type(server).__name__}, params=…), which is asked in steps."
                )
