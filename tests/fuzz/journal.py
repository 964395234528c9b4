"""Whole attempts: recorded journals, then edited message by message; or raw bytes.

Invariants: nothing raises and nothing unforeseen is logged; only whole messages come out, and none after the end;
an attempt that has ended says how; after an abort no handler, no step and no attempt is left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from restate_reflect.durable.guards import Guard
from restate_reflect.protocol.framing import RawMessage, encode_frame
from restate_reflect.protocol.versions import ProtocolVersion
from tests.fuzz.logs import check_silent
from tests.fuzz.programs import HANDLERS, Everything, Flow, Service, open_handlers
from tests.fuzz.source import Source, cut
from tests.journals import CANCEL, M, Played, called, done, frames, given_input, journal, signal, start

__all__ = ["SEEDS", "check"]

OTHERS = (Service, Everything, Flow)
ENDS = (M.END, M.SUSPENSION, M.ERROR)


def check(data: bytes) -> None:
    """Which handler, which version, how it is cut; then edits of that handler's journal, or raw bytes."""
    source = Source(data)
    target, handler = source.pick(HANDLERS)
    version, how = source.pick(tuple(ProtocolVersion)), source.byte()
    wire = source.rest() if how & 1 else _edited(source, JOURNALS[target, handler])
    played = Played(target, handler, version, [other for other in OTHERS if other is not target], Guard.OFF)
    for chunk in cut(wire, how >> 2 if how & 2 else 0)[:64]:
        played.raw(chunk)
    if how & 0x40:
        played.eof()
    _check_written(played)
    played.attempt.abort("fuzzing")
    assert not played.environment.attempts
    assert open_handlers() == 0
    check_silent()


def _check_written(played: Played) -> None:
    types = played.types
    assert played.sink.ended == bool(types and types[-1] in ENDS)
    assert not any(type_ in ENDS for type_ in types[:-1])
    if types and types[-1] == M.ERROR:
        assert played.error.message


# ---------------------------------------------------------------- journals


def _edited(source: Source, messages: list[RawMessage]) -> bytes:
    edited = list(messages)
    while source and len(edited) < 200:
        source.pick(EDITS)(edited, source)
    return b"".join(encode_frame(type_, payload) for type_, payload in edited)


def _drop(messages: list[RawMessage], source: Source) -> None:
    if messages:
        del messages[source.byte() % len(messages)]


def _double(messages: list[RawMessage], source: Source) -> None:
    if messages:
        messages.insert(source.byte() % len(messages), messages[source.byte() % len(messages)])


def _swap(messages: list[RawMessage], source: Source) -> None:
    if messages:
        one, two = source.byte() % len(messages), source.byte() % len(messages)
        messages[one], messages[two] = messages[two], messages[one]


def _truncate(messages: list[RawMessage], source: Source) -> None:
    del messages[source.byte() % (len(messages) + 1) :]


def _retype(messages: list[RawMessage], source: Source) -> None:
    if messages:
        at = source.byte() % len(messages)
        type_ = int(source.pick(tuple(M))) if source.byte() & 1 else source.number(2)
        messages[at] = RawMessage(type_, messages[at].payload)


def _flip(messages: list[RawMessage], source: Source) -> None:
    if messages:
        at = source.byte() % len(messages)
        payload = bytearray(messages[at].payload)
        if payload:
            payload[source.byte() % len(payload)] ^= source.byte()
        messages[at] = RawMessage(messages[at].type, bytes(payload))


def _insert(messages: list[RawMessage], source: Source) -> None:
    at = source.byte() % (len(messages) + 1)
    messages[at:at] = [source.pick(EXTRA)]


def _announce(messages: list[RawMessage], source: Source) -> None:
    """As many entries as there are, more or fewer: the start message is made anew."""
    count = max(len(messages) - 1 + source.byte() % 5 - 2, 0)
    if messages:
        (messages[0],) = frames(_start(count))


def _start(count: int) -> bytes:
    return start(count, state={"name": b'"n"', "count": b"3"})


Edit = Callable[[list[RawMessage], Source], None]
EDITS: tuple[Edit, ...] = (_drop, _double, _swap, _truncate, _retype, _flip, _insert, _announce)


def _record(target: Any, handler: str) -> list[RawMessage]:
    """A journal that goes as far as our answers carry it."""
    others = [other for other in OTHERS if other is not target]
    played = Played(target, handler, ProtocolVersion.V6, others, Guard.OFF)
    played.begin([given_input(b'"hi"')], state={"name": b'"n"', "count": b"3"})
    played.finish_runs().echo()
    for answer in ANSWERS[target, handler]:
        played.feed(answer).finish_runs().echo()
    played._store_written()
    assert played.output, "the answers do not carry the handler to its end"
    played.attempt.abort("recorded")
    entries = [entry for entry in played.stored if frames(entry)[0].type != M.OUTPUT_COMMAND]
    return frames(_start(len(entries)) + b"".join(entries))


ANSWERS: dict[tuple[Any, str], list[bytes]] = {
    (Service, "steps"): [done(M.SLEEP_COMPLETION, 4)],
    (Service, "race"): [called(2, "inv_x"), done(M.CALL_COMPLETION, 3, b'"hi"')],
    (Service, "signals"): [signal(17, b'"a"'), signal("go", b'"b"')],
    (Everything, "work"): [called(4, "inv_x"), called(5, "inv_y"), done(M.CALL_COMPLETION, 6, b'"hi"')],
    (Flow, "run"): [
        done(M.PEEK_PROMISE_COMPLETION, 1),
        done(M.COMPLETE_PROMISE_COMPLETION, 2),
        done(M.GET_PROMISE_COMPLETION, 3, b'"p"'),
        done(M.SLEEP_COMPLETION, 4),
    ],
}
JOURNALS: dict[tuple[type, str], list[RawMessage]] = {each: _record(*each) for each in HANDLERS}
EXTRA = tuple(
    frame
    for wire in (
        CANCEL,
        signal("go", b'"x"'),
        signal(17, error=(500, "no")),
        signal(1, b"5"),
        done(M.CALL_COMPLETION, 3, error=(409, "cancelled")),
        done(M.RUN_COMPLETION, 1, b'"x"'),
        done(M.RUN_COMPLETION, 1, b"not json"),
        done(M.SLEEP_COMPLETION, 1),
        done(M.SLEEP_COMPLETION, 2**32 - 1),
        encode_frame(M.COMMAND_ACK, b"\x08\x01"),
        encode_frame(M.PROPOSE_RUN_COMPLETION_ACK, b"\x08\x01"),
        given_input(b"not json"),
        journal(given_input(b'"again"')),
    )
    for frame in frames(wire)
)


def _seeds() -> list[bytes]:
    seeds = []
    for number, each in enumerate(HANDLERS):
        wire = b"".join(encode_frame(type_, payload) for type_, payload in JOURNALS[each])
        for version in range(len(ProtocolVersion)):
            seeds.append(bytes([number, version, 0x40]))
            seeds.append(bytes([number, version, 0x00, 3, 4, 6, 2, 0, 7, 2]))
            seeds.append(bytes([number, version, 0x17]) + wire)
            seeds.append(bytes([number, version, 0x41]) + wire[: len(wire) // 2])
    return seeds


SEEDS = _seeds()
