"""The capability that makes an agent durable."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

from pydantic_ai import Agent, RunContext
from pydantic_ai.capabilities import AbstractCapability, CapabilityOrdering
from pydantic_ai.exceptions import UnexpectedModelBehavior, UsageLimitExceeded
from pydantic_ai.messages import ModelResponse
from pydantic_ai.models import ModelRequestContext
from pydantic_ai.toolsets import AbstractToolset

from restate_reflect.agents.budgets import TokenBudget
from restate_reflect.agents.endings import final
from restate_reflect.agents.places import handler_context
from restate_reflect.agents.pydantic_ai.model import DurableModel
from restate_reflect.agents.pydantic_ai.options import EventCallback, Options
from restate_reflect.agents.pydantic_ai.toolsets import durable_toolset
from restate_reflect.durable.at_once import AT_ONCE
from restate_reflect.options import RetryPolicy

__all__ = ["Durability"]

_FINAL: Final = (UsageLimitExceeded, UnexpectedModelBehavior)
"""Errors of a run that are the same on every replay."""


class Durability(AbstractCapability[Any]):
    """Makes an agent durable in handlers: ``Agent(…, capabilities=[Durability()])``. Elsewhere it changes nothing.

    Model requests are steps; tools are steps unless they are ``inline``; MCP servers are asked in steps. Plain
    functions (of instructions, say) run at once, on the handler's loop. What ends a run for good
    (``UsageLimitExceeded``, ``UnexpectedModelBehavior``) is a ``TerminalError`` as well.

    Args:
        name: Goes before the names of steps, where a handler runs several agents.
        retry: Of model requests. Without it they are tried until they succeed.
        tool_retry: Of tools; likewise.
        budget: That model requests are counted in.
        on_event: Gets the events of models' streams while they come, in the step: not on replay, and again if the step
            is retried. With it every request is streamed.
    """

    def __init__(
        self,
        name: str = "",
        *,
        retry: RetryPolicy | None = None,
        tool_retry: RetryPolicy | None = None,
        budget: TokenBudget | None = None,
        on_event: EventCallback | None = None,
    ) -> None:
        self._options = Options(f"{name}: " if name else "", retry, tool_retry, budget, on_event)

    def get_ordering(self) -> CapabilityOrdering | None:
        """Innermost: what other capabilities do is handler code, and replays."""
        return CapabilityOrdering(position="innermost")

    async def wrap_run(self, ctx: RunContext[Any], *, handler: Callable[[], Awaitable[Any]]) -> Any:
        """Plain functions at once."""
        if handler_context() is None:
            return await handler()
        with Agent.using_thread_executor(AT_ONCE):
            return await handler()

    async def on_run_error(self, ctx: RunContext[Any], *, error: BaseException) -> Any:
        """What ends the run for good ends the invocation."""
        if isinstance(error, _FINAL) and handler_context() is not None:
            raise final(error) from error
        raise error

    async def wrap_model_request(
        self,
        ctx: RunContext[Any],
        *,
        request_context: ModelRequestContext,
        handler: Callable[[ModelRequestContext], Awaitable[ModelResponse]],
    ) -> ModelResponse:
        """A model in place of the one that was chosen, whichever it is."""
        if handler_context() is None:
            return await handler(request_context)
        return await handler(replace(request_context, model=DurableModel(request_context.model, self._options)))

    def get_wrapper_toolset(self, toolset: AbstractToolset[Any]) -> AbstractToolset[Any] | None:
        """Each toolset of functions or of a server, wrapped."""
        if handler_context() is None:
            return None
        return toolset.visit_and_replace(lambda leaf: durable_toolset(leaf, self._options))
