"""What is being killed in ``test_kill.py``: workflows whose steps write to a file, and an object that counts."""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path

from restate_reflect import ObjectContext, ObjectSharedContext, State, WorkflowContext

STEPS = 5
COUNTERS = 4


class ChaosCounter:
    """Counts the calls it gets."""

    count = State(int, default=0)

    async def increase(self, ctx: ObjectContext) -> int:
        total = await ctx.get(self.count) + 1
        ctx.set(self.count, total)
        return total

    async def value(self, ctx: ObjectSharedContext) -> int:
        return await ctx.get(self.count)


class ChaosWorkflow:
    """Five steps with a side effect, and a call after each."""

    def __init__(self, file: Path) -> None:
        self.file = file

    async def run(self, ctx: WorkflowContext, number: int) -> list[str]:
        tokens = []
        for step in range(STEPS):
            tokens.append(await ctx.run(f"step-{step}", self.effect, ctx.key, step))
            await ctx.call(ChaosCounter.increase, key=str((number + step) % COUNTERS))
        return tokens

    def effect(self, key: str, step: int) -> str:
        """Appends a line, atomically, and returns what is unique in it."""
        token = uuid.uuid4().hex
        time.sleep(0.005)
        with self.file.open("a") as file:
            file.write(f"{key} {step} {token}\n")
        return token


def make_workflow() -> ChaosWorkflow:
    """The target of ``serve``; the file comes from the environment."""
    return ChaosWorkflow(Path(os.environ["CHAOS_FILE"]))
