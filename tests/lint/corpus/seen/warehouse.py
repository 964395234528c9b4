"""A warehouse: picks, counts, deliveries. Faults of the outside world, behind names, attributes and helpers."""

from __future__ import annotations

import datetime
import os
import pathlib
import platform
import random
import secrets
import tempfile
import time as clock
import uuid
from datetime import datetime as DateTime
from os import environ, getenv
from random import Random
from time import monotonic as mono
from typing import Any

import restate_reflect
from restate_reflect import Context, ObjectContext, State

now = clock.time
GENERATOR = Random()
FOLDER = pathlib.Path("/var/warehouse")


def stamp() -> str:
    return DateTime.now().isoformat()  # expect: RR101


def age(since: float) -> float:
    return clock.time() - since  # expect: RR101


def read(name: str) -> str:
    return (FOLDER / name).read_text()  # expect: RR105


class Clock:
    @property
    def today(self) -> datetime.date:
        return datetime.date.today()  # expect: RR101

    def tick(self) -> float:
        return mono()  # expect: RR101


class Ids:
    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.last = ""

    def make(self) -> str:
        self.last = f"{self.prefix}{uuid.uuid4()}"  # expect: RR302 RR103
        return self.last


class Warehouse:
    counted = State(int, default=0)

    def __init__(self, ids: Ids, clock: Clock) -> None:
        self.ids = ids
        self.clock = clock
        self.random = Random()

    async def pick(self, ctx: ObjectContext, article: str) -> str:
        number = self.ids.make()
        began = self.clock.tick()
        day = self.clock.today
        await ctx.run("pick", print, article, number, day)
        ctx.log.info("since %s", age(began))
        return stamp()

    async def count(self, ctx: ObjectContext, shelf: str) -> int:
        found = len(read(shelf).splitlines())
        if getenv("RECOUNT"):  # expect: RR104
            found = int(self.random.gauss(found, 1))  # expect: RR102
        ctx.set(Warehouse.counted, found)
        return found

    async def label(self, ctx: ObjectContext, article: str) -> str:
        code = "".join(secrets.choice("0123456789") for _ in range(6))  # expect: RR102
        host = platform.node()  # expect: RR104
        await ctx.run("label", print, article, code, host)
        return code

    async def sample(self, ctx: ObjectContext, articles: list[str]) -> list[str]:
        return GENERATOR.sample(articles, 2)  # expect: RR102

    async def scan(self, ctx: ObjectContext) -> list[str]:
        return [each.name for each in FOLDER.iterdir() if each.is_file()]  # expect: RR105

    async def export(self, ctx: ObjectContext, rows: list[str]) -> str:
        with tempfile.NamedTemporaryFile("w", delete=False) as file:  # expect: RR105
            file.write("\n".join(rows))
        return file.name

    async def region(self, ctx: ObjectContext) -> str:
        return environ["REGION"]  # expect: RR104

    async def weekday(self, ctx: ObjectContext) -> str:
        return clock.strftime("%A")  # expect: RR101

    async def worker(self, ctx: ObjectContext) -> int:
        return os.getpid()  # expect: RR104

    async def bucket(self, ctx: ObjectContext, article: str) -> int:
        key = id(article)  # expect: RR111
        return key % 10

    async def lottery(self, ctx: ObjectContext, names: list[str]) -> str:
        weights = [random.betavariate(1, 2) for _ in names]  # expect: RR102
        return max(zip(weights, names, strict=True))[1]

    async def salt(self, ctx: ObjectContext) -> str:
        return os.urandom(8).hex()  # expect: RR102

    async def order(self, ctx: ObjectContext, articles: list[str]) -> list[str]:
        return sorted(articles, key=lambda article: random.random())  # expect: RR102

    async def late(self, ctx: ObjectContext, due: datetime.datetime) -> bool:
        return DateTime.now(datetime.UTC) > due  # expect: RR101


class Gate(restate_reflect.patterns.Outbox[str]):
    async def deliver(self, id: str, message: str) -> None:
        """A step of the pattern: it may do what it likes."""
        (FOLDER / id).write_text(message)


async def shared(ctx: Context, what: Any) -> None:
    """A helper of several services."""
    await ctx.run("note", print, what)
    print(uuid.uuid1())  # expect: RR103


class Doors:
    async def open(self, ctx: Context, door: int) -> None:
        await shared(ctx, door)
        started = now()  # expect: RR101
        await ctx.run(f"open {started}", print, door)  # expect: RR305
