"""The recorded part of a journal, through which a handler goes again command by command."""

from __future__ import annotations

from collections import deque
from typing import Final

from restate_reflect.engine import journal
from restate_reflect.engine.journal import Command, Mismatch, Noted
from restate_reflect.engine.locator import Locator
from restate_reflect.errors import ProtocolViolationError
from restate_reflect.protocol.framing import RawMessage
from restate_reflect.protocol.messages import MessageType

__all__ = ["Recorded"]

_NOTED: Final = 5
"""Commands before a mismatch that are shown with their lines."""


class Recorded:
    """Commands of the journal that the handler has not issued again. First they arrive, then they are taken."""

    __slots__ = ("_commands", "_missing", "_noted", "is_over")

    def __init__(self, known_entries: int) -> None:
        self._missing = known_entries
        """Entries of the journal that have not arrived."""
        self._commands: list[tuple[int, bytes]] = []
        """Type and payload, the next one last; while the journal arrives, all of them in its order."""
        self.is_over = False
        """Whether all were taken."""
        self._noted: deque[tuple[int, int, bytes, object]] | None = None
        """What ``Noted`` is made of, of the last commands that fitted."""

    def add(self, message_type: int, payload: bytes) -> None:
        """A command has arrived."""
        self._commands.append((message_type, payload))

    def count_entry(self) -> bool:
        """Counts an entry that has arrived, a command or a notification. Returns whether it was the last.

        Raises:
            ProtocolViolationError: It was, and there is no command.
        """
        self._missing -= 1
        if self._missing:
            return False
        if not self._commands:
            raise ProtocolViolationError("a journal without an input command")
        self._commands.reverse()
        return True

    def take(self) -> tuple[int, bytes]:
        """Type and payload of the next command."""
        taken = self._commands.pop()
        self.is_over = not self._commands
        return taken

    def peek(self) -> RawMessage:
        """The next command, which stays."""
        message_type, payload = self._commands[-1]
        return RawMessage(message_type, payload)

    def note(self, number: int, message_type: int, payload: bytes, locator: Locator) -> None:
        """Keeps where the handler has issued a command again, which the error shows if a later one does not fit.

        That costs a replayed command 0.9 µs, and a handler that replays nothing any more nothing.
        """
        if self.is_over:
            self._noted = None
            return
        if self._noted is None:
            self._noted = deque(maxlen=_NOTED)
        self._noted.append((number, message_type, payload, locator.place()))

    def mismatch(self, number: int, why: str, recorded: RawMessage, current: Command | str, where: str) -> Mismatch:
        """What the error is made of. ``recorded`` was taken, as command ``number``.

        Args:
            current: The command that the handler issues, or in words what it does instead of issuing one.
            where: In the user's source.
        """
        command = None if isinstance(current, str) else current
        doing = current if isinstance(current, str) else journal.describe(current.type, current.payload)
        later = tuple(RawMessage(*each) for each in reversed(self._commands))
        before = tuple(Noted(at, MessageType(kind), payload, place) for at, kind, payload, place in self._noted or ())
        return Mismatch(number, why, recorded, command, doing, where, later, before)
