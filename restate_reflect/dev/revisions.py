"""Revisions of the user's code: one process each, started at a save, ended when nothing runs on it any more."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from restate_reflect.dev.child import Child
from restate_reflect.dev.engine import DevEngine, Registered
from restate_reflect.dev.log import DevLog
from restate_reflect.errors import TargetError
from restate_reflect.processes.terminal import Terminal
from restate_reflect.processes.watch import Watch
from restate_reflect.processes.worker import WorkerEndedError
from restate_reflect.server import ServerError

__all__ = ["GRACE", "Revision", "Revisions"]

GRACE = 5.0
"""Seconds that a revision gets to end its attempts; the engine starts those again on the next one."""

RETIRE_POLL = 0.5
"""Seconds between looks at whether an old revision is still needed."""

RESTART_PAUSE = 0.2
"""Seconds before a process that died is started again: code that dies at once must not take the whole machine."""


@dataclass(slots=True, eq=False)
class Revision:
    """The user's code as it was at one save."""

    number: int
    child: Child
    port: int
    registered: Registered
    table: str
    is_ending: bool = False
    """Nobody starts its process again."""


class Revisions:
    """The current revision, and older ones that still have invocations in flight."""

    def __init__(
        self,
        engine: DevEngine,
        log: DevLog,
        watch: Watch,
        options: Mapping[str, Any],
        *,
        port: int,
        latest: bool,
        terminal: Terminal,
    ) -> None:
        """``options`` are those of a child's, but for the port; ``port`` is wished for the first revision.

        ``watch`` gets the files that revisions load, also those which fail, before anybody is told: a save that
        follows at once must be noticed.
        """
        self.current: Revision | None = None
        self._engine, self._log = engine, log
        self._options, self._port, self._latest, self._terminal = options, port, latest, terminal
        self._count = 0
        self._watch = watch
        self.around = Watch(())
        """For a revision that does not load: what it misses may come as a new file, and one that crashed has not told
        what it had loaded."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._starting: Child | None = None
        self._retiring: dict[Revision, None] = {}

    async def begin(self) -> Child:
        """Starts a process with the code as it is now."""
        self._count += 1
        # A fixed port can only serve one revision at a time.
        port = self._port if self.current is None else 0
        self._starting = await self._child(port)
        return self._starting

    async def _child(self, port: int) -> Child:
        return await Child.begin({**self._options, "port": port, "grace": GRACE}, self._log.news, self._terminal)

    async def finish(self, child: Child) -> Revision | None:
        """Registers the revision once it listens; ``None`` if it does not load, and why is told.

        Raises:
            ServerError: The engine refuses it.
            TargetError: The first one found no file to load, so no save could mend it.
        """
        try:
            port = await child.ready()
        except WorkerEndedError as error:
            self._starting = None
            if self._count == 1 and child.broken and not child.files:
                raise TargetError(child.broken.removeprefix("TargetError: ")) from None
            self._tell_broken(child, error.code)
            return None
        self._watch.add(child.files)
        try:
            registered = await self._engine.register(port)
        except ServerError:
            await child.stop(GRACE)  # not killed: its services have been entered
            raise
        self._starting = None
        return await self._take_over(Revision(self._count, child, port, registered, child.table))

    @property
    def port(self) -> int | None:
        """Where the current revision listens."""
        return None if self.current is None else self.current.port

    def look_around(self) -> None:
        """Before anybody is told: who reads of the failure may have mended it before the next line of ours runs."""
        self.around = Watch(_around(self._watch.files))

    def _tell_broken(self, child: Child, code: int) -> None:
        self._watch.add(child.files)
        self.look_around()
        serving = f"revision {self.current.number} serves on" if self.current else "waiting for a change"
        self._log.problem(f"revision {self._count} does not load; {serving}", child.broken or f"exit code {code}")

    async def _take_over(self, new: Revision) -> Revision:
        old, self.current = self.current, new
        # The process that served what an earlier run has left is gone, and so may be the old revision's.
        moves = old is None or old.is_ending or self._latest
        if moves:
            await self._engine.move_all(new.registered, new.port)
        self._do(self._keep(new))
        if old is not None:
            self._do(self._retire(old, at_once=moves))
        return new

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.problem(f"{self._engine.name} does not do what dev asked for", str(error))

    # ------------------------------------------------------------ life and end of a process

    async def _keep(self, revision: Revision) -> None:
        """Starts a process again that has ended by itself: on its port, where the engine looks for it."""
        while True:
            code = await revision.child.ended()
            if revision.is_ending:
                return
            how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
            died = f"the process of revision {revision.number} ended {how}"
            if revision is not self.current:
                await self._give_up(revision, died)
                return
            self._log.say(f"{died}; starting it again", "bold yellow")
            await asyncio.sleep(RESTART_PAUSE)
            if not await self._restart(revision):
                return

    async def _restart(self, revision: Revision) -> bool:
        """Whether its code still loads."""
        child = await self._child(revision.port)
        try:
            await child.ready()
        except WorkerEndedError as error:
            revision.is_ending = True
            self._tell_broken(child, error.code)
            return False
        except asyncio.CancelledError:
            await child.stop(GRACE)  # not killed: its services have been entered
            raise
        revision.child = child
        return True

    async def _give_up(self, revision: Revision, died: str) -> None:
        """An old revision can't be started again: its code is not in the files any more."""
        revision.is_ending = True
        if self.current is not None:
            self._log.say(f"{died}; what ran on it goes on with revision {self.current.number}", "bold yellow")
            await self._engine.move_all(self.current.registered, self.current.port)

    async def _retire(self, old: Revision, *, at_once: bool) -> None:
        """Ends an old revision: at once, or when no invocation is in flight on it any more."""
        self._retiring[old] = None
        while not (at_once or old.is_ending) and await self._engine.is_used(old.registered):  # noqa: ASYNC110
            await asyncio.sleep(RETIRE_POLL)
        old.is_ending = True
        await old.child.stop(GRACE)
        await self._engine.forget(old.registered)
        del self._retiring[old]

    async def close(self) -> None:
        """Ends all processes; attempts in progress go on at the next start."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        revisions = [*self._retiring, *([self.current] if self.current else [])]
        children = [*(each.child for each in revisions), *([self._starting] if self._starting else [])]
        await asyncio.gather(*(child.stop(GRACE) for child in children))


def _around(files: list[str]) -> set[str]:
    """Folders, whose times change with what is in them, and the modules there."""
    folders = {os.getcwd(), *(os.path.dirname(file) for file in files)}
    return folders | {str(module) for folder in folders for module in Path(folder).glob("*.py")}
