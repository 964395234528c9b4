"""What came of a replay, in words and as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from restate_reflect.durable.mismatches import cause_of
from restate_reflect.replay._result import Outcome, Replay, ReplayedStep, WaitingFrame

__all__ = ["as_data", "as_text"]

_NAMELESS: Final = re.compile(r"<.* at 0x[0-9a-f]+>")
"""Values whose text says nothing."""


def as_text(replay: Replay) -> str:
    """All of it: a line for each step, where the handler stands, and how it would go on."""
    return "\n".join([_head(replay), *_steps(replay), "", *_stands(replay), *_end(replay)])


def _head(replay: Replay) -> str:
    journal = replay.journal
    status = f"{journal.status}, " if journal.status else ""
    return f"{journal.invocation}  {journal.target}  {status}V{journal.protocol}, {len(journal.entries)} entries"


# ---------------------------------------------------------------- steps


def _steps(replay: Replay) -> Iterator[str]:
    rows = [(str(each.index), each.title, _place(each), _values(each)) for each in replay.steps]
    widths = [max(len(row[at]) for row in rows) for at in range(3)]
    for step, row in zip(replay.steps, rows, strict=True):
        number, title, place, values = row
        shown = f"{number:>{widths[0]}}  {title:<{widths[1]}}  {place:<{widths[2]}}  {values}"
        yield shown.rstrip()
        if not step.is_new and step.recorded != step.current:
            margin = " " * (widths[0] + 2)
            yield f"{margin}recorded: {step.recorded}"
            yield f"{margin}current:  {step.current}"


def _place(step: ReplayedStep) -> str:
    return "" if step.place is None else str(step.place).partition(" in ")[0]


def _values(step: ReplayedStep) -> str:
    own = step.current.removeprefix(step.title).strip()
    result = "" if step.result is None else f"→ {step.result}"
    return "  ".join(part for part in (own, result, "new" if step.is_new else "") if part)


# ---------------------------------------------------------------- where it stands


def _stands(replay: Replay) -> Iterator[str]:
    tasks = len({frame.task for frame in replay.frames})
    if replay.place and not replay.frames:
        yield f"at {replay.place}"
    for frame in replay.frames:
        yield f"at {frame.place}{f' ({frame.task})' if tasks > 1 else ''}"
        yield from _variables(frame)


def _variables(frame: WaitingFrame) -> Iterator[str]:
    for name, value in frame.variables.items():
        if not _NAMELESS.fullmatch(value):
            yield f"    {name} = {value}"


def _end(replay: Replay) -> Iterator[str]:
    match replay.outcome:
        case Outcome.MISMATCH | Outcome.FAILS:
            yield f"{'mismatch' if replay.mismatch else 'fails'}: {replay.error}"
        case Outcome.COMPLETED:
            yield f"ends as its journal does: {replay.result}"
        case Outcome.RETURNS:
            yield f"would end with {replay.result}"
        case _:
            pass
    new = [each.title for each in replay.new_steps if each.title != "output"]
    if replay.outcome is Outcome.GOES_ON:
        yield f"would go on with {', '.join(new)}"
    for each in replay.awaited:
        yield f"waits for {each.label} ({each.id})"
    for gate, is_open in replay.gates.items():
        yield f"version gate {gate.name!r} since={gate.since}: {'the new side' if is_open else 'the old side'}"
    if replay.used_random and replay.journal.random_seed is None and not replay.fits:
        yield (
            "It has asked for ctx.random, whose seed no server tells: what follows from random numbers differs here."
        )


# ---------------------------------------------------------------- data


def as_data(replay: Replay) -> dict[str, Any]:
    """The same as plain data; values stay the texts that people read."""
    cause = None if replay.mismatch is None else cause_of(replay.mismatch)
    return {
        "invocation": replay.journal.invocation,
        "target": replay.journal.target,
        "protocol": replay.journal.protocol,
        "entries": len(replay.journal.entries),
        "outcome": str(replay.outcome),
        "fits": replay.fits,
        "place": replay.place,
        "steps": [_step(each) for each in replay.steps],
        "awaited": [{"label": each.label, "id": each.id, "command": each.command} for each in replay.awaited],
        "frames": [
            {"task": each.task, "place": str(each.place), "variables": dict(each.variables)} for each in replay.frames
        ],
        "result": replay.result,
        "error": replay.error,
        "mismatch": None if replay.mismatch is None else replay.mismatch.number,
        "cause": None if cause is None else str(cause.cause),
        "gates": [{"name": gate.name, "since": gate.since, "open": is_open} for gate, is_open in replay.gates.items()],
    }


def _step(step: ReplayedStep) -> dict[str, Any]:
    return {
        "index": step.index,
        "title": step.title,
        "place": None if step.place is None else str(step.place),
        "recorded": step.recorded,
        "current": step.current,
        "result": step.result,
        "new": step.is_new,
    }
