"""What happens after a failed attempt."""

from __future__ import annotations

from dataclasses import dataclass

from restate_reflect.embedded.deployments.catalog import HandlerInfo
from restate_reflect.embedded.deployments.policy import InvocationRetryPolicy, merge_policies
from restate_reflect.embedded.kernel import lifecycle, operating
from restate_reflect.embedded.kernel.bounds import no_later
from restate_reflect.embedded.kernel.kernel import Kernel
from restate_reflect.embedded.kernel.records import Failure, Invocation, Status
from restate_reflect.embedded.kernel.timers import TimerKind
from restate_reflect.embedded.settings import DEFAULT_RETRY_POLICY
from restate_reflect.protocol import _pb2 as pb

__all__ = ["AttemptFailure", "fail", "handler_info"]


@dataclass(frozen=True, slots=True)
class AttemptFailure:
    """Why an attempt failed, and what it asks for."""

    failure: Failure
    retry_after: int | None = None
    """Milliseconds, for the next attempt only."""
    behavior: pb.ErrorBehavior = pb.RETRY

    @classmethod
    def read(cls, message: pb.ErrorMessage) -> AttemptFailure:
        failure = Failure(
            message.code or 500,
            message.message,
            stacktrace=message.stacktrace or None,
            command_index=message.related_command_index if message.HasField("related_command_index") else None,
            command_name=message.related_command_name or None,
            command_type=message.related_command_type if message.HasField("related_command_type") else None,
        )
        delay = message.next_retry_delay if message.HasField("next_retry_delay") else None
        return cls(failure, delay, message.behavior)


def handler_info(kernel: Kernel, invocation: Invocation) -> HandlerInfo | None:
    """The handler as the deployment has it that the invocation runs on."""
    target = invocation.target
    registration = kernel.catalog.choose(target.service, invocation.deployment)
    service = registration.services.get(target.service) if registration else None
    return service.handlers.get(target.handler) if service else None


def fail(kernel: Kernel, invocation: Invocation, reason: AttemptFailure, *, pausing: bool = False) -> None:
    """Backs off, pauses or ends the invocation.

    An operator's wish comes first (``pausing``), then the SDK's, then its delay (which does not count as a retry of the
    policy), then the policy.
    """
    invocation.last_failure = reason.failure
    kernel.touch(invocation)
    if kernel.on_failure is not None and kernel.on_failure(invocation):
        invocation.note_failed_attempt(reason.failure, kernel.now())
        operating.park(kernel, invocation)
    elif pausing or reason.behavior == pb.PAUSE:
        _pause(kernel, invocation)
    elif reason.behavior == pb.FAIL:
        lifecycle.complete(kernel, invocation, reason.failure)
    else:
        _retry(kernel, invocation, reason)


def _retry(kernel: Kernel, invocation: Invocation, reason: AttemptFailure) -> None:
    policy = _policy(kernel, invocation)
    delay = reason.retry_after
    if delay is None:
        delay = policy.delay(invocation.retries, jitter=kernel.settings.retry_jitter)
        invocation.retries += 1
    if delay is not None:
        invocation.note_failed_attempt(reason.failure, kernel.now())
        invocation.retries_since_entry += 1
        invocation.status = Status.BACKING_OFF
        # Not at once: an attempt in this process may fail within the same turn of the runtime, again and again.
        invocation.retry_at = no_later(kernel.now() + max(delay, 1))
        kernel.set_timer(invocation.retry_at, TimerKind.RETRY, invocation.id)
    elif policy.on_max_attempts == "kill":
        lifecycle.complete(kernel, invocation, reason.failure)
    else:
        _pause(kernel, invocation)


def _pause(kernel: Kernel, invocation: Invocation) -> None:
    invocation.status = Status.PAUSED
    invocation.retry_at = None
    if kernel.on_pause is not None:
        kernel.on_pause(invocation)


def _policy(kernel: Kernel, invocation: Invocation) -> InvocationRetryPolicy:
    info = handler_info(kernel, invocation)
    return info.retry_policy if info else merge_policies(kernel.settings.retry_policy, DEFAULT_RETRY_POLICY)
