"""A finished journal, replayed from its beginning: the handler must do again what it has recorded.

For invocations that were told of things in another order than in the undisturbed run: there is no run to
compare them with, except themselves.
"""

from __future__ import annotations

from collections.abc import Mapping

from restate_reflect.embedded import InProcessDeployment, Invocation, Runtime
from restate_reflect.embedded.attempts.frames import Frame, FrameReader
from restate_reflect.embedded.attempts.starting import request_headers, start_message
from restate_reflect.engine import journal
from restate_reflect.errors import JournalMismatchError
from restate_reflect.protocol import _pb2 as pb
from restate_reflect.protocol.framing import is_command
from restate_reflect.protocol.messages import MessageType
from restate_reflect.protocol.versions import ProtocolVersion

__all__ = ["contradiction"]


class _Heard:
    """What an attempt says; the ``Receiver`` of its answer."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self._reader = FrameReader()

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """In process, it is always 200."""

    def received(self, data: bytes) -> None:
        self.frames += self._reader.feed(data)

    def ended(self, error: str | None) -> None:
        """The frames have said how."""


def contradiction(runtime: Runtime, invocation: Invocation) -> str | None:
    """What is wrong with the journal of a completed invocation, in the handler's eyes; ``None`` if it fits."""
    registration = runtime.kernel.catalog.choose(invocation.target.service, invocation.deployment)
    if registration is None or invocation.protocol is None:
        return None
    deployment = registration.transport
    if isinstance(deployment, InProcessDeployment):
        deployment.core.environment.on_failure = None  # told here, not to whoever waits for a result
    version = ProtocolVersion(invocation.protocol)
    heard = _Heard()
    path = f"/invoke/{invocation.target.service}/{invocation.target.handler}"
    exchange = deployment.open(path, request_headers(invocation, version), heard)
    exchange.write(start_message(runtime.kernel, invocation, version))
    exchange.close_input()
    exchange.abort()
    for frame in heard.frames:
        if (wrong := _wrong(frame)) is not None:
            return wrong
    return None


def _wrong(frame: Frame) -> str | None:
    if is_command(frame.type):
        shown = journal.describe(frame.type, frame.payload)
        return f"it goes on with a command of which the journal knows nothing: {shown}"
    match frame.type:
        case MessageType.ERROR:
            error = pb.ErrorMessage.FromString(frame.payload)
            # An attempt may fail for reasons of its own, and be tried again.
            return error.message if error.code == JournalMismatchError.code else None
        case MessageType.SUSPENSION:
            return "it waits for something that the recorded run did not wait for"
        case _:
            return None
