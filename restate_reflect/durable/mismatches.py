"""What error 570 says: recorded against current, the steps before, the likeliest cause, and how to go on.

The one place that makes this text: the log, ``sys_invocation``, ``dev``, the page, ``replay`` and ``check`` show it.
"""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final, NamedTuple

from restate_reflect.durable.locations import Spot
from restate_reflect.durable.shown import Codecs, command_line, differences, title_of, values_of
from restate_reflect.engine import journal
from restate_reflect.engine.journal import END, Mismatch
from restate_reflect.errors import ProtocolViolationError
from restate_reflect.protocol.framing import RawMessage
from restate_reflect.protocol.messages import MessageType
from restate_reflect.versions import gate_of

__all__ = ["Cause", "Finding", "cause_of", "report"]


class Cause(StrEnum):
    """What has most likely been done to the code."""

    REMOVED = "removed"
    """A recorded step is not there any more."""
    ADDED = "added"
    RENAMED = "renamed"
    UNSTABLE = "unstable"
    """The name of a step, or whom a call is for, has a number in it that is another one now."""
    REORDERED = "reordered"
    ARGUMENTS = "arguments"
    """The same step with other values."""
    AWAIT = "await"
    """An await was added or moved."""
    ENDS = "ends"
    """The handler ends before its journal does."""
    INPUT = "input"
    """The code refuses the recorded input."""
    GATE = "gate"
    """A version gate was removed, or moved."""


class Finding(NamedTuple):
    """A cause, and what is to be said of it."""

    cause: Cause
    text: str
    details: tuple[str, ...] = ()
    """What differs, one value a line."""


class _Step(NamedTuple):
    """A command as it is compared with others."""

    type: int
    title: str
    values: dict[str, str]


def report(mismatch: Mismatch, codecs: Codecs, invocation: str) -> str:
    """All of it as text; the first line says what is wrong, the next three are recorded, current and where."""
    found = cause_of(mismatch, codecs)
    return "\n".join(
        [
            f"journal mismatch at command {mismatch.number}: {mismatch.why}",
            f"  recorded: {command_line(mismatch.recorded.type, mismatch.recorded.payload, codecs)}",
            f"  current:  {_current(mismatch, codecs)}",
            f"  at:       {mismatch.where}",
            *(f"  changed:  {each}" for each in found.details),
            *_before(mismatch, codecs),
            f"Likeliest cause: {found.text}",
            *_advice(found, invocation),
        ]
    )


def _current(mismatch: Mismatch, codecs: Codecs) -> str:
    if mismatch.current is None:
        return mismatch.doing
    return command_line(mismatch.current.type, mismatch.current.payload, codecs)


def _before(mismatch: Mismatch, codecs: Codecs) -> Iterator[str]:
    if not mismatch.before:
        return
    yield "The steps before it, which fit:"
    for noted in mismatch.before:
        yield f"  {noted.number:>3}  {command_line(noted.type, noted.payload, codecs)}"
        if isinstance(noted.place, Spot):
            line = linecache.getline(noted.place.code.co_filename, noted.place.line or 0).strip()
            yield f"       {noted.place}{f': {line}' if line else ''}"


def _advice(found: Finding, invocation: str) -> Iterator[str]:
    yield "To go on:"
    yield f"  restate-reflect replay {invocation} TARGET --pdb   stops here, in this code, with all values;"
    yield "  deploy the old code for invocations in flight (a new deployment serves new ones);"
    if found.cause is Cause.GATE:
        yield "  keep the gate's call, without an if, until `restate-reflect check` says that it can go."
    elif found.cause in (Cause.ARGUMENTS, Cause.UNSTABLE):
        yield "  or make the step deterministic: clocks, random numbers and I/O belong in ctx.run."
    else:
        yield '  or put the change behind a gate: if await ctx.version("NAME", since=2): … else: what was recorded.'


# ---------------------------------------------------------------- causes


