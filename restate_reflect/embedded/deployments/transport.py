"""How attempts reach a deployment.

A ``Deployment`` opens one ``Exchange`` for each attempt: bytes go into it, and what comes back
is told to a ``Receiver``. Nothing here knows what the bytes mean.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from restate_reflect.definitions import ServiceDefinition
from restate_reflect.endpoint.core import SERVER_HEADER, Accepted, Answer, Core
from restate_reflect.manifest import VERSIONS, content_type

__all__ = ["Deployment", "Exchange", "InProcessDeployment", "Receiver", "RemoteAddress", "TransportError"]


class TransportError(Exception):
    """A deployment can't be reached, or did not answer as one."""


@dataclass(frozen=True, slots=True)
class RemoteAddress:
    """How to reach a deployment again after a restart."""

    uri: str
    headers: Mapping[str, str]
    use_http_11: bool


class Receiver(Protocol):
    """Who is told what a deployment answers. May be called from within ``Exchange`` methods."""

    def answered(self, status: int, headers: Mapping[str, str]) -> None: ...
    def received(self, data: bytes) -> None: ...
    def ended(self, error: str | None) -> None:
        """Nothing follows; ``error`` says what broke, if anything."""
        ...


class Exchange(Protocol):
    """One attempt's request."""

    def write(self, data: bytes) -> None: ...
    def close_input(self) -> None:
        """No more bytes will be written."""
        ...

    def abort(self) -> None:
        """Lets go of it; the receiver is told nothing more."""
        ...

    @property
    def is_executing(self) -> bool:
        """Whether something other than more input can make it go on, such as a running step."""
        ...


class Deployment(Protocol):
    """Where handlers run."""

    @property
    def address(self) -> str:
        """For people; the URI of one that has one."""
        ...

    sdk_version: str | None
    """``x-restate-server`` of the discovery; ``None`` before it."""

    @property
    def remote(self) -> RemoteAddress | None:
        """``None`` for one of this process, which a restart must deploy again."""
        ...

    @property
    def is_in_process(self) -> bool: ...

    @property
    def is_bidirectional(self) -> bool:
        """Whether an exchange can be written to after it was answered."""
        ...

    async def discover(self) -> Mapping[str, Any]:
        """The manifest. Raises ``TransportError``."""
        ...

    def open(self, path: str, headers: Mapping[str, str], receiver: Receiver) -> Exchange: ...

    async def close(self) -> None:
        """Gives connections up; exchanges in progress end."""
        ...


class InProcessDeployment:
    """Services of this process: bytes go straight into their attempts, in the same call.

    Args:
        target: Definitions, or a ``Core`` that has them.
        name: Shown in errors and listings.
    """

    sdk_version: str | None = SERVER_HEADER[1]
    remote: RemoteAddress | None = None
    is_in_process = True
    is_bidirectional = True

    def __init__(self, target: Core | Iterable[ServiceDefinition], *, name: str = "in-process") -> None:
        self.core = target if isinstance(target, Core) else Core(target)
        self.address = name
        self.manifest: Mapping[str, Any] | None = None
        """What ``discover`` answers; made at its first call, unless somebody who knows it already sets it."""
        self.wall_clock: Callable[[], float] | None = None
        """Seconds since the epoch, for wake-up times; the runtime sets it to its own clock."""

    def __str__(self) -> str:
        return self.address

    async def discover(self) -> Mapping[str, Any]:
        if self.manifest is not None:
            return self.manifest
        accept = {"accept": content_type(VERSIONS[-1])}
        answer = self.core.answer("GET", "/discover", accept, "BIDI_STREAM")
        if not isinstance(answer, Answer) or answer.status != 200:
            shown = answer.body.decode() if isinstance(answer, Answer) else "no manifest"
            raise TransportError(f"discovery failed: {shown}")
        manifest: dict[str, Any] = json.loads(answer.body)
        self.manifest = manifest
        return manifest

    def open(self, path: str, headers: Mapping[str, str], receiver: Receiver) -> Exchange:
        decision = self.core.answer("POST", path, headers, "BIDI_STREAM")
        if isinstance(decision, Answer):
            return _Refused(decision, receiver)
        if self.wall_clock is not None:
            self.core.environment.wall_clock = self.wall_clock
        return _InProcessExchange(self.core, decision, headers, receiver)

    async def close(self) -> None:
        """The clock was the runtime's."""
        if self.wall_clock is not None:
            self.wall_clock = None
            self.core.environment.wall_clock = time.time


class _Refused:
    """The endpoint said no; it is told at the first write, when somebody listens."""

    is_executing = False

    def __init__(self, answer: Answer, receiver: Receiver) -> None:
        self._answer, self._receiver = answer, receiver

    def write(self, data: bytes) -> None:
        self._receiver.answered(self._answer.status, dict(self._answer.headers))
        self._receiver.received(self._answer.body)
        self._receiver.ended(None)

    def close_input(self) -> None: ...
    def abort(self) -> None: ...


class _InProcessExchange:
    """An attempt; its output goes to a sink of its own."""

    __slots__ = ("_attempt", "_sink")

    def __init__(self, core: Core, accepted: Accepted, headers: Mapping[str, str], receiver: Receiver) -> None:
        self._sink = _Sink(accepted, receiver)
        self._attempt = core.start(accepted, self._sink, headers)

    def write(self, data: bytes) -> None:
        self._attempt.receive(data)

    def close_input(self) -> None:
        self._attempt.receive_eof()

    def abort(self) -> None:
        self._sink.receiver = None
        self._attempt.abort("the runtime has ended this attempt")

    @property
    def is_executing(self) -> bool:
        return self._attempt.is_executing


class _Sink:
    """Passes an attempt's output on."""

    __slots__ = ("_accepted", "receiver")

    def __init__(self, accepted: Accepted, receiver: Receiver) -> None:
        self._accepted: Accepted | None = accepted
        self.receiver: Receiver | None = receiver

    def write(self, data: bytes, *, end: bool) -> None:
        receiver = self.receiver
        if receiver is None:
            return
        if self._accepted is not None:
            receiver.answered(200, dict(self._accepted.headers))
            self._accepted = None
        if data:
            receiver.received(data)
        if end:
            self.receiver = None
            receiver.ended(None)
