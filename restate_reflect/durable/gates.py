"""Version gates: which side of a change an invocation takes.

The rules. A gate is passed for the first time at one place of the handler's order of commands, in every attempt.

1. While replaying, the next recorded command decides: the gate's own step, and it is open; any other, and the code that
   wrote the journal had no gate here: it is shut. The journal up to there never changes, so the answer never does.
2. With nothing left to replay it is open, and its step is the next command: whatever is stored later is stored behind
   it, so an attempt that finds it missing finds nothing else in its place.
3. What was decided holds for the attempt, however often it is asked, also beyond the end of the replay: a loop that an
   old invocation is in takes the old side to its end. The next attempt asks first at the same place, see 1 and 2.
4. An answer that is known is there at once, without a turn of the loop: shut, it leaves the order of tasks as it was.

That the step of an open gate has no result yet changes nothing: the command alone tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from restate_reflect.durable.locations import caller
from restate_reflect.engine import journal
from restate_reflect.errors import HandlerBugError
from restate_reflect.protocol import pb
from restate_reflect.protocol.framing import RawMessage
from restate_reflect.protocol.messages import MessageType
from restate_reflect.versions import Gate

__all__ = ["NO_GATES", "gate_named", "is_passed", "passed"]

NO_GATES: Final[Mapping[Gate, bool]] = MappingProxyType({})
"""Stands until the first one is passed."""


def gate_named(name: object, since: object) -> Gate:
    """Raises ``HandlerBugError``: it can't be the name or the version of a change."""
    if not isinstance(name, str) or not name:
        raise HandlerBugError(f"a version gate needs a name, not {name!r} ({caller()}): the change that it is about.")
    if not isinstance(since, int) or isinstance(since, bool) or since < 1:
        raise HandlerBugError(f"version gate {name!r}: since={since!r} is no version ({caller()}). Count from 1 on.")
    return Gate(name, since)


def is_passed(recorded: RawMessage | None, gate: Gate) -> bool:
    """Whether the gate is open. ``recorded`` is the next command to replay, ``None`` if there is none."""
    if recorded is None:
        return True
    if recorded.type != MessageType.RUN_COMMAND:
        return False
    command = journal.decode(recorded.type, recorded.payload)
    assert isinstance(command, pb.RunCommandMessage)
    return command.name == gate.step


async def passed() -> bool:
    """The step of a gate that is passed for the first time."""
    return True
