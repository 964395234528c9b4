"""What replay costs per journal entry, over the journal's length: the line must be straight.

In process, from the bytes of a journal to the output of the handler that ran through it, chunked as a socket would.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from typing import Final

from benchmarks.counting import CountedCalls
from benchmarks.report import Options, Outcome, markdown
from restate_reflect import Context, ObjectContext, reflect
from restate_reflect.endpoint.core import Accepted, Core
from restate_reflect.protocol import _pb2 as pb
from restate_reflect.protocol import wire
from restate_reflect.protocol.framing import encode_frame
from restate_reflect.protocol.messages import MessageType
from restate_reflect.protocol.versions import ProtocolVersion

__all__ = ["JOURNALS", "calls_of", "run"]

LENGTHS: Final = (10, 100, 1_000, 10_000)
_CHUNK: Final = 64 * 1024


async def step(number: int) -> int:
    return number


class Steps:
    """Two entries per round: a step's command and its result."""

    async def many(self, ctx: Context, rounds: int) -> int:
        total = 0
        for number in range(rounds):
            total += await ctx.run("step", step, number)
        return total


class Writes:
    """One entry per round."""

    async def many(self, ctx: ObjectContext, rounds: int) -> int:
        for number in range(rounds):
            ctx.set("count", number)
        return rounds


def _step_entries(entries: int) -> bytes:
    parts = []
    for number in range(entries // 2):
        done = pb.Notification(completion_id=number + 1, value=pb.Value(content=b"%d" % number))
        parts.append(encode_frame(MessageType.RUN_COMMAND, wire.run_command(number + 1, "step")))
        parts.append(encode_frame(MessageType.RUN_COMPLETION, done.SerializeToString()))
    return b"".join(parts)


def _write_entries(entries: int) -> bytes:
    values = (pb.Value(content=b"%d" % number) for number in range(entries))
    writes = (pb.SetStateCommandMessage(key=b"count", value=value).SerializeToString() for value in values)
    return b"".join(encode_frame(MessageType.SET_STATE_COMMAND, write) for write in writes)


JOURNALS: Final[dict[str, tuple[int, Callable[[int], bytes]]]] = {
    "Steps": (2, _step_entries),
    "Writes": (1, _write_entries),
}
"""By service: entries per round, and the journal of so many entries."""


def _journal(service: str, entries: int) -> list[bytes]:
    """Start, input and entries, in chunks."""
    per_round, make = JOURNALS[service]
    start = pb.StartMessage(id=bytes(range(24)), debug_id="inv_1replay", known_entries=entries + 1, key="a")
    given = pb.InputCommandMessage(value=pb.Value(content=b"%d" % (entries // per_round)))
    whole = b"".join(
        [
            encode_frame(MessageType.START, start.SerializeToString()),
            encode_frame(MessageType.INPUT_COMMAND, given.SerializeToString()),
            make(entries),
        ]
    )
    return [whole[at : at + _CHUNK] for at in range(0, len(whole), _CHUNK)]


class _Kept:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes, *, end: bool) -> None:
        self.data += data


def _replay(core: Core, accepted: Accepted, journal: list[bytes]) -> None:
    kept = _Kept()
    attempt = core.start(accepted, kept, {})
    for chunk in journal:
        attempt.receive(chunk)
    if kept.data[:2] != MessageType.OUTPUT_COMMAND.to_bytes(2, "big"):
        raise RuntimeError(f"the replay did not end with the output alone: {kept.data[:200]!r}")


def _prepared(service: str) -> tuple[Core, Accepted]:
    core = Core([reflect(Steps), reflect(Writes)])
    headers = {"content-type": ProtocolVersion.V6.content_type}
    accepted = core.answer("POST", f"/invoke/{service}/many", headers, "BIDI_STREAM")
    assert isinstance(accepted, Accepted)
    return core, accepted


def calls_of(service: str, entries: int) -> int:
    """Function calls of a whole replay, as ``CountedCalls`` counts them."""
    return asyncio.run(_counted(service, entries))


async def _counted(service: str, entries: int) -> int:
    core, accepted = _prepared(service)
    journal = _journal(service, entries)
    _replay(core, accepted, journal)
    with CountedCalls() as counted:
        _replay(core, accepted, journal)
    return counted.count


async def _micros(service: str, entries: int, rounds: int) -> float:
    """CPU µs per entry, the best of the rounds; short journals are replayed often in each."""
    core, accepted = _prepared(service)
    journal = _journal(service, entries)
    repeats = max(10_000 // entries, 1)
    best = float("inf")
    for _ in range(rounds):
        gc.collect()
        start = time.process_time()
        for _ in range(repeats):
            _replay(core, accepted, journal)
        best = min(best, time.process_time() - start)
    return best / repeats / entries * 1e6


async def _measure(rounds: int) -> dict[str, dict[int, float]]:
    return {name: {entries: await _micros(name, entries, rounds) for entries in LENGTHS} for name in JOURNALS}


def run(options: Options) -> Outcome:
    """µs per entry; the whole attempt is counted, so that short journals bear its fixed cost."""
    found = asyncio.run(_measure(options.rounds))
    rows = [
        [f"{name} ({JOURNALS[name][0]} entries each)", *(found[name][entries] for entries in LENGTHS)] for name in found
    ]
    head = ["µs per entry", *(f"{entries:,} entries" for entries in LENGTHS)]
    return Outcome(found, markdown(head, rows) + f"\n\nBest of {options.rounds} rounds.")
