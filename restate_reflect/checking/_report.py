"""What a check has found: plain data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from restate_reflect.versions import Gate

__all__ = ["Finding", "GateUse", "HandlerRow", "Kind", "Report"]


class Kind(StrEnum):
    """Kinds of findings, as ``--json`` has them."""

    SERVICE_REMOVED = "service-removed"
    HANDLER_REMOVED = "handler-removed"
    SERVICE_KIND = "service-kind"
    HANDLER_KIND = "handler-kind"
    INPUT = "input-refused"
    OUTPUT = "output-narrowed"
    STATE = "state-refused"
    STATE_RENAMED = "state-renamed"
    RETENTION = "retention-shortened"
    MISMATCH = "mismatch"
    FAILS = "fails"


_NEW_URL: Final = "deploy the new code on a new URL: what is in flight finishes on the old one"
ADVICE: Final = {
    Kind.SERVICE_REMOVED: f"keep the service until nothing calls it, under its name (@service(name=…)); or {_NEW_URL}",
    Kind.HANDLER_REMOVED: f"keep the handler until nothing calls it, under its name (@handler(name=…)); or {_NEW_URL}",
    Kind.SERVICE_KIND: "give the new kind another name; a server takes it for this one with `register --breaking` only",
    Kind.HANDLER_KIND: f"give the new handler another name; or {_NEW_URL}",
    Kind.INPUT: f"give what is new a default and accept what was; or {_NEW_URL}",
    Kind.OUTPUT: "keep what callers read, and add to it; results that are stored are read with the new type, too",
    Kind.STATE: "accept what is stored (a default, a union, a validator), and write the new form when a key is set",
    Kind.STATE_RENAMED: "keep the name: State(…, name='…'); or read the old key once and set the new one",
    Kind.RETENTION: "keep the longer one until nobody asks for those results any more",
    Kind.MISMATCH: f'put the change behind a gate, if await ctx.version("NAME", since=2): …; or {_NEW_URL}',
    Kind.FAILS: f"`restate-reflect replay ID TARGET --pdb` stops at the exception; {_NEW_URL}",
}
SHOWN: Final = 5
"""Ids that are kept of one finding; all are counted."""


@dataclass(slots=True)
class Finding:
    """One way in which the code does not fit.

    Attributes:
        kind: Of what kind.
        where: ``Service``, ``Service/handler``, or ``Service.key`` of its state.
        text: What is wrong.
        count: Invocations, or keys of state, that it concerns; 0 for what is registered only.
        examples: Ids of some of them, or keys.
        step: Number of the command at which the first of them leaves its journal.
    """

    kind: Kind
    where: str
    text: str
    count: int = 0
    examples: list[str] = field(default_factory=list)
    step: int | None = None

    @property
    def advice(self) -> str:
        """What to do."""
        return ADVICE[self.kind]

    def as_data(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "kind": self.kind.value,
            "where": self.where,
            "text": self.text,
            "count": self.count,
            "examples": self.examples,
            "step": self.step,
            "advice": self.advice,
        }


@dataclass(slots=True)
class HandlerRow:
    """What became of the invocations of one handler."""

    name: str
    """``Service/handler``."""
    in_flight: int = 0
    completed: int = 0
    replayed: int = 0
    """Those that fit."""
    differs: int = 0
    """Those that would end with error 570, or fail."""
    unreadable: int = 0
    """Journals that could not be read, or belong to a handler that is gone."""
    undecided: int = 0
    """Without a journal yet, failing as they did before, or in need of a random seed that no table has."""
    mended: int = 0
    """Those that fail now, and fit."""

    def as_data(self) -> dict[str, Any]:
        """For ``--json``."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class GateUse:
    """What the invocations in flight have to do with a version gate."""

    gate: Gate
    handler: str
    new: int = 0
    """On its new side: they have recorded it, so that its call must stay."""
    old: int = 0
    """On its old side."""
    unseen: int = 0
    """Invocations of the service that could not be replayed as far as a gate, if none has passed this one."""

    def as_data(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "name": self.gate.name,
            "since": self.gate.since,
            "handler": self.handler,
            "new": self.new,
            "old": self.old,
        }

    @property
    def text(self) -> str:
        """What can be removed."""
        what = f'gate "{self.gate.name}" since={self.gate.since} in {self.handler}'
        if self.old:
            return f"{what}: {self.old} in flight on the old side, which stays."
        if self.new:
            return (
                f"{what}: none in flight on the old side, which can go; the call stays, which is in the journals of"
                f" {self.new}."
            )
        if self.unseen:
            return f"{what}: none of those that could be replayed has passed it, and {self.unseen} could not be."
        return f"{what}: none in flight has passed it; it can go."


@dataclass(slots=True)
class Report:
    """Everything that a check has found."""

    rows: dict[str, HandlerRow] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    gates: dict[tuple[str, Gate], GateUse] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    others: dict[str, int] = field(default_factory=dict)
    """Services that other deployments serve and the code has not, with how many invocations of each are in flight."""

    @property
    def fits(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def row(self, name: str) -> HandlerRow:
        """That of a handler, ``Service/handler``."""
        return self.rows.setdefault(name, HandlerRow(name))

    def add(self, kind: Kind, where: str, text: str, example: str | None = None, step: int | None = None) -> None:
        """One more of the same, or something new."""
        found = next(
            (each for each in self.findings if (each.kind, each.where, each.text) == (kind, where, text)), None
        )
        if found is None:
            found = Finding(kind, where, text, step=step)
            self.findings.append(found)
        if example is not None:
            found.count += 1
            if len(found.examples) < SHOWN:
                found.examples.append(example)

    def gate(self, handler: str, gate: Gate) -> GateUse:
        """The use of a gate in a handler."""
        return self.gates.setdefault((handler, gate), GateUse(gate, handler))

    def sorted_rows(self) -> Iterator[HandlerRow]:
        """By name."""
        return (self.rows[name] for name in sorted(self.rows))

    def sort(self) -> None:
        """By place and kind: the same report whatever order the server has answered in."""
        kinds = list(Kind)
        self.findings.sort(key=lambda each: (each.where, kinds.index(each.kind), each.text))

    def as_data(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "fits": self.fits,
            "handlers": [row.as_data() for row in self.sorted_rows()],
            "findings": [each.as_data() for each in self.findings],
            "gates": [each.as_data() for each in self.gates.values()],
            "notes": self.notes,
            "others": self.others,
        }
