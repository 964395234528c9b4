"""Kills endpoint and server at random moments, and starts them again."""

from __future__ import annotations

import random
import threading
from collections import Counter

from restate_reflect.server import RestateServer
from tests.support import ServedProcess

__all__ = ["Killer"]

PAUSES = (0.3, 2.5)
"""Seconds between a restart and the next kill, at least and at most."""


class Killer:
    """A thread; a context manager. Leaving it, both run."""

    def __init__(self, server: RestateServer, endpoint: ServedProcess, seed: int) -> None:
        self.killed: Counter[str] = Counter()
        self._server, self._endpoint = server, endpoint
        self._chance = random.Random(seed)
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="killer", daemon=True)

    def __enter__(self) -> Killer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Waits for the last restart; raises what went wrong in the thread."""
        self._stop.set()
        self._thread.join(120)
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while not self._stop.wait(self._chance.uniform(*PAUSES)):
                self._kill()
        except BaseException as error:
            self._error = error

    def _kill(self) -> None:
        """The endpoint twice as often as the server, sometimes both: the server comes back slower."""
        victims = self._chance.choice([["endpoint"], ["endpoint"], ["server"], ["endpoint", "server"]])
        for victim in victims:
            (self._endpoint if victim == "endpoint" else self._server).kill()
            self.killed[victim] += 1
        for victim in victims:
            (self._endpoint if victim == "endpoint" else self._server).start()
