"""The event loop a command runs on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from restate_reflect.processes.exhaustion import tell_exhaustion_once

__all__ = ["LOOPS", "run"]

T = TypeVar("T")

LOOPS = ("auto", "asyncio", "uvloop")


def run(main: Coroutine[Any, Any, T], loop: str = "auto") -> T:
    """``asyncio.run`` on one of ``LOOPS``; ``auto`` is uvloop if it is installed (extra ``fast``)."""
    with asyncio.Runner(loop_factory=_factory(loop)) as runner:
        tell_exhaustion_once(runner.get_loop())
        return runner.run(main)


def _factory(loop: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    if loop == "asyncio":
        return None
    try:
        import uvloop
    except ImportError:
        if loop == "uvloop":
            raise SystemExit("--loop uvloop: uvloop is missing. Run: pip install 'restate-reflect[fast]'") from None
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
