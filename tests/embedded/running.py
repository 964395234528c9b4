"""What the tests of the embedded runtime share."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec

from restate_reflect.embedded import Outcome, Runtime, RuntimeSettings, Store, VirtualClock

P = ParamSpec("P")


def asynchronous(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Runs a coroutine test on a loop of its own; a test that hangs fails after 30 s."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), 30))

    return run


async def runtime_with(*services: Any, store: Store | None = None, auto_skip: bool = True, **settings: Any) -> Runtime:
    """A runtime on virtual time with these services."""
    runtime = Runtime(store, VirtualClock(auto_skip=auto_skip), settings=RuntimeSettings(**settings))
    await runtime.deploy(*services)
    return runtime


async def call(runtime: Runtime, service: str, handler: str, value: Any = ..., **options: Any) -> Any:
    """The decoded output of a call; raises its failure."""
    body = b"" if value is ... else json.dumps(value).encode()
    outcome = await runtime.invoke(service, handler, body, **options)
    return decoded(outcome)


def decoded(outcome: Outcome) -> Any:
    data = outcome.unwrap()
    return json.loads(data) if data else None
