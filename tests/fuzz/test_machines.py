"""State machines: a peer's moves on a connection with attempts, and a server's moves around one attempt."""

from __future__ import annotations

from typing import Any

import hpack
import hypothesis
import pytest
from hyperframe.frame import DataFrame, HeadersFrame, PingFrame, RstStreamFrame, SettingsFrame, WindowUpdateFrame
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from restate_reflect import reflect
from restate_reflect.endpoint.core import Core
from restate_reflect.endpoint.h2 import has_attempt, open_stream
from restate_reflect.http2 import Connection, Limits
from restate_reflect.protocol import _pb2 as pb
from restate_reflect.protocol.framing import encode_frame
from restate_reflect.protocol.versions import ProtocolVersion
from tests.fuzz.programs import Service, open_handlers
from tests.hostile.peer import INVOKE
from tests.http2.peer import PREFACE, read_frames
from tests.journals import CANCEL, LOOP, M, done, frames, given_input, journal, play, read, signal

pytestmark = pytest.mark.fuzz

SETTINGS = hypothesis.settings(max_examples=40, stateful_step_count=40, deadline=None)


# ---------------------------------------------------------------- a connection


class Peer(RuleBasedStateMachine):
    """An endpoint's connection without a socket; the model knows what each stream has been sent."""

    def __init__(self) -> None:
        super().__init__()
        self.core = Core([reflect(Service)])
        limits = Limits(clock=lambda: 0.0, max_concurrent_streams=5, max_unsent=2000)
        self.connection = Connection(
            lambda stream, head: open_stream(self.core, self.core.environment, stream, head), limits
        )
        self.output = b""
        self.waiting: dict[int, bytes] = {}
        """Streams whose attempts wait, and what will end them."""
        self.expected: dict[int, bytes] = {}
        """Streams that must end with this output."""
        self.next_id = 1
        self.encoder = hpack.Encoder()

    def deliver(self, data: bytes) -> None:
        async def receive() -> None:
            self.connection.receive(data)

        LOOP.run_until_complete(receive())
        self.output += self.connection.take_output()

    @initialize(window=st.sampled_from([0, 10, 65_535]))
    def open(self, window: int) -> None:
        self.deliver(PREFACE + SettingsFrame(0, settings={4: window}).serialize())

    @precondition(lambda self: len(self.waiting) < 4)
    @rule(text=st.text(st.sampled_from("abc"), max_size=30), cut=st.integers(1, 50))
    def begin(self, text: str, cut: int) -> None:
        """An attempt that races a call, in frames of any size."""
        stream_id, self.next_id = self.next_id, self.next_id + 2
        block = self.encoder.encode([(k, v.replace("Guest", "Service")) for k, v in INVOKE("race")])
        self.deliver(HeadersFrame(stream_id, block, flags=["END_HEADERS"]).serialize())
        body = journal(given_input(b'"%s"' % text.encode()))
        for at in range(0, len(body), cut):
            self.deliver(DataFrame(stream_id, body[at : at + cut]).serialize())
        if not self.refused(stream_id):
            self.waiting[stream_id] = b'"%s"' % text.encode()

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        """The call's result comes."""
        stream_id = data.draw(st.sampled_from(sorted(self.waiting)))
        value = self.waiting.pop(stream_id)
        self.expected[stream_id] = value
        self.deliver(DataFrame(stream_id, done(M.CALL_COMPLETION, 3, value)).serialize())

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), garbage=st.sampled_from([b"\xff" * 8, encode_frame(9, b""), done(M.SLEEP_COMPLETION, 77)]))
    def break_the_protocol(self, data: st.DataObject, garbage: bytes) -> None:
        """Ends that attempt alone."""
        stream_id = data.draw(st.sampled_from(sorted(self.waiting)))
        del self.waiting[stream_id]
        self.deliver(DataFrame(stream_id, garbage).serialize())

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def reset(self, data: st.DataObject) -> None:
        stream_id = data.draw(st.sampled_from(sorted(self.waiting)))
        del self.waiting[stream_id]
        self.deliver(RstStreamFrame(stream_id, error_code=8).serialize())

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def end_the_request(self, data: st.DataObject) -> None:
        """The attempt suspends."""
        stream_id = data.draw(st.sampled_from(sorted(self.waiting)))
        del self.waiting[stream_id]
        self.deliver(DataFrame(stream_id, b"", flags=["END_STREAM"]).serialize())

    @rule(increment=st.integers(1, 300))
    def grant(self, increment: int) -> None:
        self.deliver(WindowUpdateFrame(0, window_increment=increment).serialize())

    @precondition(lambda self: self.next_id > 1)
    @rule(data=st.data(), increment=st.integers(1, 300))
    def grant_stream(self, data: st.DataObject, increment: int) -> None:
        stream_id = data.draw(st.integers(1, self.next_id - 1).map(lambda n: n | 1).filter(lambda n: n < self.next_id))
        self.deliver(WindowUpdateFrame(stream_id, window_increment=increment).serialize())

    @rule(window=st.integers(0, 200))
    def change_window(self, window: int) -> None:
        self.deliver(SettingsFrame(0, settings={4: window}).serialize())

    @rule()
    def ping(self) -> None:
        self.deliver(PingFrame(0, b"12345678").serialize())

    @rule(full=st.booleans())
    def transport(self, full: bool) -> None:
        (self.connection.pause_writing if full else self.connection.resume_writing)()
        self.output += self.connection.take_output()

    def refused(self, stream_id: int) -> bool:
        return any(isinstance(f, RstStreamFrame) and f.stream_id == stream_id for f in read_frames(self.output))

    @invariant()
    def attempts_are_those_that_wait(self) -> None:
        """No attempt is lost, none is left over, none is closed that should wait."""
        assert not self.connection.should_close
        assert self.attempts() == len(self.waiting) == open_handlers()
        assert has_attempt(self.connection.handlers) or not self.waiting

    def attempts(self) -> int:
        async def count() -> int:
            return len(self.core.environment.attempts)

        return LOOP.run_until_complete(count())

    @invariant()
    def unsent_bytes_are_counted(self) -> None:
        core = self.connection._core
        assert core.unsent == sum(stream.buffered for stream in core.streams.values())

    def teardown(self) -> None:
        """With all the windows there are, every answer comes whole."""
        self.connection.resume_writing()
        self.deliver(SettingsFrame(0, settings={4: 65_535}).serialize())
        bodies: dict[int, bytes] = {}
        for frame in read_frames(self.output):
            if isinstance(frame, DataFrame):
                bodies[frame.stream_id] = bodies.get(frame.stream_id, b"") + frame.data
        for stream_id, value in self.expected.items():
            messages = frames(bodies[stream_id])
            assert [message.type for message in messages[-2:]] == [M.OUTPUT_COMMAND, M.END]
            assert read(messages[-2]).value.content == value
        self.connection.connection_lost()
        assert open_handlers() == 0


