"""What a caller gets when the server gives up, on every engine."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from restate_reflect import Context, RetryPolicy, handler
from restate_reflect.server import RestateServer
from tests.support import ServedInThread, call

SECRET = "postgres://user:password@db/shop"
KILL = RetryPolicy(initial_interval=0.01, max_attempts=2, on_max_attempts="kill")


class Accounts:
    options: ClassVar[dict[str, Any]] = {"retry_policy": KILL}

    @handler(**options, error_details="full")
    async def full(self, ctx: Context) -> None:
        raise ConnectionError(SECRET)

    @handler(**options)
    async def default(self, ctx: Context) -> None:
        raise ConnectionError(SECRET)

    @handler(**options, error_details="reference")
    async def reference(self, ctx: Context) -> None:
        raise ConnectionError(SECRET)

    @handler(**options, error_details="reference")
    async def step(self, ctx: Context) -> None:
        await ctx.options(retry=RetryPolicy(max_attempts=1)).run("connect", self._connect)

    def _connect(self) -> None:
        raise ConnectionError(SECRET)


@pytest.mark.server
def test_what_the_ingress_hands_out_is_an_option(any_server: RestateServer) -> None:
    """Exception, file and line; the text alone; where to look."""
    with ServedInThread(Accounts) as served:
        any_server.register(served.url)
        answers = {
            name: call(any_server, "Accounts", name).body.decode() for name in ("full", "default", "reference", "step")
        }
    told = {name: (SECRET in answer, "test_error_details.py" in answer) for name, answer in answers.items()}
    assert told == {
        "full": (True, True),
        "default": (True, False),
        "reference": (False, False),
        "step": (False, False),
    }
    assert "the log of the endpoint has the reason, under inv_" in answers["reference"]
    assert "step 'connect' failed; the log of the endpoint has the reason" in answers["step"]
