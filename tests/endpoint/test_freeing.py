"""What a connection held is free when it is closed."""

from __future__ import annotations

import gc
import time

from restate_reflect import Context
from restate_reflect.endpoint.connections import H2Connection
from tests.chaos.invoker import Invocation, invoke_many
from tests.hostile.peer import attempt
from tests.support import ServedInThread


class Guest:
    async def echo(self, ctx: Context, number: int) -> int:
        return number


def alive() -> int:
    return sum(type(each) is H2Connection for each in gc.get_objects())


def test_a_closed_connection_is_left_to_no_collector() -> None:
    """It remembers how its last 2,000 streams ended: 300 kB each, until the collector looks at its oldest objects."""
    gc.collect()
    before = alive()
    gc.disable()
    try:
        with ServedInThread(Guest) as served:
            invoke_many(served.port, [Invocation("/invoke/Guest/echo", attempt(b"1"))], 20)
            end = time.monotonic() + 20
            while alive() > before:
                assert time.monotonic() < end, "a connection is still there"
                time.sleep(0.01)
    finally:
        gc.enable()
