"""The server's side of the protocol, message by message."""

from __future__ import annotations

import pytest

from restate_reflect.embedded import (
    ManifestError,
    MemoryStore,
    Reply,
    Runtime,
    RuntimeSettings,
    Status,
    VirtualClock,
)
from restate_reflect.embedded.kernel.records import KILLED
from restate_reflect.protocol import _pb2 as pb
from restate_reflect.protocol.framing import REQUESTED_ACK, encode_frame
from restate_reflect.protocol.messages import MessageType
from restate_reflect.protocol.versions import ProtocolVersion
from tests.embedded.running import asynchronous
from tests.embedded.scripted import ScriptedAttempt, ScriptedDeployment, frame, output


async def started(
    deployment: ScriptedDeployment, store: MemoryStore | None = None, **settings: object
) -> tuple[Runtime, str, ScriptedAttempt]:
    """A runtime with one invocation whose first attempt has got its journal."""
    runtime = Runtime(store, VirtualClock(), settings=RuntimeSettings(**settings))  # type: ignore[arg-type]
    await runtime.register(deployment)
    id_ = runtime.send("Scripted", "run", b"in", headers={"x": "y"}, idempotency_key="key").invocation.id
    return runtime, id_, deployment.attempts[0]


def completion(attempt: ScriptedAttempt, index: int = -1) -> pb.Notification:
    return pb.Notification.FromString(attempt.messages[index].payload)


RUN = frame(MessageType.RUN_COMMAND, pb.RunCommandMessage(result_completion_id=1, name="step"))


@pytest.mark.parametrize("version", list(ProtocolVersion))
@asynchronous
async def test_an_attempt_begins_with_start_and_input(version: ProtocolVersion) -> None:
    runtime, id_, attempt = await started(ScriptedDeployment(versions=(5, version)))
    assert attempt.headers == {
        "content-type": version.content_type,
        "accept": version.content_type,
        "x-restate-invocation-id": id_,
    }
    assert attempt.types == [MessageType.START, MessageType.INPUT_COMMAND]
    start = attempt.start
    assert (start.debug_id, len(start.id), start.known_entries, start.partial_state) == (id_, 24, 1, True)
    assert bool(start.random_seed) is version.has_random_seed
    assert start.HasField("idempotency_key") is version.has_scopes
    given = pb.InputCommandMessage.FromString(attempt.messages[1].payload)
    assert (given.value.content, given.headers[0].key) == (b"in", "x")
    attempt.say(output(b"out"), end=True)
    outcome = runtime.output(id_)
    assert outcome is not None
    assert outcome.value == b"out"
    runtime.close()


@asynchronous
async def test_a_deployment_of_other_versions_is_refused() -> None:
    async with Runtime(None, VirtualClock()) as runtime:
        with pytest.raises(ManifestError, match="speaks service protocol V8 to V9; here it is V5 to V7"):
            await runtime.register(ScriptedDeployment(versions=(8, 9)))


@pytest.mark.parametrize(
    "version, flags, answer",
    [
        (6, 0, MessageType.RUN_COMPLETION),
        (6, REQUESTED_ACK, MessageType.RUN_COMPLETION),
        (7, 0, MessageType.RUN_COMPLETION),
        (7, REQUESTED_ACK, MessageType.PROPOSE_RUN_COMPLETION_ACK),
    ],
)
@asynchronous
async def test_a_proposed_result_is_confirmed_by_ack_or_copy(version: int, flags: int, answer: MessageType) -> None:
    runtime, id_, attempt = await started(ScriptedDeployment(versions=(5, version)))
    proposal = pb.ProposeRunCompletionMessage(result_completion_id=1, value=b"r")
    attempt.say(RUN + frame(MessageType.PROPOSE_RUN_COMPLETION, proposal, flags))
    assert attempt.types[2:] == [answer]
    stored = runtime.journal(id_)[-1]
    assert (stored.type, stored.completes, stored.message.value.content) == (MessageType.RUN_COMPLETION, 1, b"r")
    runtime.close()