# ---------------------------------------------------------------- one attempt


class Server(RuleBasedStateMachine):
    """A server's moves around one handler: results in any order, crashes, cancellation; each attempt replays."""

    @initialize(version=st.sampled_from(ProtocolVersion))
    def begin(self, version: ProtocolVersion) -> None:
        self.version = version
        self.played: Any = play(Service, "steps", body=b'"x"', version=version)
        self.commands: list[Any] = []
        self.cancelled = False
        self.known: set[int] = set()
        self.played.finish_runs()

    @property
    def waits(self) -> bool:
        return bool(self.played.waits)

    @precondition(lambda self: self.waits)
    @rule()
    def confirm(self) -> None:
        """The results of steps are stored."""
        self.played.echo().finish_runs()

    @precondition(lambda self: self.waits and self.slept() and not self.woken())
    @rule()
    def wake(self) -> None:
        self.played.feed(done(M.SLEEP_COMPLETION, 4)).finish_runs()

    @precondition(lambda self: self.waits)
    @rule(name=st.sampled_from(["go", "stop"]))
    def unasked_signal(self, name: str) -> None:
        """Signals may come at any time, and wait."""
        self.played.feed(signal(name, b'"s"')).finish_runs()

    @precondition(lambda self: self.waits and not self.cancelled)
    @rule()
    def cancel(self) -> None:
        self.cancelled = True
        self.played.feed(CANCEL).finish_runs()

    @rule()
    def crash(self) -> None:
        """The attempt is gone; the next one starts from what is stored."""
        self.played.attempt.abort("crashed")
        if self.completed():
            return
        self.known = self.stored_results()
        self.played = self.played.again().finish_runs()

    @precondition(lambda self: self.waits)
    @rule()
    def suspend(self) -> None:
        self.played.eof().finish_runs()

    def stored_results(self) -> set[int]:
        """Steps whose results the journal has."""
        messages = [frames(entry)[0] for entry in self.stored()]
        stored = [pb.Notification.FromString(raw.payload) for raw in messages if raw.type == M.RUN_COMPLETION]
        return {notification.completion_id for notification in stored}

    def slept(self) -> bool:
        return any(frames(entry)[0].type == M.SLEEP_COMMAND for entry in self.stored())

    def woken(self) -> bool:
        return any(frames(entry)[0].type == M.SLEEP_COMPLETION for entry in self.stored())

    def stored(self) -> list[bytes]:
        self.played._store_written()
        return list(self.played.stored)

    def completed(self) -> bool:
        return any(frames(entry)[0].type == M.OUTPUT_COMMAND for entry in self.stored())

    @invariant()
    def no_step_is_repeated_once_its_result_is_stored(self) -> None:
        if hasattr(self, "played"):
            proposals = self.played.all(M.PROPOSE_RUN_COMPLETION)
            assert not self.known & {proposal.result_completion_id for proposal in proposals}

    @invariant()
    def the_journal_only_grows(self) -> None:
        """Replaying never writes another command than the one that is stored there, and never fails."""
        if not hasattr(self, "played"):
            return
        now = [frames(entry)[0] for entry in self.stored() if 0x0400 <= frames(entry)[0].type < 0x8000]
        assert now[: len(self.commands)] == self.commands
        self.commands = now
        assert M.ERROR not in self.played.types, self.played.messages

    def teardown(self) -> None:
        self.played.attempt.abort("over")
        assert open_handlers() == 0


TestPeer = Peer.TestCase
TestPeer.settings = SETTINGS
TestServer = Server.TestCase
TestServer.settings = SETTINGS
