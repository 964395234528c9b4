"""``restate-reflect check`` over many invocations in flight: time, CPU and memory of its process.

On a restate-server and, with a fifth of them, on the embedded runtime (``dev``); each invocation has a journal of 20
entries and waits for a signal. It is measured with a tenth of them and with all: the memory must not grow with them.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import IO, Any, Final

import aiohttp

from benchmarks.report import Options, Outcome, markdown
from benchmarks.servers import ROOT, Peer, running
from restate_reflect import ObjectContext
from restate_reflect.ingress import AdminClient, AdminError
from restate_reflect.server import RestateServer, ServerSettings

__all__ = ["Journey", "run"]

TARGET: Final = "benchmarks.checking:Journey"
MOST: Final = 10_000
ENTRIES: Final = 20
AT_ONCE: Final = 50
_SERVING: Final = Peer("journeys", ("-m", "restate_reflect", "serve", TARGET, "--port", "{port}"), own_python=True)
_PATIENCE: Final = 600.0
"""Seconds until all of them wait."""


class Journey:
    """Input, state read and set twice, eight steps with their results; and a signal that never comes."""

    async def go(self, ctx: ObjectContext, text: str) -> str:
        known = await ctx.get("known", str, default="")
        ctx.set("known", text)
        for number in range(8):
            text = await ctx.run(f"step {number}", _step, text, number)
        ctx.set("known", f"{known}, {text}")
        return await ctx.signal("arrived", str)


async def _step(text: str, number: int) -> str:
    return f"{text[:40]} {number}"


@dataclass(frozen=True, slots=True)
class Engine:
    """What the invocations are in flight on."""

    name: str
    ingress_url: str
    admin_url: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What one check took."""

    engine: str
    invocations: int
    entries: int
    seconds: float
    cpu_seconds: float
    peak_mib: float


# ---------------------------------------------------------------- engines


@contextmanager
def _server() -> Iterator[Engine]:
    with running(_SERVING) as served, RestateServer(ServerSettings(inactivity_timeout=0)) as server:
        server.register(f"http://127.0.0.1:{served.port}")
        yield Engine("restate-server", server.ingress_url, server.admin_url)


@contextmanager
def _embedded() -> Iterator[Engine]:
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as log:  # a pipe would fill up
        words = ["dev", TARGET, "--data-dir", folder, "--no-docs", "--ingress-port", "0", "--admin-port", "0"]
        process = subprocess.Popen([sys.executable, "-m", "restate_reflect", *words], cwd=ROOT, stdout=log)
        try:
            ingress_url, admin_url = _urls(log)
            yield Engine("embedded", ingress_url, admin_url)
        finally:
            process.terminate()
            process.wait()


def _urls(log: IO[str]) -> list[str]:
    """Of ingress and admin API, once ``dev`` has registered the services; it names them in its first line."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        log.seek(0)
        urls = re.findall(r"http://[\d.:]+(?=,|\n)", log.readline())
        if len(urls) == 2:
            asyncio.run(_served(urls[1]))
            return urls
        time.sleep(0.1)
    raise RuntimeError(f"dev names no ports after {_PATIENCE:g} s")


async def _served(admin_url: str) -> None:
    """Until the first revision is registered; ``dev`` names its ports before."""
    deadline = time.monotonic() + _PATIENCE
    async with AdminClient(admin_url) as admin:
        while time.monotonic() < deadline:
            with suppress(AdminError):
                if await admin.services():
                    return
            await asyncio.sleep(0.1)
    raise RuntimeError(f"dev serves nothing after {_PATIENCE:g} s")


# ---------------------------------------------------------------- invocations


async def _begin(engine: Engine, first: int, last: int) -> int:
    """Starts those numbers, waits until they wait; the entries of one journal."""
    numbers = iter(range(first, last))

    async def sender(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            url = f"{engine.ingress_url}/Journey/{number}/go/send"
            async with session.post(url, json=f"journey {number} " + "x" * 100) as answer:
                answer.raise_for_status()

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(sender(session) for _ in range(AT_ONCE)))
    async with AdminClient(engine.admin_url, timeout=_PATIENCE) as admin:
        return await _waiting(admin, last)


async def _waiting(admin: AdminClient, count: int) -> int:
    deadline = time.monotonic() + _PATIENCE
    sql = f"SELECT count(*) AS n FROM sys_invocation WHERE target_handler_name = 'go' AND journal_size >= {ENTRIES}"
    while (found := (await admin.query(sql))[0]["n"]) < count:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{found} of {count} invocations wait after {_PATIENCE:g} s")
        await asyncio.sleep(2)
    (some, *_) = await admin.invocations(handler="go", limit=1)
    return some.journal_size


# ---------------------------------------------------------------- the check


_WATCHED: Final = """
import pathlib, sys
from restate_reflect.cli import main
try:
    main()
finally:
    print(next(line for line in pathlib.Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line),
          file=sys.stderr)
"""
"""The command, which tells its peak at the end: that of ``wait4`` begins with what its parent had when it forked."""


def _check(engine: Engine, count: int, entries: int) -> Checked:
    command = [sys.executable, "-c", _WATCHED, "check", TARGET, "--against", engine.admin_url, "--json"]
    began = time.perf_counter()
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as told:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=told)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        output.seek(0)
        told.seek(0)
        _verify(json.loads(output.read()), count)
        peak = int(told.read().split()[-2]) / 1024
    return Checked(engine.name, count, entries, seconds, used.ru_utime + used.ru_stime, peak)


def _verify(report: Any, count: int) -> None:
    (row,) = [each for each in report["handlers"] if each["name"] == "Journey/go"]
    if not report["fits"] or row["replayed"] != count:
        raise RuntimeError(f"the code fits, and this was found: {report}")


def _measure(most: int) -> Iterator[Checked]:
    for start, whole in ((_server, most), (_embedded, most // 5)):
        with start() as engine:
            before = 0
            for count in (whole // 10, whole):
                entries = asyncio.run(_begin(engine, before, count))
                before = count
                yield _check(engine, count, entries)


def run(options: Options) -> Outcome:
    """A row for each engine and number."""
    most = MOST // 20 if options.quick else MOST
    found = [*_measure(most)]
    head = ["", "invocations", "entries each", "s", "CPU s", "peak RSS, MiB"]
    rows = [[*asdict(each).values()] for each in found]
    return Outcome([asdict(each) for each in found], markdown(head, rows))
