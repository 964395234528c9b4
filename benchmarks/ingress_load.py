"""Load on the ingress of a restate-server: so many calls at once, each followed by the next.

    python -m benchmarks.ingress_load INGRESS_URL WORKLOAD CALLS AT_ONCE

Prints calls completed, calls lost by reason, seconds, p50 and p99 in ms as one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

import aiohttp

__all__ = ["CALLS"]

KEYS: Final = 500
"""Of the virtual object: calls to one key wait for each other, which is not what is measured."""
_TIMEOUT: Final = 20.0

CALLS: Final[dict[str, tuple[Callable[[int], str], bytes]]] = {
    "greet": (lambda number: "/Greeter/greet", b'{"name":"Ada"}'),
    "add": (lambda number: f"/Counter/key{number % KEYS}/add", b"5"),
    "steps": (lambda number: "/Steps/ten", b'{"name":"Ada"}'),
    "calls": (lambda number: "/Calls/ten", b'{"name":"Ada"}'),
}


class Load:
    """The calls, and what came of them."""

    def __init__(self, session: aiohttp.ClientSession, workload: str, calls: int) -> None:
        self._session = session
        self._path, self._body = CALLS[workload]
        self._numbers: Iterator[int] = iter(range(calls))
        self.latencies: list[float] = []
        self.lost: Counter[str] = Counter()

    async def caller(self) -> None:
        """Calls until nothing is left to call."""
        for number in self._numbers:
            began = time.perf_counter()
            try:
                await self._call(number)
            except TimeoutError:
                self.lost[f"no answer within {_TIMEOUT:g} s"] += 1
            except aiohttp.ClientError as error:
                self.lost[type(error).__name__] += 1
            else:
                self.latencies.append((time.perf_counter() - began) * 1000)

    async def _call(self, number: int) -> None:
        async with self._session.post(self._path(number), data=self._body) as response:
            await response.read()
            response.raise_for_status()


async def load(url: str, workload: str, calls: int, at_once: int) -> dict[str, object]:
    """Runs it."""
    timeout, headers = aiohttp.ClientTimeout(_TIMEOUT), {"content-type": "application/json"}
    connector = aiohttp.TCPConnector(limit=at_once)
    async with aiohttp.ClientSession(url, connector=connector, timeout=timeout, headers=headers) as session:
        run = Load(session, workload, calls)
        began = time.perf_counter()
        await asyncio.gather(*(run.caller() for _ in range(at_once)))
        seconds = time.perf_counter() - began
    ordered = sorted(run.latencies) or [float("nan")]
    return {
        "completed": len(run.latencies),
        "lost": dict(run.lost),
        "seconds": seconds,
        "p50_ms": ordered[len(ordered) // 2],
        "p99_ms": ordered[int(len(ordered) * 0.99)],
    }


def main() -> None:
    url, workload, calls, at_once = sys.argv[1:]
    print(json.dumps(asyncio.run(load(url, workload, int(calls), int(at_once)))))


if __name__ == "__main__":
    main()
