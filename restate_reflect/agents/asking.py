"""A human's word, in the middle of an agent's run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from restate_reflect.context import current_context

__all__ = ["ask_human"]

T = TypeVar("T")


async def ask_human(
    tell: Callable[..., Any], /, *args: Any, answer: type[T], within: timedelta | None = None, name: str = "ask"
) -> T:
    """Tells somebody, in a step, and waits for the answer; for an ``inline`` tool.

    Args:
        tell: Gets ``args``, and last the id of the awakeable to which the answer goes.
        args: Of ``tell``.
        answer: The answer's type.
        within: How long to wait; for ever otherwise. The invocation suspends meanwhile.
        name: Of the step.

    Raises:
        TimeoutError: Nobody has answered in time.
        TerminalError: The awakeable was rejected.
    """
    ctx = current_context()
    expected = ctx.awakeable(answer)
    await ctx.run(name, tell, *args, expected.id)
    async with asyncio.timeout(None if within is None else within.total_seconds()):
        return await expected