@asynchronous
async def test_a_command_that_asks_for_it_is_acked_with_its_index() -> None:
    runtime, _, attempt = await started(ScriptedDeployment())
    attempt.say(frame(MessageType.RUN_COMMAND, pb.RunCommandMessage(result_completion_id=1), REQUESTED_ACK))
    assert attempt.types[2:] == [MessageType.COMMAND_ACK]
    assert pb.CommandAckMessage.FromString(attempt.messages[2].payload).command_index == 1
    runtime.close()


@asynchronous
async def test_bytes_may_come_in_any_pieces() -> None:
    runtime, id_, attempt = await started(ScriptedDeployment())
    for byte in RUN + output(b"x"):
        attempt.say(bytes([byte]))
    assert [entry.type for entry in runtime.journal(id_)][1:] == [MessageType.RUN_COMMAND, MessageType.OUTPUT_COMMAND]
    assert runtime.invocation(id_).status is Status.COMPLETED
    runtime.close()


@pytest.mark.parametrize("version", [6, 7])
@asynchronous
async def test_suspension_ends_the_attempt_and_a_completion_starts_the_next_with_the_whole_journal(
    version: int,
) -> None:
    deployment = ScriptedDeployment(versions=(5, version))
    runtime, id_, attempt = await started(deployment)
    wake_up = runtime.clock.now() + 1000
    sleep = frame(MessageType.SLEEP_COMMAND, pb.SleepCommandMessage(wake_up_time=wake_up, result_completion_id=1))
    if version == 7:
        tree = pb.Future(waiting_completions=[1], waiting_signals=[1], combinator_type=pb.FIRST_COMPLETED)
        suspension = pb.SuspensionMessage(awaiting_on=tree)
    else:
        suspension = pb.SuspensionMessage(waiting_completions=[1], waiting_signals=[1])
    attempt.say(sleep + frame(MessageType.SUSPENSION, suspension), end=True)
    assert runtime.invocation(id_).status is Status.SUSPENDED
    await runtime.advance(1)
    assert deployment.attempts[1].types == [
        MessageType.START, MessageType.INPUT_COMMAND, MessageType.SLEEP_COMMAND, MessageType.SLEEP_COMPLETION,
    ]  # fmt: skip
    assert deployment.attempts[1].start.known_entries == 3
    runtime.close()


@asynchronous
async def test_a_suspension_for_what_has_arrived_starts_the_next_attempt_at_once() -> None:
    deployment = ScriptedDeployment()
    runtime, id_, attempt = await started(deployment)
    attempt.say(RUN)
    runtime.signal(id_, "go", b"1")
    suspension = pb.SuspensionMessage(awaiting_on=pb.Future(waiting_named_signals=["go"]))
    attempt.say(frame(MessageType.SUSPENSION, suspension), end=True)
    assert len(deployment.attempts) == 2
    runtime.close()


