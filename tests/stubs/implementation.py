"""What is served by another process; callers must not import it. ``python -m restate_reflect serve`` loads it."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta

from pydantic import BaseModel, Field

from restate_reflect import (
    Context,
    ObjectContext,
    ObjectSharedContext,
    WorkflowContext,
    WorkflowSharedContext,
    handler,
    service,
)


class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"


class Part(BaseModel):
    name: str
    weight: float | None = None


class Job(BaseModel):
    """What is made."""

    id: int = Field(ge=1)
    parts: list[Part]
    size: Size = Size.SMALL
    due: datetime | None = None


class Result(BaseModel):
    text: str
    took: timedelta


@service(name="acme.Workshop")
class Workshop:
    """Makes things.

    Says "done" at the end: \\o/"""

    async def make(self, ctx: Context, job: Job) -> Result:
        """Makes one."""
        text = f"{job.size.value}:{'+'.join(part.name for part in job.parts)}"
        return Result(text=text, took=timedelta(seconds=job.id))

    async def cut(self, ctx: Context, length: int, size: Size = Size.LARGE, *, label: str = "cut") -> str:
        return f"{label} {length} {size.value}"

    async def sizes(self, ctx: Context, names: list[str]) -> dict[str, Size]:
        return dict.fromkeys(names, Size.SMALL)

    async def invert(self, ctx: Context, data: bytes) -> bytes:
        return bytes(255 - byte for byte in data)

    @handler(name="del")
    async def remove(self, ctx: Context) -> None:
        return None


class Bin:
    async def put(self, ctx: ObjectContext, part: Part) -> int:
        parts = await ctx.get("parts", list[str], default=[])
        ctx.set("parts", [*parts, part.name])
        return len(parts) + 1

    async def content(self, ctx: ObjectSharedContext) -> list[str]:
        return await ctx.get("parts", list[str], default=[])


class Assembly:
    async def run(self, ctx: WorkflowContext, steps: int) -> str:
        return f"{steps} steps, {await ctx.promise('go', str)}"

    async def go(self, ctx: WorkflowSharedContext, word: str) -> None:
        await ctx.promise("go", str).resolve(word)