def cause_of(mismatch: Mismatch, codecs: Codecs | None = None) -> Finding:
    """The likeliest cause, by what is recorded around the place; code that goes on differently can't be seen."""
    recorded = _read(mismatch.recorded, codecs)
    if (gate := _gate(mismatch.recorded)) is not None:
        return Finding(
            Cause.GATE,
            f"the version gate {gate} was removed or moved: this invocation has passed it, which is a step of its"
            " journal.",
        )
    if mismatch.current is None:
        return _without_command(mismatch, recorded)
    current = _read(RawMessage(mismatch.current.type, mismatch.current.payload), codecs)
    if current.type == MessageType.OUTPUT_COMMAND and recorded.type != MessageType.OUTPUT_COMMAND:
        return _ended(mismatch, recorded, current)
    if current.type == recorded.type and current.title == recorded.title:
        changed = tuple(differences(recorded.values, current.values)) or _other_ids(mismatch)
        return Finding(Cause.ARGUMENTS, f"the arguments of {current.title} have changed.", changed)
    return _moved(mismatch, recorded, current, codecs)


def _without_command(mismatch: Mismatch, recorded: _Step) -> Finding:
    if mismatch.doing == END:
        return Finding(Cause.ENDS, f"{recorded.title} was removed: the handler ends before.")
    return Finding(
        Cause.AWAIT,
        f"an await was added or moved: the code that wrote the journal went on to {recorded.title} without waiting"
        " here.",
    )


def _ended(mismatch: Mismatch, recorded: _Step, current: _Step) -> Finding:
    said = current.values.get("failure", "")
    if mismatch.number == 1 and said.startswith(("[400] invalid input", "[413]")):
        return Finding(Cause.INPUT, "the handler's input has changed: the recorded one is refused.")
    how = f"fails with {said}" if said else "returns"
    return Finding(Cause.ENDS, f"{recorded.title} was removed, or is behind a condition: the handler {how} before it.")


def _moved(mismatch: Mismatch, recorded: _Step, current: _Step, codecs: Codecs | None) -> Finding:
    later = [_read(each, codecs) for each in mismatch.later]
    ahead = next((number for number, each in enumerate(later, 1) if _same(each, current)), None)
    before = [_read(RawMessage(each.type, each.payload), codecs) for each in mismatch.before]
    if any(_same(each, recorded) for each in before):
        return Finding(Cause.REORDERED, f"{recorded.title} is recorded again here, and the code has not repeated it.")
    if ahead is not None:
        skipped = recorded.title if ahead == 1 else f"what is recorded from {recorded.title} on, {ahead} steps,"
        there = f"{current.title}, which is recorded as command {mismatch.number + ahead}"
        return Finding(Cause.REMOVED, f"{skipped} was removed, or moved behind {there}.")
    if current.type == recorded.type and _pattern(recorded.title) == _pattern(current.title):
        text = f"a part of {current.title} changes between attempts: a clock, a random number, or what a loop counts."
        return Finding(Cause.UNSTABLE, text)
    if current.type == recorded.type and _is_renamed(recorded, current):
        text = f"{recorded.title} was renamed to {current.title}, or {current.title} was added before it."
        return Finding(Cause.RENAMED, text)
    return Finding(Cause.ADDED, f"{current.title} was added: the journal has no such step from here on.")


def _pattern(title: str) -> str:
    return _NUMBERS.sub("#", title)


_NUMBERS: Final = re.compile(r"[0-9a-f-]*\d[0-9a-f-]*")


def _is_renamed(recorded: _Step, current: _Step) -> bool:
    """The same kind of step with the same values, or a step that has none."""
    return recorded.values == current.values


def _same(one: _Step, other: _Step) -> bool:
    return (one.type, one.title) == (other.type, other.title)


def _other_ids(mismatch: Mismatch) -> tuple[str, ...]:
    """Of commands that people read alike: the numbers of results, which count what was asked for before."""
    return ("the number of its result: something before it asks for more results, or for fewer, than it did",)


def _read(command: RawMessage, codecs: Codecs | None) -> _Step:
    try:
        message: Any = journal.decode(command.type, command.payload)
    except ProtocolViolationError as error:
        return _Step(command.type, str(error), {})
    return _Step(command.type, title_of(command.type, message), values_of(command.type, message, codecs))


def _gate(command: RawMessage) -> str | None:
    if command.type != MessageType.RUN_COMMAND:
        return None
    found = gate_of(str(getattr(journal.decode(command.type, command.payload), "name", "")))
    return None if found is None else f"{found.name!r} since={found.since}"