@pytest.mark.parametrize(
    "said, complaint",
    [
        (b"", "the attempt has ended without saying how"),
        (encode_frame(MessageType.END, b""), "the attempt has ended without output"),
        (encode_frame(MessageType.SUSPENSION, b""), "a suspension that waits for nothing"),
        (encode_frame(MessageType.START, b""), "must not send messages of type 0x0000"),
        (encode_frame(MessageType.SLEEP_COMPLETION, b""), "must not send messages of type 0x800c"),
        (encode_frame(MessageType.SLEEP_COMMAND, b"\xff"), "malformed message"),
        (b"\x04\x00\x00\x00\xff\xff\xff\xff", "a message of 4294967295 bytes"),
        (
            frame(MessageType.CALL_COMMAND, pb.CallCommandMessage(service_name="No", handler_name="no")),
            "the service handler No/no was not found",
        ),
        (
            frame(
                MessageType.CALL_COMMAND,
                pb.CallCommandMessage(service_name="Scripted", handler_name="run", key="k"),
            ),
            "a key was provided, but the callee 'Scripted' is a Service",
        ),
        (
            frame(
                MessageType.CALL_COMMAND,
                pb.CallCommandMessage(service_name="Scripted", handler_name="run", scope="s"),
            ),
            "scoped invocations require",
        ),
        (frame(MessageType.SET_STATE_COMMAND, pb.SetStateCommandMessage(key=b"k")), "doesn't have state access"),
        (frame(MessageType.GET_PROMISE_COMMAND, pb.GetPromiseCommandMessage(key="k")), "only Workflow services"),
        (
            frame(MessageType.SEND_SIGNAL_COMMAND, pb.SendSignalCommandMessage(target_invocation_id="x")),
            "invalid invocation id x: bad format",
        ),
        (
            frame(MessageType.COMPLETE_AWAKEABLE_COMMAND, pb.CompleteAwakeableCommandMessage(awakeable_id="x")),
            "invalid awakeable id x",
        ),
    ],
)
@asynchronous
async def test_what_must_not_be_said_fails_the_attempt_and_stores_nothing(said: bytes, complaint: str) -> None:
    deployment = ScriptedDeployment()
    runtime, id_, attempt = await started(deployment)
    attempt.say(said, end=True)
    invocation = runtime.invocation(id_)
    assert invocation.status is Status.BACKING_OFF
    assert invocation.last_failure is not None
    assert complaint in invocation.last_failure.message
    assert invocation.length == 1
    await runtime.advance(1)
    assert deployment.attempts[1].start.retry_count_since_last_stored_entry == 1
    assert deployment.attempts[1].start.duration_since_last_stored_entry == 500
    runtime.close()


@asynchronous
async def test_a_status_other_than_200_and_a_broken_connection_fail_the_attempt() -> None:
    deployment = ScriptedDeployment()
    runtime, id_, attempt = await started(deployment)
    attempt.say(b"no such handler", status=404, end=True)
    failure = runtime.invocation(id_).last_failure
    assert failure is not None
    assert failure.message == "the deployment answered with status 404: no such handler"
    await runtime.advance(1)
    deployment.attempts[1].say(RUN, error="connection reset")
    failure = runtime.invocation(id_).last_failure
    assert failure is not None
    assert failure.message == "connection reset"
    assert runtime.invocation(id_).length == 2
    runtime.close()


@pytest.mark.parametrize(
    "behavior, status",
    [(pb.RETRY, Status.BACKING_OFF), (pb.PAUSE, Status.PAUSED), (pb.FAIL, Status.COMPLETED)],
)
@asynchronous
async def test_an_error_may_ask_what_to_do(behavior: pb.ErrorBehavior, status: Status) -> None:
    runtime, id_, attempt = await started(ScriptedDeployment())
    error = pb.ErrorMessage(code=503, message="odd", behavior=behavior, next_retry_delay=90_000)
    attempt.say(frame(MessageType.ERROR, error), end=True)
    invocation = runtime.invocation(id_)
    assert invocation.status is status
    if status is Status.BACKING_OFF:
        assert invocation.retry_at == runtime.clock.now() + 90_000
    if status is Status.COMPLETED:
        outcome = runtime.output(id_)
        assert outcome is not None
        assert outcome.failure is not None
        assert (outcome.failure.code, outcome.failure.message) == (503, "odd")
    runtime.close()


@asynchronous
async def test_nothing_an_attempt_says_counts_after_it_was_stopped() -> None:
    deployment = ScriptedDeployment()
    runtime, id_, attempt = await started(deployment)
    assert runtime.kill(id_) is Reply.DONE
    assert attempt.aborted
    attempt.say(RUN + output(b"late"), end=True)
    assert runtime.invocation(id_).length == 1
    assert runtime.invocation(id_).failure == KILLED
    runtime.close()


SUSPENSION = frame(MessageType.SUSPENSION, pb.SuspensionMessage(waiting_signals=[17]))


