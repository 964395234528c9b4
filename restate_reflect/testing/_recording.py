"""What the runtime stored during one run of a scenario, and the crash that was caused in it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from restate_reflect.embedded import AttemptEnd, Entry, Invocation, Runtime, Status
from restate_reflect.embedded.kernel.records import Failure
from restate_reflect.engine import journal
from restate_reflect.payloads import Chain
from restate_reflect.protocol import _pb2 as pb
from restate_reflect.protocol import wire
from restate_reflect.protocol.framing import is_command
from restate_reflect.protocol.messages import MessageType
from restate_reflect.protocol.versions import ProtocolVersion
from restate_reflect.testing._comparing import NO_VARIATION, Comparison, Difference, Divergence, Variation
from restate_reflect.testing._crashes import CrashAt, Variant
from restate_reflect.testing._payloads import plain_entries
from restate_reflect.testing._replaying import contradiction
from restate_reflect.testing._steps import Counts, Steps
from restate_reflect.testing._traces import Names, Trace, read_trace

__all__ = ["Recording"]


@dataclass(slots=True)
class Recording:
    """One environment of one run."""

    variant: Variant
    runtime: Runtime
    steps: Steps
    payloads: Chain | None = None
    entries: int = 0
    last_entry: str = ""
    """The entry after which the crash came."""
    names: dict[str, str] = field(default_factory=dict)
    """Invocations in words, by id."""
    executions: int = 0
    """Bodies of steps that were executed."""
    _stored: list[tuple[Invocation, list[Entry]]] = field(default_factory=list)
    _summary: list[tuple[str, Status, list[tuple[int, bytes]]]] = field(default_factory=list)
    _traces: list[Trace] | None = None
    _comparison: Comparison | None = None
    _contradiction: tuple[Trace, str] | None = None
    _executed_again: Divergence | None = None
    _names_of_runs: dict[tuple[str, int], str] = field(default_factory=dict)
    """By invocation and completion id."""
    _issued: Counts = field(default_factory=lambda: defaultdict(int))
    _recorded: Counts = field(default_factory=lambda: defaultdict(int))
    _interrupted: Counts = field(default_factory=lambda: defaultdict(int))
    """Executions that an attempt's end has cut off, or robbed of their result."""
    _crash_at: int | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._crash_at = self.variant.position if isinstance(self.variant, CrashAt) else None
        self.runtime.on_entry = self._on_entry
        self.runtime.observer = self

    # ------------------------------------------------------------ during the run

    def _on_entry(self, invocation: Invocation, _index: int, entry: Entry) -> bool:
        self.entries += 1
        if entry.type == MessageType.RUN_COMMAND:
            completion_id, name = _step_of(entry.payload)
            self._names_of_runs[invocation.id, completion_id] = name
            self._issued[invocation.id, name] += 1
        elif entry.type == MessageType.RUN_COMPLETION:
            read = wire.read_completion(entry.payload)
            done = read[0] if read else pb.Notification.FromString(entry.payload).completion_id
            self._recorded[invocation.id, self._names_of_runs[invocation.id, done]] += 1
        if self.entries != self._crash_at:
            return False
        self.last_entry = f"{invocation.target}: {_shown(entry)}"
        return True

    def attempt_started(self, invocation: Invocation, version: ProtocolVersion) -> None:
        """Nothing to note."""

    def attempt_ended(self, invocation: Invocation, end: AttemptEnd, failure: Failure | None) -> None:
        """Whatever executes now, or has a result that is not stored, may be executed again."""
        steps = self.steps
        with steps.lock:  # threads may begin others meanwhile
            steps.attempt_ended(invocation.id)
            for step, begun in steps.begun.items():
                if step[0] == invocation.id:
                    ended = steps.failed[step] + steps.late[step] + self._recorded[step] + self._interrupted[step]
                    self._interrupted[step] += max(begun - ended, 0)

    # ------------------------------------------------------------ at the end

    def finish(self) -> None:
        """Reads the journals; to be called before the runtime is closed."""
        self.executions = sum(self.steps.begun.values())
        counts: Counter[str] = Counter()
        for invocation in self.runtime.invocations():
            target = str(invocation.target)
            counts[target] += 1
            self.names[invocation.id] = f"{target} #{counts[target]}"
            entries = plain_entries(self.payloads, invocation.target, self.runtime.kernel.store.journal(invocation.id))
            self._stored.append((invocation, entries))
            self._summary.append((invocation.id, invocation.status, list(_telling(entries))))
        self._executed_again = self._find_executed_again()

    def relate(self, baseline: Recording) -> None:
        """Compares with the undisturbed run; to be called before the runtime is closed."""
        # The usual case, and the whole cost of a sequential handler: the same, byte by byte.
        if self._summary == baseline._summary:
            return
        self._comparison = self._compared(baseline)
        by_id = {invocation.id: invocation for invocation, _ in self._stored}
        for trace in self._comparison.parted:
            if trace.completed and self._contradiction is None:
                wrong = contradiction(self.runtime, by_id[trace.id])
                self._contradiction = None if wrong is None else (trace, wrong)

    def _compared(self, baseline: Recording) -> Comparison:
        return Comparison(baseline.traces, self.traces, repeated=self.executions != baseline.executions)

    @property
    def traces(self) -> list[Trace]:
        """Every invocation, oldest first."""
        if self._traces is None:
            names = Names()
            self._traces = [read_trace(invocation, entries, names) for invocation, entries in self._stored]
        return self._traces

    def check(self, variation: Variation = NO_VARIATION) -> None:
        """Raises ``Divergence`` for what ``relate`` has found: the first difference, with both sides."""
        __tracebackhide__ = True
        if self._comparison is not None:
            for difference in self._comparison.differences:
                if not variation.tolerates(difference):
                    raise self._divergence(difference)
        if self._contradiction is not None:
            trace, wrong = self._contradiction
            raise Divergence(
                f"{trace.shown} is not durable: run {self.disturbance}, it recorded a journal that it does not repeat:"
                f"\n{wrong}\n{_ADVICE}"
            )
        self.check_executions()

    def variation(self, baseline: Recording) -> Variation:
        """What differs between two undisturbed runs."""
        return Variation.between(self._compared(baseline))

    def check_executions(self) -> None:
        """Raises ``Divergence`` if a step whose result was stored was executed again."""
        __tracebackhide__ = True
        if self._executed_again is not None:
            raise self._executed_again

    def _find_executed_again(self) -> Divergence | None:
        for step, begun in self.steps.begun.items():
            allowed = self._issued[step] + self.steps.failed[step] + self.steps.late[step] + self._interrupted[step]
            if begun > allowed:
                return Divergence(
                    f"{self.names.get(step[0], step[0])}: run {step[1]!r} was executed {begun} times,"
                    f" {self.disturbance}, though {self._recorded[step]} results were stored: a stored result must not"
                    " be computed again."
                )
        return None

    @property
    def disturbance(self) -> str:
        """The kind of run, in words."""
        return self.variant.name + (f" (after {self.last_entry})" if self.last_entry else "")

    def _divergence(self, difference: Difference) -> Divergence:
        index = difference.place[1]
        shown = self.names.get(difference.right) or difference.place[0]
        return Divergence(
            f"{shown} is not durable: run {self.disturbance}, it differs from the undisturbed run at command {index}.\n"
            f"  undisturbed: {difference.old}\n"
            f"  disturbed:   {difference.new}\n"
            f"{_ADVICE}",
            (difference.left, difference.right, index),
        )


_ADVICE = (
    "What a handler does must not depend on anything that changes between attempts: clocks, random numbers, shared"
    " variables, the order of a set and I/O belong in ctx.run."
)


@lru_cache(maxsize=4096)
def _step_of(payload: bytes) -> tuple[int, str]:
    """Completion id and name of a step; the same few, in every run of a matrix."""
    command = pb.RunCommandMessage.FromString(payload)
    return command.result_completion_id, command.name


def _telling(entries: list[Entry]) -> Iterator[tuple[int, bytes]]:
    """What tells whether two runs are alike at a glance: other completions follow from commands."""
    for entry in entries:
        if is_command(entry.type) or entry.type == MessageType.RUN_COMPLETION:
            yield entry.type, entry.payload


def _shown(entry: Entry) -> str:
    if is_command(entry.type):
        return journal.describe(entry.type, entry.payload)
    return MessageType(entry.type).name.lower().replace("_", " ")
