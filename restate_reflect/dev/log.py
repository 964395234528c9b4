"""What ``dev`` prints: steps as they happen, failures once and large."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from restate_reflect.dev.spans import span
from restate_reflect.dev.trace import shortened, shown
from restate_reflect.server import ServerError

if TYPE_CHECKING:
    from restate_reflect.dev.screen import Screen

__all__ = ["DevLog"]

_STYLES: Final = {
    "begin": "bold",
    "again": "bold",
    "step": "",
    "replay": "dim",
    "wait": "italic cyan",
    "end": "bold green",
    "fail": "bold yellow",
    "log": "blue",
}

_COLOURS: Final = ("cyan", "magenta", "yellow", "green", "blue", "bright_red", "bright_cyan", "bright_magenta")
"""Of invocations, to tell lines of several apart."""

_SHORT: Final = 4
"""Last characters of an invocation id that each line shows; the first line has the whole id."""

_WIDTH: Final = 16
"""Of the first column, to begin with."""

_REMEMBERED: Final = 1000
"""Failures that are told in full once; after that many they may come again."""

_AGAIN: Final = 5.0
"""Seconds between lines about attempts of an invocation that fail for a reason already told."""

NextTry = Callable[[str], Awaitable[str]]
"""What the engine does about a failed attempt: ``tried again in 2 s``."""


class DevLog:
    """Writes to stdout; without colours where it is no terminal."""

    def __init__(self, next_try: NextTry, *, full_trace: bool = False) -> None:
        self._next_try, self._full_trace = next_try, full_trace
        self._told: dict[tuple[str, str], None] = {}
        self._told_again: dict[str, float] = {}
        self._begun: set[str] = set()
        self._quiet: set[str] = set()
        self._warned: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._width = _WIDTH
        self._held: list[tuple[tuple[str, str], ...]] | None = None

    @cached_property
    def _screen(self) -> Screen:
        """Imported with the first line: rich takes 60 ms, in which the first revision's process may start already."""
        from restate_reflect.dev.screen import Screen

        return Screen()

    def hold(self, held: bool) -> None:
        """While somebody types, lines wait."""
        if held:
            self._held = self._held or []
            return
        waiting, self._held = self._held or [], None
        for parts in waiting:
            self._print(*parts)

    def _print(self, *parts: tuple[str, str]) -> None:
        if self._held is None:
            self._screen.print(*parts)
        else:
            self._held.append(parts)

    def news(self, news: dict[str, Any]) -> None:
        """Something that a revision's process has told."""
        if "failure" in news:
            task = asyncio.create_task(self._failed(news))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif "warning" in news:
            self._warning(news["warning"])
        elif "blocked" in news:
            self._warn("blocked", news["blocked"])
        elif not self._is_noise(news["style"], news["id"]):
            self._line(news["target"], news["id"], news["text"], news["style"], news["ms"])

    def say(self, text: str, style: str = "") -> None:
        """A line about ``dev`` itself."""
        self._print((text, style))

    def problem(self, title: str, text: str) -> None:
        """Something that the user has to look at."""
        self._print((f"✗ {title}", "bold red"))
        for line in text.splitlines():
            self._print((f"    {line}", "red"))

    # ------------------------------------------------------------ invocations

    def _line(self, target: str, identifier: str, text: str, style: str, milliseconds: float | None) -> None:
        self._width = max(self._width, len(target))
        short = identifier[-_SHORT:]
        indent = "" if style in ("begin", "again", "end", "fail") else "  "
        line = [
            (time.strftime("%H:%M:%S "), "dim"),
            (f"{target:{self._width}} ", "dim" if style == "replay" else ""),
            (f"{short:{_SHORT}}  ", _COLOURS[hash_of(short) % len(_COLOURS)]),
            (f"{indent}{' '.join(text.split())}", _STYLES[style]),
        ]
        if milliseconds is not None:
            line.append((f"  ({span(milliseconds)})", "dim"))
        if style in ("begin", "again") and identifier not in self._begun:
            self._begun.add(identifier)
            line.append((f"  {identifier}", "dim"))
        self._print(*line)

    def _is_noise(self, style: str, identifier: str) -> bool:
        """Of an invocation that fails again and again, one attempt in a while is enough."""
        if style in ("begin", "again"):
            last = self._told_again.get(identifier)
            quiet = style == "again" and last is not None and time.monotonic() - last < _AGAIN
            (self._quiet.add if quiet else self._quiet.discard)(identifier)
        return style in ("again", "replay") and identifier in self._quiet

    async def _failed(self, news: dict[str, Any]) -> None:
        failure, identifier, target = news["failure"], news["id"], news["target"]
        if failure["bug"] and failure["code"] != 570:
            # The invocation has ended with it, so its own line tells the rest.
            title = f"{target} {identifier[-_SHORT:]} ends: only a change of the code can mend this"
            self._block(title, failure, news["source"])
            return
        try:
            then = await self._next_try(identifier)
        except ServerError as error:  # the engine itself has ended
            then = f"nobody knows what follows: {error}"
        key = (identifier, failure["message"])
        if key in self._told:
            self._again(target, identifier, failure["message"], then)
            return
        self._told[key] = None
        if len(self._told) > _REMEMBERED:
            self._told.clear()
            self._told_again.clear()
            self._begun.clear()
        self._block(f"{target} {identifier[-_SHORT:]} fails; {then}", failure, news["source"])

    def _again(self, target: str, identifier: str, message: str, then: str) -> None:
        """One line, and not for each of many quick attempts."""
        last = self._told_again.get(identifier)
        if last is None or time.monotonic() - last >= _AGAIN:
            self._told_again[identifier] = time.monotonic()
            first = message.partition("\n")[0]
            self._line(target, identifier, f"fails again: {shortened(first)}; {then}", "fail", None)

    def _block(self, title: str, failure: dict[str, Any], source: str) -> None:
        trace = shown(failure["trace"], full=self._full_trace)
        message = failure["message"]
        if trace:
            message += f"\n{trace}"
        elif ".py:" not in message:
            message += f"\nin the handler at {source}"
        self.problem(title, message)

    def _warning(self, text: str) -> None:
        """Each once: every attempt warns again. Of a call into a library once, too, whatever it does all in there."""
        told = text.partition(", which ")[0]
        if told not in self._warned:
            self._warned.add(told)
            self._warn("not durable", text)

    def _warn(self, title: str, text: str) -> None:
        self._print((f"! {title}", "bold yellow"))
        for line in text.splitlines():
            self._print((f"    {line}", "yellow"))


def hash_of(text: str) -> int:
    """The same in every run, unlike ``hash``."""
    return sum(map(ord, text))
