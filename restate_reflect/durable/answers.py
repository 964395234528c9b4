"""The standard library's clocks and random numbers, answered durably in handlers of services that ask for it.

``@service(durable_natives=True)``. With the first invocation of such a service the functions of ``time``, ``random``
and ``uuid`` are replaced, in these modules and where others have imported them by name, by functions that look at a
context variable: in a handler of such a service they answer by its journal, everywhere else as before.
"""

from __future__ import annotations

import functools
import random
import sys
import threading
import time
import uuid
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from time import asctime, localtime, strftime
from types import ModuleType
from typing import Any, Final, Protocol

__all__ = ["Answers", "answered", "enter", "leave"]


class Journal(Protocol):
    """What answers: the operations of an attempt."""

    @property
    def random(self) -> random.Random: ...
    def now(self) -> Any: ...


class Answers:
    """For one attempt."""

    def __init__(self, journal: Journal, clock: Callable[[], float]) -> None:
        """``clock``: seconds, moved by durable timers alone."""
        self._journal = journal
        self.clock = clock
        self._ahead = 0.0

    async def start(self) -> None:
        """Journals the time; from here on the wall clock goes with the other one."""
        self._ahead = (await self._journal.now()).timestamp() - self.clock()

    @property
    def random(self) -> random.Random:
        return self._journal.random

    def time(self) -> float:
        return self._ahead + self.clock()

    def uuid(self, version: int) -> uuid.UUID:
        return uuid.UUID(int=self.random.getrandbits(128), version=version)


_current: ContextVar[Answers | None] = ContextVar("restate_reflect_answers", default=None)


def enter(answers: Answers) -> None:
    """In a handler's context, before its first turn."""
    _install()
    _current.set(answers)


def leave() -> None:
    """In the context of a step's body: there everything is answered by the machine."""
    _current.set(None)


async def answered(answers: Answers, coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Runs the handler once the time is there."""
    try:
        await answers.start()
    except BaseException:
        coroutine.close()
        raise
    return await coroutine


# ---------------------------------------------------------------- in place of the standard library's

_nanoseconds: Final = 1_000_000_000
_installed = threading.Lock()


def _install() -> None:
    """Once per process."""
    if not _installed.acquire(blocking=False):
        return
    replacements = {id(original): _replaced(original, answer) for original, answer in _answers()}
    for module in [module for module in list(sys.modules.values()) if _is_reached(module)]:
        for name, value in list(vars(module).items()):
            if id(value) in replacements:
                setattr(module, name, replacements[id(value)])


_OWN_MODULES: Final = (time, random, uuid)


def _is_reached(module: Any) -> bool:
    """The three modules, and everybody's that has imported from them but the standard library's and this package's."""
    if not isinstance(module, ModuleType):
        return False
    top = module.__name__.partition(".")[0]
    return module in _OWN_MODULES or not (top in sys.stdlib_module_names or top == "restate_reflect")


def _answers() -> list[tuple[Callable[..., Any], Callable[..., Any]]]:
    """Each function, and what answers in its place, given the ``Answers`` before its own arguments."""
    clocks = ("monotonic", "perf_counter")
    found: list[tuple[Callable[..., Any], Callable[..., Any]]] = [
        (time.time, Answers.time),
        (time.time_ns, lambda answers: round(answers.time() * _nanoseconds)),
        *((getattr(time, name), lambda answers: answers.clock()) for name in clocks),
        *((getattr(time, f"{name}_ns"), lambda answers: round(answers.clock() * _nanoseconds)) for name in clocks),
        *(
            (function, functools.partial(_by_moment, function))
            for function in (time.localtime, time.gmtime, time.ctime)
        ),
        (asctime, lambda answers, *date: asctime(*date or [localtime(answers.time())])),
        (strftime, lambda answers, format, *date: strftime(format, *date or [localtime(answers.time())])),
    ]
    shared = getattr(random.random, "__self__", None)
    for name in random.__all__:
        function = getattr(random, name)
        if getattr(function, "__self__", None) is shared:  # not the classes
            found.append((function, functools.partial(_by_random, name)))
    for version in (1, 4, 6, 7):
        if hasattr(uuid, f"uuid{version}"):
            found.append((getattr(uuid, f"uuid{version}"), functools.partial(_by_uuid, version)))
    return found


def _by_moment(function: Callable[[float], Any], answers: Answers, seconds: float | None = None) -> Any:
    return function(answers.time() if seconds is None else seconds)


def _by_random(name: str, answers: Answers, *args: Any, **kwargs: Any) -> Any:
    return getattr(answers.random, name)(*args, **kwargs)


def _by_uuid(version: int, answers: Answers, *_args: Any, **_kwargs: Any) -> uuid.UUID:
    return answers.uuid(version)


def _replaced(original: Callable[..., Any], answer: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def native(*args: Any, **kwargs: Any) -> Any:
        answers = _current.get()
        return original(*args, **kwargs) if answers is None else answer(answers, *args, **kwargs)

    return native
