"""Fleet of devices: firmware updates, telemetry, alarms."""

from __future__ import annotations

import asyncio
import os
import random
import smtplib
import sqlite3
import sys
import time
import uuid
from contextlib import suppress
from datetime import datetime
from typing import Protocol

from restate_reflect import Context, ObjectContext, ObjectSharedContext, State, TerminalError, service


class Clock(Protocol):
    def now(self) -> float: ...


class SystemClock:
    def now(self) -> float:
        return time.time()  # expect: RR101


class Registry:
    def __init__(self, path: str) -> None:
        self.path = path
        self.known: list[str] = []

    def lookup(self, device: str) -> str:
        db = sqlite3.connect(self.path)  # expect: RR105/RR106/RR109
        return str(db.execute("select model from device where id = ?", (device,)).fetchone()[0])

    def note(self, device: str) -> None:
        self.known.append(device)  # expect: RR302


def mail(text: str) -> None:
    with smtplib.SMTP("mail.example") as server:  # expect: RR106
        server.sendmail("fleet@example.com", ["ops@example.com"], text)


class Alarm(Exception):
    pass


@service(name="fleet.Device")
class Device:
    firmware = State(str)
    alarms = State(list[str], default=[])

    def __init__(self, registry: Registry, clock: SystemClock) -> None:
        self.registry = registry
        self.clock = clock
        self.last_seen: dict[str, float] = {}

    async def update(self, ctx: ObjectContext, version: str) -> str:
        model = self.registry.lookup(ctx.key)
        self.registry.note(ctx.key)
        began = self.clock.now()
        await ctx.run("flash", print, model, version)
        ctx.set(Device.firmware, version)
        return f"{version} since {began}"

    async def telemetry(self, ctx: ObjectContext, value: float) -> None:
        self.last_seen[ctx.key] = value  # expect: RR302
        if value > 90:
            mail(f"{ctx.key} is hot")

    async def heartbeat(self, ctx: ObjectContext) -> None:
        while True:  # expect: RR205
            if self.last_seen.get(ctx.key, 0) > 0:
                break

    async def alarm(self, ctx: ObjectContext, text: str) -> None:
        alarms = await ctx.get(Device.alarms)
        alarms.append(f"{datetime.utcnow()}: {text}")  # expect: RR101
        ctx.set(Device.alarms, alarms)

    async def acknowledge(self, ctx: ObjectContext) -> None:
        with suppress(BaseException):  # expect: RR201
            await ctx.run("ack", print, ctx.key)

    async def reboot(self, ctx: ObjectContext) -> int:
        code = os.system(f"ssh {ctx.key} reboot")  # expect: RR108
        if code:
            raise TerminalError("could not be rebooted")
        return code

    async def version(self, ctx: ObjectSharedContext) -> str:
        return await ctx.get(Device.firmware) or os.environ.get("DEFAULT_FIRMWARE", "1.0")  # expect: RR104

    async def selftest(self, ctx: ObjectContext) -> str:
        order = ["radio", "disk", "fan"]
        random.Random().shuffle(order)  # expect: RR102
        for part in order:
            await ctx.run(part, print, part)
        return order[0]


class Rollout:
    async def start(self, ctx: Context, devices: list[str]) -> str:
        rollout = str(uuid.uuid4())  # expect: RR103
        sample = random.sample(devices, k=min(3, len(devices)))  # expect: RR102
        await asyncio.gather(*(ctx.call(Device.update, "2.0", key=device) for device in sample))
        for device in set(devices) - set(sample):  # expect: RR110
            ctx.send(Device.update, "2.0", key=device)
        return rollout

    async def watch(self, ctx: Context, devices: list[str]) -> None:
        try:
            async with asyncio.timeout(3600):
                await asyncio.gather(*[ctx.call(Device.version, key=device) for device in devices])
        except (TimeoutError, asyncio.CancelledError):  # expect: RR202
            ctx.log.warning("gave up")

    async def console(self, ctx: Context) -> str:
        answer = input("roll out? ")  # expect: RR105/RR109
        print(answer, file=sys.stderr)
        return answer

    async def retry(self, ctx: Context, device: str) -> None:
        deadline = time.monotonic() + 60  # expect: RR101
        while time.monotonic() < deadline:  # expect: RR101
            with suppress(TerminalError):
                await ctx.call(Device.update, "2.0", key=device)
                return
            await ctx.sleep(5)
