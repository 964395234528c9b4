"""Tries an installed package, with nothing of the tree on the path: commands, the page's files, a call that is
journaled by the embedded runtime. Run by ``try-wheel`` and by cibuildwheel after each build.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import sysconfig
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import restate_reflect
from restate_reflect import Context, ObjectContext
from restate_reflect.testing import TestEnvironment


class Counter:
    async def add(self, ctx: ObjectContext, by: int) -> int:
        total = (await ctx.get("total", int) or 0) + by
        ctx.set("total", total)
        return total


class Greeter:
    async def greet(self, ctx: Context, name: str) -> str:
        count = await ctx.call(Counter.add, 1, key=name)
        return await ctx.run("greeting", lambda: f"Hello {name}, for the {count}. time")


async def served() -> str:
    async with TestEnvironment(Greeter, Counter) as env:
        await env.call(Greeter.greet, "world")
        return str(await env.call(Greeter.greet, "world"))


def main() -> None:
    place = Path(restate_reflect.__file__).resolve()
    assert place.is_relative_to(Path(sysconfig.get_path("platlib")).resolve()), f"imported from {place}"
    assert files("restate_reflect.page").joinpath("static", "index.html").is_file(), "the page's files are missing"
    assert files("restate_reflect").joinpath("py.typed").is_file(), "py.typed is missing"
    assert asyncio.run(served()) == "Hello world, for the 2. time"
    shown = subprocess.run(
        [sys.executable, "-m", "restate_reflect", "--version"], capture_output=True, text=True, check=True
    )
    assert version("restate-reflect") in shown.stdout, shown.stdout
    extensions = [path.name for path in place.parent.rglob("*") if path.suffix in (".so", ".pyd")]
    print(f"restate-reflect {version('restate-reflect')} works from {place.parent}; {len(extensions)} extensions")


if __name__ == "__main__":
    main()
