"""SIGINT and SIGTERM: the first asks for a graceful end, the second for an end at once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import click

__all__ = ["stop_on_signals"]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_on_signals() -> Iterator[asyncio.Event]:
    """An event that the first signal sets; the second one cancels the current task."""
    loop, stop, task = asyncio.get_running_loop(), asyncio.Event(), asyncio.current_task()

    def on_signal() -> None:
        if stop.is_set() and task is not None:
            task.cancel()
        else:
            stop.set()  # first: the message may find nobody
            click.echo("stopping; once more stops at once", err=True)

    with _handling(loop, on_signal):
        yield stop


@contextmanager
def _handling(loop: asyncio.AbstractEventLoop, on_signal: Callable[[], None]) -> Iterator[None]:
    try:
        for number in _SIGNALS:
            loop.add_signal_handler(number, on_signal)
    except NotImplementedError:  # Windows, whose loops know of signals only that they end a wait
        before = {number: signal.signal(number, lambda *_: _soon(loop, on_signal)) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        return
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


def _soon(loop: asyncio.AbstractEventLoop, on_signal: Callable[[], None]) -> None:
    loop.call_soon_threadsafe(on_signal)
