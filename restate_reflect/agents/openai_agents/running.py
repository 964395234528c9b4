"""``Runner.run`` in a handler."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from agents import Agent, MaxTurnsExceeded, Model, RunConfig, Runner, RunResult
from agents.exceptions import InputGuardrailTripwireTriggered, OutputGuardrailTripwireTriggered

from restate_reflect.agents.endings import final
from restate_reflect.agents.openai_agents.model import DurableModel, DurableProvider, Options
from restate_reflect.agents.openai_agents.servers import refuse_other_servers

__all__ = ["durable_config", "run"]

_FINAL: Final = (MaxTurnsExceeded, InputGuardrailTripwireTriggered, OutputGuardrailTripwireTriggered)
"""Errors of a run that are the same on every replay."""


def durable_config(config: RunConfig | None = None, options: Options | None = None) -> RunConfig:
    """A configuration whose models are durable, of all agents of a run that name theirs.

    An agent that holds a ``Model`` itself takes a ``DurableModel`` around it. Tracing is off: the library's own has
    threads and clocks; see ``restate_reflect.telemetry``.
    """
    given = config or RunConfig()
    model = DurableModel(given.model, options) if isinstance(given.model, Model) else given.model
    provider = DurableProvider(given.model_provider, options)
    return replace(given, model=model, model_provider=provider, tracing_disabled=True)


async def run(
    agent: Agent[Any],
    input: Any,
    *,
    options: Options | None = None,
    run_config: RunConfig | None = None,
    **others: Any,
) -> RunResult:
    """``Runner.run``, in a handler: with ``durable_config``, and ends that are final.

    Args:
        agent: The first one.
        input: As ``Runner.run`` takes it.
        options: Of model requests.
        run_config: Whose models are made durable.
        others: Of ``Runner.run``.

    Raises:
        TerminalError: A tool raised one; or ``MaxTurnsExceeded`` or the tripwire of a guardrail, which are
            ``TerminalError`` as well.
        HandlerBugError: An agent has an MCP server that is no ``DurableServer``.
    """
    refuse_other_servers(agent)
    try:
        return await Runner.run(agent, input, run_config=durable_config(run_config, options), **others)
    except _FINAL as error:
        raise final(error) from error
