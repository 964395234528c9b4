"""Clocks, random numbers and the environment asked by handler code: noticed when guarded, unpatched otherwise."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import random
import secrets
import sys
import threading
import time
import uuid
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from random import choice, randint
from random import random as bare_random
from time import monotonic
from typing import Any

import pytest

from restate_reflect import Context
from restate_reflect.durable.guards import Guard, GuardWarning
from tests.journals import M, Played, play

ASKED: dict[str, tuple[Callable[[], Any], str]] = {
    "time.time": (lambda: time.time(), "ctx.now()"),
    "time.time_ns": (lambda: time.time_ns(), "ctx.now()"),
    "time.monotonic": (lambda: time.monotonic(), "asyncio.get_running_loop().time()"),
    "time.clock_gettime": (lambda: time.clock_gettime(time.CLOCK_REALTIME), "ctx.now()"),
    "time.process_time": (lambda: time.process_time(), "asyncio.get_running_loop().time()"),
    "time.perf_counter": (lambda: time.perf_counter(), "asyncio.get_running_loop().time()"),
    "monotonic": (lambda: monotonic(), "asyncio.get_running_loop().time()"),
    "datetime.now": (lambda: datetime.now(), "ctx.now()"),
    "date.today": (lambda: date.today(), "ctx.now()"),
    "random.random": (lambda: random.random(), "ctx.random"),
    "random": (lambda: bare_random(), "ctx.random"),
    "random.randint": (lambda: randint(1, 6), "ctx.random"),
    "random.choice": (lambda: choice("ab"), "ctx.random"),
    "random.shuffle": (lambda: random.shuffle([1, 2]), "ctx.random"),
    "random.uniform": (lambda: random.uniform(1, 2), "ctx.random"),
    "random.expovariate": (lambda: random.expovariate(1.0), "ctx.random"),
    "random.Random": (lambda: random.Random(), "random.Random(5)"),
    "random.seed": (lambda: random.seed(), "random.Random(5)"),
    "uuid.uuid1": (lambda: uuid.uuid1(), "ctx.uuid()"),
    "uuid.uuid4": (lambda: uuid.uuid4(), "ctx.uuid()"),
    "secrets.token_hex": (lambda: secrets.token_hex(), "ctx.run"),
    "secrets.choice": (lambda: secrets.choice("ab"), "ctx.run"),
    "os.urandom": (lambda: os.urandom(4), "ctx.run"),
    "os.getrandom": (lambda: os.getrandom(4), "ctx.run"),
    "SystemRandom": (lambda: random.SystemRandom().randint(1, 6), "ctx.run"),
    "os.environ": (lambda: os.environ.get("HOME"), "__init__"),
    "os.environ[]": (lambda: os.environ["PATH"], "__init__"),
    "os.environ, all of it": (lambda: len(dict(os.environ)), "__init__"),
    "os.environ's names": (lambda: list(os.environ), "__init__"),
    "os.getenv": (lambda: os.getenv("HOME"), "__init__"),
}


def played(ask: Callable[[Context], Any], guard: Guard) -> Played:
    class Asking:
        async def go(self, ctx: Context) -> None:
            ask(ctx)

    return play(Asking, "go", guard=guard)


@pytest.mark.parametrize("what", ASKED)
def test_guard_warn_names_the_line_and_the_counterpart(what: str) -> None:
    ask, counterpart = ASKED[what]
    with pytest.warns(GuardWarning) as seen:
        assert played(lambda ctx: ask(), Guard.WARN).types[-1] is M.END
    (warning,) = seen
    assert counterpart in str(warning.message)
    assert "test_natives.py:" in str(warning.message)
    assert warning.lineno == ask.__code__.co_firstlineno


@pytest.mark.parametrize("what", ASKED)
def test_guard_fail_ends_the_attempt(what: str) -> None:
    ask, counterpart = ASKED[what]
    found = played(lambda ctx: ask(), Guard.FAIL)
    assert found.types[-1] is M.ERROR
    assert counterpart in found.one(M.ERROR).message


@pytest.mark.parametrize("what", ASKED)
def test_guard_off_says_nothing(what: str) -> None:
    assert played(lambda ctx: ASKED[what][0](), Guard.OFF).types[-1] is M.END
    assert sys.getprofile() is None


def test_a_line_is_told_once() -> None:
    def often(ctx: Context) -> None:
        for _ in range(3):
            time.time()
        time.time()

    with pytest.warns(GuardWarning) as seen:
        played(often, Guard.WARN)
    assert len(seen) == 2


@dataclass
class Stamped:
    at: float = field(default_factory=time.time)
    by: object = field(default_factory=uuid.uuid4)


def test_a_default_of_a_dataclass_is_told_where_one_is_made() -> None:
    """The method that asks has been written by ``dataclasses``, and has no file."""
    with pytest.warns(GuardWarning) as seen:
        played(lambda ctx: Stamped(), Guard.WARN)
    (warning,) = seen
    assert "asks time.time() at" in str(warning.message)
    assert "test_natives.py:" in str(warning.message)
    assert "in test_a_default_of" in str(warning.message)


def test_a_thread_is_told() -> None:
    """One that is no matter of the loop's."""

    def start(ctx: Context) -> None:
        threading.Thread(target=str).start()

    with pytest.warns(GuardWarning, match=r"starts a thread at .*test_natives\.py:"):
        played(start, Guard.WARN)
    assert (
        "starts a thread" in played(lambda ctx: threading.Thread(target=str).start(), Guard.FAIL).one(M.ERROR).message
    )


def test_what_replays_alike_is_silent() -> None:
    """Durable counterparts, seeded generators, the loop's clock, log records, and what is marked."""

    def fine(ctx: Context) -> None:
        ctx.random.random()
        ctx.random.choice("ab")
        ctx.uuid()
        random.Random(5).random()
        random.Random("text").shuffle([1, 2])
        asyncio.get_running_loop().time()
        uuid.uuid5(uuid.NAMESPACE_DNS, "a")
        logging.getLogger("tests.natives").warning("logged")
        datetime.fromisoformat("2020-01-02")
        with ctx.unguarded():
            time.time()

    assert played(fine, Guard.FAIL).types[-1] is M.END


def test_steps_ask_what_they_want() -> None:
    async def body() -> float:
        return time.time() + random.random()

    class Steps:
        async def go(self, ctx: Context) -> None:
            await ctx.run("a", body)
            await ctx.now()
            await asyncio.sleep(1)

    found = play(Steps, "go", guard=Guard.FAIL).echo().echo()
    assert M.SLEEP_COMMAND in found.types


def test_nothing_is_patched_and_other_profilers_stay() -> None:
    before = time.time, random.random, os.urandom, uuid.uuid4

    def profiler(*_: Any) -> None: ...

    sys.setprofile(profiler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert played(lambda ctx: time.time(), Guard.WARN).types[-1] is M.END
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)
    assert (time.time, random.random, os.urandom, uuid.uuid4) == before


def test_callbacks_of_the_garbage_collector_ask_what_they_like() -> None:
    """They run whenever the collector does, which is nothing that the handler decides."""

    def measure(phase: str, info: dict[str, int]) -> None:
        time.perf_counter()

    gc.callbacks.append(measure)
    try:
        assert played(lambda ctx: gc.collect(), Guard.FAIL).types[-1] is M.END
    finally:
        gc.callbacks.remove(measure)


def test_guard_fail_ends_the_attempt_whatever_is_caught() -> None:
    def ask(ctx: Context) -> None:
        try:
            time.time()
        except Exception:
            ctx.send_raw("Other", "fallback")

    assert played(ask, Guard.FAIL).types == [M.ERROR]
