"""What happens, step by step, as ``dev`` shows it."""

from __future__ import annotations

import click

from restate_reflect.embedded import Entry, Invocation, Runtime
from restate_reflect.embedded.attempts import AttemptEnd
from restate_reflect.embedded.records import Failure
from restate_reflect.engine import journal, notifications
from restate_reflect.protocol import _pb2 as pb
from restate_reflect.protocol.framing import RawMessage
from restate_reflect.protocol.messages import MessageType, is_command
from restate_reflect.protocol.versions import ProtocolVersion

__all__ = ["DevLog"]

_SHORT = 12
"""Characters of an invocation id that are shown; enough to tell those of one screen apart."""

_LONGEST = 100
"""Characters of a value that are shown."""


class DevLog:
    """Prints journal entries as they are stored; what is only replayed is one dimmed line."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def attach(self) -> None:
        """Starts printing."""
        self._runtime.on_entry = self._entry
        self._runtime.observer = self

    def _entry(self, invocation: Invocation, index: int, entry: Entry) -> bool:
        _line(invocation, _shown(entry))
        return False

    def attempt_started(self, invocation: Invocation, version: ProtocolVersion) -> None:
        """Tells how much is replayed; a first attempt has only its input."""
        if invocation.length > 1:
            _line(invocation, f"replays {invocation.length} entries", dim=True)

    def attempt_ended(self, invocation: Invocation, end: AttemptEnd, failure: Failure | None) -> None:
        """Tells of failures prominently; everything else shows in the journal."""
        if failure is not None:
            _line(invocation, f"attempt failed ({failure.code}): {failure.message}", fg="red")


def _shown(entry: Entry) -> str:
    if entry.type == MessageType.INPUT_COMMAND:
        return f"begins with {_text(pb.InputCommandMessage.FromString(entry.payload).value.content)}"
    if is_command(entry.type):
        return journal.describe(entry.type, entry.payload)
    name = MessageType(entry.type).name.lower().removesuffix("_completion").removesuffix("_notification")
    return f"  {name.replace('_', ' ')} done: {_result(notifications.parse(RawMessage(entry.type, entry.payload)))}"


def _result(done: notifications.Notification) -> str:
    if done.failure is not None:
        return f"failed ({done.failure.code}) {done.failure.message}"
    if done.value is not None:
        return _text(done.value)
    return done.invocation_id or ", ".join(done.state_keys or []) or "-"


def _text(body: bytes) -> str:
    text = body.decode(errors="replace") or "nothing"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _line(invocation: Invocation, text: str, *, dim: bool = False, fg: str | None = None) -> None:
    identity = f"{invocation.target} {invocation.id[-_SHORT:]}"
    click.secho(f"{identity}  {text}", dim=dim, fg=fg)
