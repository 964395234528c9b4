"""Stdout and stderr: a command does what it was asked to, whatever becomes of what it prints.

The reader of a pipe may end first (``| head``, ``| tee log`` and Ctrl-C), the disk behind a log may be full, the
encoding may lack an arrow, and both may be closed from the beginning. None of it may stop a server, swallow a signal,
or end a loop over invocations half-way. What was lost is told once the work is done, by the exit code.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TextIO, cast

__all__ = ["Tolerant", "tolerant_streams"]

_NOBODY_READS: Final = frozenset({errno.EPIPE, errno.ESHUTDOWN, errno.ECONNRESET})
"""The reader has what it wanted: nothing to complain about."""


class Tolerant:
    """A stream that never raises when it is written to; everything else is the stream's own."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.lost: Exception | None = None
        """The last failure to write."""

    def write(self, data: Any) -> int:
        try:
            self._stream.write(data)
        except (OSError, ValueError) as error:  # ValueError: closed, or not encodable
            self.lost = error
        return len(data)

    def writelines(self, lines: Iterable[Any]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError) as error:
            self.lost = error

    @property
    def buffer(self) -> Tolerant:
        """For bytes; its failures count, too."""
        return _Buffer(self, self._stream.buffer)

    def finish(self) -> None:
        """Flushes for the last time; what can't be written is dropped, as Python itself would try it again at its
        end, and turn the exit code into 120."""
        self.flush()
        if self.lost is not None:
            try:
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)
            except (OSError, ValueError):
                pass  # a stream without a descriptor

    @property
    def complaint(self) -> str | None:
        """Why something that somebody wanted to read was lost."""
        if self.lost is None or getattr(self.lost, "errno", None) in _NOBODY_READS:
            return None
        return f"what was printed is incomplete: {getattr(self.lost, 'strerror', None) or self.lost}"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Buffer(Tolerant):
    """The binary side of a stream."""

    def __init__(self, owner: Tolerant, stream: Any) -> None:
        super().__init__(stream)
        self._owner = owner

    def write(self, data: Any) -> int:
        written = super().write(data)
        self._owner.lost = self.lost or self._owner.lost
        return written

    def flush(self) -> None:
        super().flush()
        self._owner.lost = self.lost or self._owner.lost


@contextmanager
def tolerant_streams() -> Iterator[Tolerant]:
    """Makes stdout, which is given out, and stderr tolerant for a while."""
    _keep_descriptors()
    before = sys.stdout, sys.stderr
    out, err = _tolerant(sys.stdout, 1), _tolerant(sys.stderr, 2)
    sys.stdout, sys.stderr = cast(TextIO, out), cast(TextIO, err)
    try:
        yield out
    finally:
        out.finish()
        err.finish()
        sys.stdout, sys.stderr = before


def _tolerant(stream: Any, number: int) -> Tolerant:
    if stream is None:  # closed when Python started; stays open until the process ends
        return Tolerant(open(number, "w", encoding="utf-8", closefd=False))
    if isinstance(stream, Tolerant):
        return stream
    if getattr(stream, "errors", None) == "strict" and hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
    return Tolerant(stream)


def _keep_descriptors() -> None:
    """Opens the numbers 0 to 2 if they are closed: the next file or socket would get one of them, and with it what
    libraries print."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
