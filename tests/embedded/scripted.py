"""A deployment that says what a test tells it to: the far end of the ``Deployment`` seam."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.message import Message

from restate_reflect.embedded import Exchange, Receiver, RemoteAddress
from restate_reflect.protocol import _pb2 as pb
from restate_reflect.protocol.framing import FrameDecoder, RawMessage, encode_frame
from restate_reflect.protocol.messages import MessageType


def frame(type_: MessageType, message: Message, flags: int = 0) -> bytes:
    return encode_frame(type_, message.SerializeToString(), flags)


def output(value: bytes) -> bytes:
    """Output and end."""
    command = frame(MessageType.OUTPUT_COMMAND, pb.OutputCommandMessage(value=pb.Value(content=value)))
    return command + encode_frame(MessageType.END, b"")


class ScriptedAttempt:
    """One attempt: what it got, and the means to answer."""

    def __init__(self, receiver: Receiver, headers: Mapping[str, str]) -> None:
        self.receiver, self.headers = receiver, headers
        self.messages: list[RawMessage] = []
        self.input_closed = self.aborted = False
        self._decoder = FrameDecoder()
        self._answered = False

    @property
    def is_executing(self) -> bool:
        return False

    def write(self, data: bytes) -> None:
        self.messages.extend(self._decoder.feed(data))

    def close_input(self) -> None:
        self.input_closed = True

    def abort(self) -> None:
        self.aborted = True

    @property
    def start(self) -> pb.StartMessage:
        return pb.StartMessage.FromString(self.messages[0].payload)

    @property
    def types(self) -> list[MessageType]:
        return [MessageType(message.type) for message in self.messages]

    def say(self, data: bytes, *, status: int = 200, end: bool = False, error: str | None = None) -> None:
        if not self._answered:
            self._answered = True
            self.receiver.answered(status, {})
        if data:
            self.receiver.received(data)
        if end or error:
            self.receiver.ended(error)


class ScriptedDeployment:
    """Serves ``Scripted/run`` (and ``ScriptedObject/run``); attempts are kept in ``attempts``."""

    address = "scripted"
    sdk_version: str | None = None
    remote: RemoteAddress | None = None
    is_in_process = True

    def __init__(
        self, *, versions: tuple[int, int] = (5, 7), bidirectional: bool = True, **handler_options: Any
    ) -> None:
        self.is_bidirectional = bidirectional
        self.attempts: list[ScriptedAttempt] = []
        self._versions, self._options = versions, handler_options

    async def discover(self) -> Mapping[str, Any]:
        handlers = [{"name": "run", **self._options}]
        return {
            "protocolMode": "BIDI_STREAM",
            "minProtocolVersion": self._versions[0],
            "maxProtocolVersion": self._versions[1],
            "services": [
                {"name": "Scripted", "ty": "SERVICE", "handlers": handlers},
                {"name": "ScriptedObject", "ty": "VIRTUAL_OBJECT", "handlers": handlers},
            ],
        }

    def open(self, path: str, headers: Mapping[str, str], receiver: Receiver) -> Exchange:
        attempt = ScriptedAttempt(receiver, headers)
        self.attempts.append(attempt)
        return attempt

    async def close(self) -> None: ...
