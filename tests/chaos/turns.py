"""Kills nodes and endpoints in turn, rolls new versions of the endpoints through, and ends the old ones."""

from __future__ import annotations

import itertools
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from restate_reflect import RetryPolicy
from restate_reflect.ingress import SyncClient
from restate_reflect.server import RestateServer
from tests.chaos.cluster import Cluster
from tests.chaos.invariants import eventually, query
from tests.chaos.program import Span
from tests.chaos.versions import Replica, Version

__all__ = ["Turns"]

PAUSES = (1.5, 4.0)
"""Seconds between a restart and the next kill. A partition whose leader was killed is led again after 0.6 to 8 s."""
DOWN = (0.0, 3.0)
"""Seconds that whoever was killed stays away."""
BETWEEN_VERSIONS = 20.0
"""Seconds of kills between the end of one roll and the begin of the next."""
SPANS = 5
"""Workflows that start on one version and are released when the next one is there."""
_PATIENT = RetryPolicy(max_attempts=1000, initial_interval=0.05, max_interval=0.5)


class Turns:
    """A thread; a context manager. Leaving it, all nodes and the newest version run, and the older ones are drained."""

    def __init__(self, cluster: Cluster, file: Path, seed: int) -> None:
        self.killed: Counter[str] = Counter()
        self.spans: dict[str, str] = {}
        """By key of a ``Span``: the version that it began on."""
        self.drained: list[float] = []
        """Seconds from the registration of a new version until nothing ran on the one before."""
        self._cluster, self._file = cluster, file
        self._chance = random.Random(seed)
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="turns", daemon=True)
        self._stack = ExitStack()
        self._numbers = itertools.count(1)
        self._versions: list[Version] = []
        self._replaced: dict[str, float] = {}
        """By name of an old version: when the next one was registered."""
        self._idle: Counter[str] = Counter()
        """By name of an old version: looks in a row that found nothing on it."""
        self._next_roll = time.monotonic() + BETWEEN_VERSIONS / 2
        self._victims = itertools.cycle(self._in_turn())

    def __enter__(self) -> Turns:
        with ExitStack() as stack:
            self._client = stack.enter_context(SyncClient(self._cluster.ingress_urls, retry=_PATIENT, timeout=240))
            self._stack = stack
            self._serve()
            self._thread.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        with self._stack:
            self.stop()

    @property
    def rolls(self) -> int:
        return len(self._replaced)

    @property
    def unfinished(self) -> list[Version]:
        """Old versions on which something may still run."""
        return self._versions[:-1]

    def enough(self) -> bool:
        """Whether each kind was killed and a version has rolled through, or the thread has failed: ``stop`` tells."""
        return self._error is not None or (set(self.killed) == {"node", "endpoint", "worker"} and self.rolls > 0)

    def stop(self) -> None:
        """Waits for the last restart; raises what went wrong in the thread."""
        self._stop.set()
        self._thread.join(240)
        if self._error is not None:
            raise self._error

    def drain(self) -> None:
        """Waits until nothing runs on old versions, and ends them."""
        eventually(self._drained_all, 120.0, "an old version has work left")

    def _drained_all(self) -> bool:
        self._drain()
        return not self.unfinished

    def _run(self) -> None:
        try:
            while not self._stop.wait(self._chance.uniform(*PAUSES)):
                self._drain()
                if time.monotonic() > self._next_roll:
                    self._roll()
                else:
                    self._kill(next(self._victims))
        except BaseException as error:
            self._error = error

    # ---------------------------------------------------------------- killing

    def _in_turn(self) -> Iterator[tuple[str, int]]:
        for number in range(len(self._cluster.nodes)):
            yield "node", number
            yield "endpoint", number % 2
            yield "worker", number % 2

    def _kill(self, victim: tuple[str, int]) -> None:
        kind, number = victim
        self.killed[kind] += 1
        if kind == "node":
            self._kill_and_start(self._cluster.nodes[number])
            return
        replica = self._chance.choice(self._versions).replicas[number]
        if kind == "endpoint":
            self._kill_and_start(replica)
        elif workers := replica.workers():
            with suppress(ProcessLookupError):
                os.kill(self._chance.choice(workers), signal.SIGKILL)  # the supervisor starts another one

    def _kill_and_start(self, victim: RestateServer | Replica) -> None:
        victim.kill()
        self._stop.wait(self._chance.uniform(*DOWN))
        victim.start()

    # ---------------------------------------------------------------- rolling

    def _roll(self) -> None:
        """Under load: what has begun on the old version must end there, and what comes later goes to the new one."""
        old = self._versions[-1]
        keys = [f"span-{old.name}-{number}" for number in range(SPANS)]
        for key in keys:
            self._client.submit(Span.run, key=key)
            self.spans[key] = old.name
        eventually(lambda: self._pinned(old, "target_service_name = 'Span'") == SPANS, 120.0, "workflows do not begin")
        self._serve()
        self._replaced[old.name] = time.monotonic()
        self._kill(next(self._victims))
        for key in keys:
            self._client.call(Span.release, key=key, idempotency_key=key)
        self._next_roll = time.monotonic() + BETWEEN_VERSIONS

    def _serve(self) -> None:
        version = self._stack.enter_context(Version(f"v{next(self._numbers)}", self._file))
        registered: dict[str, Any] = eventually(lambda: self._somebody().register(version.url), 60.0, "not registered")
        version.deployment = registered["id"]
        self._versions.append(version)

    def _drain(self) -> None:
        """Nothing at two looks in a row: a node that has not heard of the new version yet may still use the old one."""
        for old in self.unfinished:
            self._idle[old.name] = 0 if self._pinned(old) else self._idle[old.name] + 1
            if self._idle[old.name] >= 2:
                self.drained.append(time.monotonic() - self._replaced[old.name])
                old.stop()
                self._somebody().admin.request("DELETE", f"/deployments/{old.deployment}?force=true")
                self._versions.remove(old)

    def _pinned(self, version: Version, more: str = "true") -> int:
        where = f"pinned_deployment_id = '{version.deployment}' AND status != 'completed' AND {more}"
        (row,) = query(self._somebody(), f"SELECT count(*) AS n FROM sys_invocation WHERE {where}")
        return int(row["n"])

    def _somebody(self) -> RestateServer:
        return self._chance.choice(self._cluster.nodes)
