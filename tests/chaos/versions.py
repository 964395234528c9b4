"""A version of the endpoint: two replicas with two workers each, behind one address."""

from __future__ import annotations

import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

from tests.chaos.address import Address
from tests.support import ServedProcess

__all__ = ["TARGETS", "Replica", "Version"]

TARGETS = [f"tests.chaos.program:{name}" for name in ("Ledger", "Mailbox", "Flow", "make_desk", "make_span")]
_OPTIONS = ("--workers", "2", "--grace", "20")


class Replica(ServedProcess):
    """A supervisor with its workers."""

    start_timeout = 180.0
    """Six processes start beside the load; with 15 times as many busy processes as cores 60 s were short."""

    def kill(self) -> None:
        """SIGKILL for all of them."""
        workers = self.workers()
        if self.process is not None:
            self.process.kill()
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        super().kill()

    def workers(self) -> list[int]:
        """Process ids."""
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
        pairs = (map(int, line.split()) for line in listed.splitlines())
        return [pid for pid, parent in pairs if self.process is not None and parent == self.pid]


class Version:
    """Code with a name, and where it is served; a context manager."""

    def __init__(self, name: str, file: Path) -> None:
        env = {"CHAOS_FILE": str(file), "CHAOS_VERSION": name}
        self.name = name
        self.replicas = [Replica(*TARGETS, *_OPTIONS, env=env) for _ in range(2)]
        self.deployment = ""
        """Its id, once it is registered."""
        self._stack = ExitStack()

    def __enter__(self) -> Version:
        with ExitStack() as stack:
            for replica in self.replicas:
                stack.callback(replica.kill)
            with ThreadPoolExecutor(len(self.replicas)) as threads:
                list(threads.map(Replica.start, self.replicas))
            self.address = stack.enter_context(Address([replica.port for replica in self.replicas]))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        return self.address.url

    def stop(self) -> None:
        """Ends it gracefully; every supervisor must end with code 0."""
        codes = [replica.stop() for replica in self.replicas]
        assert codes == [0, 0], f"version {self.name} ended with {codes}: {''.join(self.replicas[0].output[-20:])}"
        self._stack.close()
