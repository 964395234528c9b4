"""The workers that were started together and run the same code."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import click

from restate_reflect.processes.terminal import Terminal
from restate_reflect.processes.worker import Worker, WorkerEndedError

__all__ = ["Generation"]

_STEADY = 1.0
"""Seconds: a worker that lived longer is replaced at once; a sooner end doubles the delay."""
_LONGEST_DELAY = 5.0
_GIVING_UP = 5.0
"""Seconds of grace for workers of a start that failed: none has served yet, and some may be entering a service."""


class Generation:
    """Keeps ``count`` workers running, from ``start`` to ``stop``."""

    def __init__(self, count: int, arguments: Sequence[str], terminal: Terminal) -> None:
        self._count, self._arguments, self._terminal = count, arguments, terminal
        self._workers: list[Worker] = []
        self._keepers: list[asyncio.Task[None]] = []

    @property
    def files(self) -> set[str]:
        """User files that the workers have loaded, also by those which failed."""
        return {file for worker in self._workers for file in worker.files}

    async def start(self) -> int:
        """Starts the workers; the port, once all of them listen.

        If one ends first, or the caller gives up, the others are stopped: they leave what their services have entered.

        Raises:
            WorkerEndedError: with the exit code of the first one that ended.
        """
        try:
            for number in range(self._count):
                self._workers.append(await Worker.start(number, self._arguments, self._terminal))
            ports = await asyncio.gather(*(worker.ready() for worker in self._workers))
        except BaseException:
            await self._end(_GIVING_UP)
            raise
        self._keepers = [asyncio.create_task(self._keep(number)) for number in range(self._count)]
        return ports[0]

    async def stop(self, grace: float) -> None:
        """Ends all workers gracefully."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await self._end(grace)

    async def _end(self, grace: float) -> None:
        await asyncio.gather(*(worker.stop(grace) for worker in self._workers))

    async def _keep(self, number: int) -> None:
        delay = 0.0
        while True:
            worker, since = self._workers[number], time.monotonic()
            code = await worker.ended()
            delay = 0.0 if time.monotonic() - since > _STEADY else min(max(0.1, delay * 2), _LONGEST_DELAY)
            click.echo(f"worker {number} (pid {worker.pid}) ended with {_described(code)}; starting another", err=True)
            await asyncio.sleep(delay)
            self._workers[number] = await Worker.start(number, self._arguments, self._terminal)
            try:
                await self._workers[number].ready()
            except WorkerEndedError:
                pass  # the next turn reports it


def _described(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
