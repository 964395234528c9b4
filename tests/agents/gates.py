"""By which a test sees what another process does, and holds it: models that are asked, and steps."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from restate_reflect.interceptors import Step

__all__ = ["GATES", "Gates", "Held"]


class Gates:
    """A folder by which a test sees what a process does, and holds it: ``begun NAME`` and ``ended NAME`` in a log."""

    def __init__(self, folder: Path) -> None:
        self._log, self._folder = folder / "log", folder

    def hold(self, name: str) -> None:
        (self._folder / f"hold {name}").touch()

    def open(self, name: str) -> None:
        (self._folder / f"hold {name}").unlink()

    def forget(self) -> None:
        self._log.write_text("")

    def begun(self) -> Counter[str]:
        """How often each was begun, the first one first."""
        return self._counted("begun ")

    def ended(self) -> Counter[str]:
        return self._counted("ended ")

    def _counted(self, word: str) -> Counter[str]:
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        return Counter(line.removeprefix(word) for line in lines if line.startswith(word))

    async def passed(self, name: str) -> None:
        """Called where the work is done; returns once nobody holds it."""
        self._note(f"begun {name}")
        while (self._folder / f"hold {name}").exists():
            await asyncio.sleep(0.02)
        self._note(f"ended {name}")

    def _note(self, line: str) -> None:
        with self._log.open("a") as file:
            file.write(f"{line}\n")
            file.flush()
            os.fsync(file.fileno())


GATES = Gates(Path(os.environ.get("AGENTS_FOLDER", ".")))
"""Of a process that is served."""


class Held:
    """An interceptor: each step but a model request, which counts itself, can be held before it is done."""

    async def run(self, step: Step, proceed: Callable[[], Awaitable[Any]]) -> Any:
        if step.name != "model request":
            await GATES.passed(f"{step.service} {step.name}")
        return await proceed()
