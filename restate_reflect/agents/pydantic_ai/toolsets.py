"""Toolsets whose tools are steps, and those of servers, whose listings are steps as well."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Self

from pydantic import TypeAdapter
from pydantic_ai import RunContext, ToolDefinition
from pydantic_ai import exceptions as raised
from pydantic_ai.toolsets import AbstractToolset, FunctionToolset, ToolsetTool, WrapperToolset

from restate_reflect.agents.inlining import is_inline
from restate_reflect.agents.outcomes import ToolStep
from restate_reflect.agents.pydantic_ai.options import Options
from restate_reflect.agents.pydantic_ai.payloads import INSTRUCTIONS, Instructions, declared_result
from restate_reflect.agents.servers import is_unanswered
from restate_reflect.context import current_context

__all__ = ["DurableToolset", "RemoteToolset", "durable_toolset"]

_ANSWERS: Final = {
    name: getattr(raised, name)
    for name in ("ModelRetry", "ToolFailed", "CallDeferred", "ApprovalRequired")
    if hasattr(raised, name)  # ToolFailed came later
}
_ANY_OBJECT: Final[Any] = TypeAdapter(dict[str, Any]).validator


def durable_toolset(toolset: AbstractToolset[Any], options: Options) -> AbstractToolset[Any]:
    """For ``visit_and_replace``: the leaf, wrapped, unless it is handler code already.

    Toolsets of the library's own compute what they offer; those of others, and MCP servers, are asked in steps.
    """
    if isinstance(toolset, WrapperToolset) or is_inline(toolset):
        return toolset
    if isinstance(toolset, FunctionToolset):
        return DurableToolset(toolset, options)
    return RemoteToolset(toolset, options) if _is_foreign(toolset) else toolset


def _is_foreign(toolset: AbstractToolset[Any]) -> bool:
    mcp: Any = sys.modules.get("pydantic_ai.mcp")
    is_server = mcp is not None and isinstance(toolset, mcp.MCPToolset)
    return is_server or type(toolset).__module__.partition(".")[0] != "pydantic_ai"


@dataclass(init=False)
class DurableToolset(WrapperToolset[Any]):
    """Functions as steps, except for those that are ``inline``."""

    options: Options

    def __init__(self, wrapped: AbstractToolset[Any], options: Options) -> None:
        super().__init__(wrapped)
        self.options = options

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> Any:
        function = _function_of(tool, name)
        if is_inline(function):
            return await self.wrapped.call_tool(name, tool_args, ctx, tool)

        async def call() -> Any:
            return await self.wrapped.call_tool(name, tool_args, ctx, tool)

        return await _step(self.options, name, call, declared_result(function))

    def visit_and_replace(
        self, visitor: Callable[[AbstractToolset[Any]], AbstractToolset[Any]]
    ) -> AbstractToolset[Any]:
        return self


async def _step(options: Options, name: str, call: Callable[[], Awaitable[Any]], returns: Any) -> Any:
    steps = ToolStep(current_context(), _ANSWERS, options.tool_retry)
    return await steps.run(f"{options.prefix}tool {name}", call, returns)


def _function_of(tool: ToolsetTool[Any], name: str) -> Any:
    """The function behind a tool; ``None`` if it is none of a function toolset."""
    known = getattr(tool.toolset, "tools", {})
    found = known.get(getattr(tool, "original_name", None) or name)
    return getattr(found, "function", None)


@dataclass
class Listed:
    """A tool as a server describes it."""

    tool_def: ToolDefinition
    max_retries: int


_LISTING: Final = TypeAdapter(dict[str, Listed])


@dataclass(init=False)
class RemoteToolset(WrapperToolset[Any]):
    """Listings and calls of a toolset that asks somebody else, an MCP server above all, are steps.

    The connection is opened within each step, by what ``for_run`` of the toolset gives. Whoever keeps it open, by
    ``async with`` of the toolset on the process's event loop (in ``__aenter__`` of the service, say), makes the steps
    share it.
    """

    options: Options

    def __init__(self, wrapped: AbstractToolset[Any], options: Options) -> None:
        super().__init__(wrapped)
        self.options = options
        self._kept: dict[str, Any] = {}

    @property
    def id(self) -> str | None:
        """The toolset's own: by it the library names instructions."""
        return self.wrapped.id

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *args: Any) -> bool | None:
        return None

    async def for_run(self, ctx: RunContext[Any]) -> AbstractToolset[Any]:
        """One of its own, as what a server has told is kept for a run."""
        return RemoteToolset(self.wrapped, self.options)

    async def for_run_step(self, ctx: RunContext[Any]) -> AbstractToolset[Any]:
        return self

    async def get_tools(self, ctx: RunContext[Any]) -> dict[str, ToolsetTool[Any]]:
        async def ask() -> dict[str, Listed]:
            async with await self.wrapped.for_run(ctx) as opened:
                found = await opened.get_tools(ctx)
            listed = {name: Listed(tool.tool_def, tool.max_retries) for name, tool in found.items()}
            return _LISTING.validate_json(_LISTING.dump_json(listed))

        listed = await self._told("list tools", ask, dict[str, Listed])
        return {
            name: ToolsetTool(
                toolset=self, tool_def=each.tool_def, max_retries=each.max_retries, args_validator=_ANY_OBJECT
            )
            for name, each in listed.items()
        }

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> Any:
        async def ask() -> Any:
            async with await self.wrapped.for_run(ctx) as opened:
                known = await _known(opened, tool.tool_def, ctx)
                return await _answered(opened.call_tool(name, tool_args, ctx, known))

        return await _step(self.options, name, ask, Any)

    async def get_instructions(self, ctx: RunContext[Any]) -> Any:
        """Those of a server, if the agent is to have them; of a toolset, if it has a method of its own for that."""
        method = type(self.wrapped).get_instructions
        if method is AbstractToolset.get_instructions or not getattr(self.wrapped, "include_instructions", True):
            return None

        async def ask() -> Any:
            async with await self.wrapped.for_run(ctx) as opened:
                return INSTRUCTIONS.settled(await opened.get_instructions(ctx))

        return await self._told("instructions", ask, Instructions)

    def visit_and_replace(
        self, visitor: Callable[[AbstractToolset[Any]], AbstractToolset[Any]]
    ) -> AbstractToolset[Any]:
        return self

    async def _told(self, name: str, ask: Callable[[], Awaitable[Any]], returns: Any) -> Any:
        """Asked once in a run, if the toolset keeps its listing (``cache_tools``), and for each request otherwise."""
        if name in self._kept:
            return self._kept[name]
        steps = current_context().options(type=returns, retry=self.options.tool_retry)
        told = await steps.run(f"{self.options.prefix}{name}", ask)
        if getattr(self.wrapped, "cache_tools", False):
            self._kept[name] = told
        return told


async def _known(toolset: AbstractToolset[Any], described: ToolDefinition, ctx: RunContext[Any]) -> ToolsetTool[Any]:
    """A toolset's own tool. Newer versions of the library make it from the description, without another listing."""
    find = getattr(toolset, "get_tool_for_tool_def", None)
    found: ToolsetTool[Any] = (
        (await toolset.get_tools(ctx))[described.name] if find is None else await find(described, ctx)
    )
    return found


async def _answered(call: Awaitable[Any]) -> Any:
    """The library tells the model of a connection that was lost, as of a tool's error; here the call is made again."""
    try:
        return await call
    except raised.ModelRetry as error:
        if is_unanswered(error.__cause__):
            raise ConnectionError(f"the server has not answered: {error}") from error
        raise
