"""The crash matrix: a scenario again and again, with a crash after every journal entry.

The first run is the baseline. Each further run is cut off at one place: the attempt that has
just stored its n-th journal entry is gone, as if its process had been killed. One more run
suspends at every await. Whatever the place, each invocation must end with the same journal
commands and the same result.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from restate_reflect.embedded import Entry, Invocation, Runtime
from restate_reflect.engine import journal
from restate_reflect.protocol.framing import RawMessage
from restate_reflect.protocol.messages import MessageType, is_command

__all__ = ["BASELINE", "SUSPENDING", "CrashAt", "Divergence", "Recording", "Variant"]


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to run the scenario."""

    name: str
    suspend: bool = False


@dataclass(frozen=True, slots=True)
class CrashAt(Variant):
    """Crashes once, after the n-th entry stored by any invocation."""

    position: int = 0


BASELINE: Final = Variant("undisturbed")
SUSPENDING: Final = Variant("suspended at every await", suspend=True)


class Divergence(AssertionError):
    """A disturbed run did something else than the undisturbed one."""


@dataclass(slots=True)
class Recording:
    """What the runtime stored during one run, and the crash to cause in it."""

    variant: Variant
    entries: int = 0
    last_entry: str = ""
    """The entry after which the crash came."""
    outcome: dict[str, list[str]] = field(default_factory=dict)
    """Commands and result of each invocation, by a name that is the same in every run."""

    def attach(self, runtime: Runtime) -> None:
        """Starts recording."""
        runtime.on_entry = self._on_entry

    def _on_entry(self, invocation: Invocation, _index: int, entry: Entry) -> bool:
        self.entries += 1
        if not isinstance(self.variant, CrashAt) or self.entries != self.variant.position:
            return False
        self.last_entry = f"{invocation.target}: {_shown(entry)}"
        return True

    def finish(self, runtime: Runtime) -> None:
        """Reads the journals; to be called before the runtime is closed."""
        counts: dict[str, int] = {}
        for invocation in runtime.invocations():
            target = str(invocation.target)
            counts[target] = counts.get(target, 0) + 1
            self.outcome[f"{target} #{counts[target]}"] = list(_steps_of(runtime, invocation))

    def compare(self, baseline: Recording) -> None:
        """Raises ``Divergence`` naming the first step that differs, with both sides."""
        for name, expected in baseline.outcome.items():
            found = self.outcome.get(name)
            if found is None:
                raise Divergence(
                    self._text(name, 0, expected[0] if expected else "an invocation", "no such invocation")
                )
            _compare_steps(self, name, expected, found)
        extra = [name for name in self.outcome if name not in baseline.outcome]
        if extra:
            raise Divergence(self._text(extra[0], 0, "no such invocation", "an invocation"))

    def _text(self, name: str, index: int, expected: str, found: str) -> str:
        where = f" (after {self.last_entry})" if self.last_entry else ""
        return (
            f"{name} is not durable: run {self.variant.name}{where}, it differs from the undisturbed run at step"
            f" {index}.\n"
            f"  undisturbed: {expected}\n"
            f"  disturbed:   {found}\n"
            "Steps must not depend on anything that changes between attempts: clocks, random numbers, shared"
            " variables and I/O belong in ctx.run."
        )


def _compare_steps(recording: Recording, name: str, expected: list[str], found: list[str]) -> None:
    for index in range(max(len(expected), len(found))):
        old = expected[index] if index < len(expected) else "nothing"
        new = found[index] if index < len(found) else "nothing"
        if old != new:
            raise Divergence(recording._text(name, index, old, new))


def _steps_of(runtime: Runtime, invocation: Invocation) -> Iterator[str]:
    for entry in runtime.kernel.store.journal(invocation.id):
        if is_command(entry.type) or entry.type == MessageType.RUN_COMPLETION:
            yield _shown(entry)
    yield f"status {invocation.status.value}"


def _shown(entry: Entry) -> str:
    if is_command(entry.type):
        return journal.describe(*RawMessage(entry.type, entry.payload))
    return f"{MessageType(entry.type).name.lower().replace('_', ' ')} {entry.payload!r}"


def plan(baseline: Recording) -> list[Variant]:
    """The disturbed runs that follow a baseline."""
    crashes: list[Variant] = [
        CrashAt(f"with a crash after entry {position}", position=position)
        for position in range(1, baseline.entries + 1)
    ]
    return [SUSPENDING, *crashes]
