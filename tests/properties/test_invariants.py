"""The engine's invariants, over random handlers and random orders of events."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from restate_reflect.durable.guards import Guard
from restate_reflect.protocol.versions import ProtocolVersion
from tests.journals import LOOP, M, Played, frames, journal
from tests.properties.programs import (
    NESTED,
    PROGRAMS,
    SIMPLE,
    STEPLESS,
    STEPS,
    Interpreter,
    Program,
    Server,
    acked,
    is_answer,
    nodes,
    play_journal,
)

VERSIONS = st.sampled_from(list(ProtocolVersion))
SEEDS = st.integers(0, 10**6)
ENDINGS = {M.END, M.SUSPENSION, M.ERROR}

quick = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@quick
@given(PROGRAMS, VERSIONS, SEEDS)
def test_replay_of_every_prefix_continues_alike(program: Program, version: ProtocolVersion, seed: int) -> None:
    """Invariants 2 and 3: the same commands, the same result, races included; crashes and suspensions on the way."""
    server = Server(program, version, seed)
    finished = server.run()
    assert finished.types[-1] == M.END, finished.error
    for cut in range(1, len(server.journal) + 1):
        played = continued(server, server.service, cut)
        assert commands(played) == [entry for entry in server.journal[cut:] if not is_answer(entry)], f"from {cut}"
        assert played.types[-1] == M.END


def continued(server: Server, service: Interpreter, cut: int) -> Played:
    """An attempt that replays a prefix of the journal, and then gets the answers that the journal has after it."""
    played = play_journal(service, server.version, server.journal[:cut], lazy=server.lazy)
    for entry in server.journal[cut:]:
        if is_answer(entry) and played.waits:
            send(played, entry)
    return played.finish_runs()


def send(played: Played, entry: bytes) -> None:
    """Answers as the server would: a step that this attempt has executed is acked (V7)."""
    from restate_reflect.protocol import _pb2 as pb
    from tests.journals import ack

    is_run = (entry[0] << 8 | entry[1]) == M.RUN_COMPLETION
    if is_run:
        played.finish_runs()
    if is_run and played.attempt.engine.version.has_run_acks and acked(played, entry):
        played.raw(ack(pb.Notification.FromString(entry[8:]).completion_id))
    else:
        played.raw(entry)


def commands(played: Played) -> list[bytes]:
    from restate_reflect.protocol.framing import encode_frame
    from restate_reflect.protocol.messages import command_classes

    return [encode_frame(raw.type, raw.payload) for raw in played.written if raw.type in command_classes()]


@quick
@given(PROGRAMS, VERSIONS, SEEDS, st.data())
def test_any_chunking_gives_the_same_output(
    program: Program, version: ProtocolVersion, seed: int, data: st.DataObject
) -> None:
    """Invariant 1, for the journal."""
    server = Server(program, version, seed, calm=True)
    server.run()
    entries = server.journal[: data.draw(st.integers(1, len(server.journal)))]
    stream = journal(*entries, key="k")
    whole = fed(server.service, version, [stream])
    assert fed(server.service, version, [stream[i : i + 1] for i in range(len(stream))]) == whole
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert fed(server.service, version, chunks) == whole


@quick
@given(STEPLESS, st.sampled_from([ProtocolVersion.V5, ProtocolVersion.V6]), SEEDS, st.data())
def test_any_chunking_of_later_answers_gives_the_same_output(
    program: Program, version: ProtocolVersion, seed: int, data: st.DataObject
) -> None:
    """Invariant 1, for what comes while the handler runs.

    Without steps: one whose result has come already need not be executed. Without V7: its hints tell of each await.
    """
    server = Server(program, version, seed, calm=True)
    server.run()
    cut = data.draw(st.integers(1, len(server.journal)))
    answers = b"".join(entry for entry in server.journal[cut:] if is_answer(entry))
    stream = journal(*server.journal[:cut], key="k") + answers
    whole = fed(server.service, version, [stream])
    assert fed(server.service, version, [stream[i : i + 1] for i in range(len(stream))]) == whole
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    assert fed(server.service, version, [stream[a:b] for a, b in zip([0, *cuts], [*cuts, None], strict=True)]) == whole


def fed(service: Any, version: ProtocolVersion, chunks: list[bytes]) -> bytes:
    """The output for chunks, with lazy state, up to the end of the input."""
    played = Played(service, "run", version, (), Guard.OFF)

    async def feed() -> None:
        for chunk in chunks:
            played.attempt.receive(chunk)

    LOOP.run_until_complete(feed())
    played.eof().finish_runs()
    return bytes(played.sink.data)


@quick
@given(PROGRAMS, VERSIONS, SEEDS, st.sampled_from(["eof", "abort", "interrupt", "violation", "end"]))
def test_nothing_is_written_after_the_end(program: Program, version: ProtocolVersion, seed: int, how: str) -> None:
    """Invariant 4: exactly one ending, and it is the last message. (The sink refuses what follows an end.)"""
    server = Server(program, version, seed, calm=True)
    if how == "end":
        played = server.run()
    else:
        played = play_journal(server.service, version, server.journal)
        end(played, how)
    played.finish_runs()
    types = played.types
    aborted = how == "abort" and not (ENDINGS & set(types))
    assert aborted or types[-1] in ENDINGS
    assert len([type_ for type_ in types if type_ in ENDINGS]) == (0 if aborted else 1)
    before = bytes(played.sink.data)
    played.raw(server.journal[0]).eof().finish_runs()
    played.attempt.drain()
    played.attempt.interrupt("late")
    assert bytes(played.sink.data) == before
    assert not played.environment.attempts


def end(played: Played, how: str) -> None:
    match how:
        case "eof":
            played.eof()
        case "abort":
            played.attempt.abort("gone")
        case "interrupt":
            played.attempt.interrupt("gone")
        case _:
            played.raw(b"\x01\x00" + bytes(6))


@quick
@given(PROGRAMS, VERSIONS, SEEDS, st.data())
def test_a_changed_handler_never_continues_silently(
    program: Program, version: ProtocolVersion, seed: int, data: st.DataObject
) -> None:
    """Invariant 5: on a finished journal, changed code ends with 570, or does exactly the same."""
    server = Server(program, version, seed)
    assert server.run().types[-1] == M.END
    changed = data.draw(mutations(program))
    assume(changed != program)
    played = play_journal(Interpreter(changed), version, server.journal, lazy=server.lazy).finish_runs()
    if played.types == [M.END]:
        fresh = continued(server, Interpreter(changed), 1)
        recorded = [entry for entry in server.journal[1:] if not is_answer(entry)]
        assert list(map(without_clocks, commands(fresh))) == list(map(without_clocks, recorded))
        return
    assert played.types == [M.ERROR], played.messages
    assert played.error.code == 570
    assert "recorded:" in played.error.message
    assert ".py:" in played.error.message


def without_clocks(entry: bytes) -> Any:
    """A longer sleep is no other step: points in time are not compared, and the recorded one counts."""
    from tests.journals import read

    (raw,) = frames(entry)
    command = read(raw)
    for name in ("wake_up_time", "invoke_time"):
        if name in command.DESCRIPTOR.fields_by_name:
            command.ClearField(name)
    return raw.type, command


@st.composite
def mutations(draw: st.DrawFn, program: Program) -> Program:
    """One change somewhere in the program."""
    target = draw(st.integers(0, len(list(nodes(program))) - 1))
    counter = iter(range(10**6))

    def change(node: Program) -> Program:
        here = next(counter) == target
        if isinstance(node[1], tuple):
            kind, children = node[0], tuple(map(change, node[1]))
            return draw(changed_nest(kind, children)) if here else (kind, children)
        return draw(st.one_of(STEPS, st.just((node[0], node[1] + 1)), st.just(("seq", (node, node))))) if here else node

    return change(program)


def changed_nest(kind: str, children: Program) -> st.SearchStrategy[Program]:
    return st.one_of(
        st.sampled_from(NESTED).map(lambda other: (other, children)),
        st.just((kind, children[::-1])),
        st.just((kind, children[1:] or (("keys", 0),))),
        STEPS.map(lambda step: (kind, (*children, step))),
        STEPS.map(lambda step: (kind, (step, *children))),
    )


@settings(quick, max_examples=150)
@given(PROGRAMS, VERSIONS, SEEDS, st.data())
def test_mutated_bytes_end_in_an_error_or_an_ordinary_ending(
    program: Program, version: ProtocolVersion, seed: int, data: st.DataObject
) -> None:
    """Nothing a peer sends raises out of ``receive``."""
    server = Server(program, version, seed, calm=True)
    server.run()
    entries = server.journal[: data.draw(st.integers(1, len(server.journal)))]
    stream = bytearray(journal(*entries, key="k"))
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(stream) - 1))
        match data.draw(st.sampled_from(["flip", "drop", "insert"])):
            case "flip":
                stream[position] ^= data.draw(st.integers(1, 255))
            case "drop" if len(stream) > 1:
                del stream[position]
            case _:
                stream.insert(position, data.draw(st.integers(0, 255)))
    survives(server.service, version, bytes(stream))


@quick
@given(VERSIONS, st.binary(max_size=200))
@example(ProtocolVersion.V7, b"")
def test_arbitrary_bytes_end_in_an_error(version: ProtocolVersion, stream: bytes) -> None:
    survives(Interpreter(("call", 1)), version, stream)


def survives(service: Any, version: ProtocolVersion, stream: bytes) -> None:
    messages = frames(fed(service, version, [stream]))
    assert messages[-1].type in ENDINGS
    from tests.journals import read

    if messages[-1].type == M.ERROR:
        error = read(messages[-1])
        # A changed value inside of a well-formed message is data: the handler's types refuse it, or its code trips.
        handlers_own = error.code == 500 and ("does not fit" in error.message or "Error:" in error.message)
        assert error.code in (570, 571) or handlers_own, error


def test_the_programs_use_everything() -> None:
    """So that a new kind of step is not forgotten here."""
    for kind in SIMPLE:
        assert hasattr(_execution(), f"do_{kind.replace('.', '_')}")
    for kind in NESTED:
        program: Program = (kind, (("call", 1), ("sleep", 1)))
        output = Server(program, ProtocolVersion.V6, 1, calm=True).run().output
        assert kind in [entry[0] for entry in json.loads(output) if isinstance(entry, list)]


def _execution() -> type:
    from tests.properties.programs import Execution

    return Execution


@pytest.mark.parametrize("version", list(ProtocolVersion))
def test_a_crowded_race_is_resolved_alike_in_every_order(version: ProtocolVersion) -> None:
    program: Program = ("race", (("sleep", 1), ("call", 1), ("run", 2), ("awakeable", 0), ("signal", 0)))
    outputs = set()
    for seed in range(30):
        server = Server(program, version, seed, calm=True)
        outputs.add(server.run().output)
        following = play_journal(server.service, version, server.journal, lazy=server.lazy)
        assert following.types == [M.END]
    assert len(outputs) > 2