@pytest.mark.parametrize("last", [SUSPENSION, frame(MessageType.ERROR, pb.ErrorMessage(code=500, message="odd")), b""])
@asynchronous
async def test_a_pause_comes_after_what_the_attempt_still_says(last: bytes) -> None:
    """Its input is closed, so that it ends soon; what it says until then is stored, and then no attempt follows."""
    deployment = ScriptedDeployment()
    runtime, id_, attempt = await started(deployment)
    assert runtime.pause(id_) is Reply.APPENDED
    assert attempt.input_closed
    assert not attempt.aborted
    attempt.say(RUN)
    assert runtime.invocation(id_).status is Status.RUNNING
    attempt.say(last, end=True)
    assert (runtime.invocation(id_).status, runtime.invocation(id_).length) == (Status.PAUSED, 2)
    await runtime.advance(3600)
    assert len(deployment.attempts) == 1
    runtime.resume(id_)
    assert len(deployment.attempts) == 2
    runtime.close()


@asynchronous
async def test_an_attempt_that_does_not_suspend_for_a_pause_is_given_up_after_the_abort_timeout() -> None:
    deployment = ScriptedDeployment(abortTimeout=5000)
    runtime, id_, attempt = await started(deployment)
    runtime.pause(id_)
    aborted = []
    for seconds in (6, 5):
        await runtime.advance(seconds)
        aborted.append(attempt.aborted)
    assert aborted == [False, True]
    assert runtime.invocation(id_).status is Status.PAUSED
    runtime.close()


@asynchronous
async def test_what_no_attempt_is_in_progress_of_is_paused_at_once() -> None:
    """Such as an invocation whose services are not there."""
    store = MemoryStore()
    runtime, id_, _ = await started(ScriptedDeployment(), store)
    runtime.close()
    runtime = Runtime(store, VirtualClock())
    assert runtime.invocation(id_).status is Status.RUNNING
    assert runtime.pause(id_) is Reply.APPENDED
    assert runtime.invocation(id_).status is Status.PAUSED
    deployment = ScriptedDeployment()
    await runtime.register(deployment)
    assert deployment.attempts == []
    runtime.close()


@asynchronous
async def test_a_crash_of_an_attempt_that_is_to_end_anyway_leads_to_the_pause() -> None:
    deployment = ScriptedDeployment()
    runtime, id_, _ = await started(deployment)
    runtime.pause(id_)
    runtime.crash(id_)
    assert (runtime.invocation(id_).status, len(deployment.attempts)) == (Status.PAUSED, 1)
    runtime.close()


@pytest.mark.parametrize("bidirectional", [False, True])
@asynchronous
async def test_the_input_is_closed_at_once_or_after_the_inactivity_timeout(bidirectional: bool) -> None:
    deployment = ScriptedDeployment(bidirectional=bidirectional, inactivityTimeout=5000)
    runtime, _, attempt = await started(deployment)
    assert attempt.input_closed is not bidirectional
    await runtime.advance(4)
    attempt.say(RUN)
    await runtime.advance(4)
    assert attempt.input_closed is not bidirectional
    await runtime.advance(1)
    assert attempt.input_closed
    runtime.close()


@asynchronous
async def test_no_more_attempts_run_at_once_than_allowed() -> None:
    deployment = ScriptedDeployment()
    runtime = Runtime(None, VirtualClock(), settings=RuntimeSettings(max_concurrent_attempts=2))
    await runtime.register(deployment)
    for _ in range(3):
        runtime.send("Scripted", "run")
    assert len(deployment.attempts) == 2
    deployment.attempts[0].say(output(b""), end=True)
    assert len(deployment.attempts) == 3
    runtime.close()


@asynchronous
async def test_a_journal_is_pinned_to_its_protocol_version() -> None:
    """A deployment that was replaced by one with newer protocols goes on in the old one."""
    old, new = ScriptedDeployment(versions=(5, 5)), ScriptedDeployment(versions=(5, 7))
    runtime, id_, attempt = await started(old)
    pinned = runtime.deployments[0].id
    attempt.say(RUN, error="gone")
    await runtime.register(new, deployment_id=pinned)
    await runtime.advance(1)
    assert new.attempts[0].headers["content-type"] == ProtocolVersion.V5.content_type
    assert runtime.invocation(id_).protocol == 5
    runtime.close()
