"""Two runs of one scenario: what may differ between them, and what may not.

A handler is durable if what it does follows from what it was told: from its input, and from the results,
signals and state values it got, in their order. Branches that go on after their own steps are told in another
order when an attempt crashes or suspends in between, and then rightly issue their commands in another order. So
the rule compares causes, not one list:

- Both runs were told the same up to some event. Every command that either run stored before that event was issued
  on that knowledge alone, so the other run must have issued it too, at the same index.
- If they were told the same to the end, all commands must be the same.
- A step's result is the handler's own, and must be the same, unless the step was executed more often in one of
  the runs (its result was lost with the attempt, so it was executed again), or undisturbed runs differ as well.

After the point at which the order of events differs, nothing is compared command by command; there the journal is
replayed from its beginning instead (``_replaying``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from restate_reflect.testing._traces import Trace, first_difference

__all__ = ["NO_VARIATION", "Comparison", "Difference", "Divergence", "Variation"]

Place = tuple[str, int]
"""An invocation, by a name that is the same in every run, and the index of a command."""


class Divergence(AssertionError):
    """A disturbed run did something else than the undisturbed one.

    Attributes:
        place: The invocation's id in the undisturbed and in the disturbed run, and the index of the command at which
            they part; ``None`` if it is no single one.
    """

    def __init__(self, message: str, place: tuple[str, str, int] | None = None) -> None:
        super().__init__(message)
        self.place = place


class Difference(NamedTuple):
    """One command that is not the same on both sides."""

    place: Place
    old: str
    new: str
    same_kind: bool
    left: str
    """Invocation id in the undisturbed run; empty if it has none."""
    right: str


@dataclass(frozen=True, slots=True)
class Variation:
    """Where undisturbed runs differ among themselves: a step may well give a new id, or the time."""

    places: frozenset[Place] = frozenset()
    """Commands that are of the same kind, and have other contents."""
    ends: Mapping[str, int] = field(default_factory=dict)
    """Invocations that take another course in every run, and from which command on."""

    def tolerates(self, difference: Difference) -> bool:
        """Whether it says nothing about durability."""
        name, index = difference.place
        return index >= self.ends.get(name, index + 1) or (difference.place in self.places and difference.same_kind)

    @classmethod
    def between(cls, comparison: Comparison) -> Variation:
        """Of two undisturbed runs."""
        places: set[Place] = set()
        ends: dict[str, int] = {}
        for each in comparison.differences:
            if each.same_kind:
                places.add(each.place)
            else:
                ends.setdefault(each.place[0], each.place[1])
        return cls(frozenset(places), ends)


NO_VARIATION: Final = Variation()


_NO_INVOCATION: Final = "no such invocation"


class Comparison:
    """The undisturbed run's invocations beside another run's.

    Args:
        repeated: Whether steps were executed more often in one of the runs: their results may differ then.
    """

    def __init__(self, left: list[Trace], right: list[Trace], *, repeated: bool) -> None:
        self._repeated = repeated
        self.parted: list[Trace] = []
        """Of the other run: invocations that were told of things in another order."""
        self.differences = list(self._compare(left, right))

    def _compare(self, left: list[Trace], right: list[Trace]) -> Iterator[Difference]:
        others = {trace.name: trace for trace in right}
        pairs = [(trace.name, trace, others.pop(trace.name, None)) for trace in left]
        for name, trace, other in pairs:
            if other is not None:
                yield from self._differences(name, trace, other)
        if not self.parted:  # else another course was rightly taken, with other invocations in it
            yield from self._unpaired([trace for _, trace, other in pairs if other is None], list(others.values()))

    def _unpaired(self, left: list[Trace], right: list[Trace]) -> Iterator[Difference]:
        """Invocations that have no counterpart with the same input, compared in order of their beginning."""
        counts: Counter[str] = Counter()
        waiting = [(_handler(trace), trace) for trace in right]
        for trace in left:
            handler = _handler(trace)
            counts[handler] += 1
            name = f"{handler} ~{counts[handler]}"
            found = next((pair for pair in waiting if pair[0] == handler), None)
            if found is None:
                yield Difference(
                    (name, 0), f"{trace.shown}: {trace.line(0)}", "no such invocation", False, trace.id, ""
                )
            else:
                waiting.remove(found)
                yield from self._differences(name, trace, found[1])
        for handler, trace in waiting:
            new = f"{trace.shown}: {trace.line(0)}"
            yield Difference((f"{handler} +", 0), _NO_INVOCATION, new, False, "", trace.id)

    def _differences(self, name: str, left: Trace, right: Trace) -> Iterator[Difference]:
        told = self._told_alike(left, right)
        if told is None:
            end = max(len(left.commands), len(right.commands))
        else:
            end = max(_issued_by(left, told), _issued_by(right, told))
            self.parted.append(right)
        results = self._step_results(left, right, told)
        for index in range(end):
            old, new = (each.commands[index] if index < len(each.commands) else None for each in (left, right))
            same = old is not None and new is not None and old[:2] == new[:2]
            if not same or index in results:
                alike = old is not None and new is not None and old.kind == new.kind
                yield Difference((name, index), left.line(index), right.line(index), alike, left.id, right.id)
        if _ended_otherwise(left, right, told):
            yield Difference((name, end), left.status.value, right.status.value, False, left.id, right.id)

    def _told_alike(self, left: Trace, right: Trace) -> int | None:
        """How many events are the same from the first on; ``None``: all of them."""
        index = first_difference(left.events, right.events)
        for number, (one, other) in enumerate(zip(left.events[:index], right.events[:index], strict=True)):
            if one.value != other.value and (one.step is None or self._repeated):
                return number
        return None if index == len(left.events) == len(right.events) else index

    def _step_results(self, left: Trace, right: Trace, told: int | None) -> set[int]:
        """Indexes of the steps whose results differ though both runs were told the same before."""
        if self._repeated:
            return set()
        pairs = zip(left.events[:told], right.events[:told], strict=True)
        return {one.step for one, other in pairs if one.step is not None and one.value != other.value}


def _issued_by(trace: Trace, told: int) -> int:
    """How many commands were stored before the event with this index."""
    return trace.events[told].after if told < len(trace.events) else len(trace.commands)


def _ended_otherwise(left: Trace, right: Trace, told: int | None) -> bool:
    """Told the same, only one has ended; or the disturbed one got stuck."""
    if told is None:
        return left.completed is not right.completed
    return left.completed and (right.is_stuck or (not right.completed and told == len(right.events)))


def _handler(trace: Trace) -> str:
    return trace.name.partition(":")[0]
