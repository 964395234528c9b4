"""Deployments that somebody has registered at ``dev``, such as services of other SDKs, are there after a restart."""

from __future__ import annotations

import asyncio
from pathlib import Path

from restate_reflect import Context
from restate_reflect.dev.embedded_engine import EmbeddedEngine
from tests.embedded.running import asynchronous
from tests.support import Answer, ServedInThread, fetch


class Own:
    async def hello(self, ctx: Context) -> str:
        return "own"


class Foreign:
    async def wait(self, ctx: Context) -> str:
        return await ctx.awakeable(str)


async def asked(url: str, *body: object, method: str = "POST") -> Answer:
    return await asyncio.to_thread(fetch, url, *body, method=method)


@asynchronous
async def test_what_was_registered_by_hand_goes_on(tmp_path: Path) -> None:
    """Its invocations, too; what ``dev`` itself has served is gone with it."""
    with ServedInThread(Foreign) as foreign, ServedInThread(Own) as own:
        first = EmbeddedEngine(tmp_path, 0, 0)
        await first.start()
        await first.register(own.port)
        by_hand = (await asked(f"{first.admin_url}/deployments", {"uri": foreign.url})).json["id"]
        waiting = (await asked(f"{first.ingress_url}/Foreign/wait/send")).invocation_id
        await first.close()

        second = EmbeddedEngine(tmp_path, 0, 0)
        await second.start()
        known = (await asked(f"{second.admin_url}/deployments", method="GET")).json["deployments"]
        assert [each["id"] for each in known] == [by_hand]
        await second.register(own.port)
        await asked(f"{second.admin_url}/invocations/{waiting}/cancel", method="PATCH")
        ended = await asked(f"{second.ingress_url}/restate/invocation/{waiting}/attach", method="GET")
        assert ended.status == 409
        assert (await asked(f"{second.ingress_url}/Own/hello")).json == "own"
        await second.close()
