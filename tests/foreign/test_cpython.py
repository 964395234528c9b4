"""CPython's own tests of asyncio, of the interpreter that runs this, in a handler: live and under the crash matrix.

Those that are async, of classes that bring a loop for each test. The others of these files are plain functions, which
start loops of their own (``asyncio.run``) or ask nothing of one: a handler has no part in either.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import unittest
import warnings
from collections.abc import Iterator
from types import ModuleType

import pytest

from restate_reflect import Context, TerminalError, service
from restate_reflect.testing import Durable

MODULES = ("test_taskgroups", "test_timeouts", "test_locks", "test_queues", "test_waitfor")


def load(name: str) -> ModuleType | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(f"test.test_asyncio.{name}")
        except ModuleNotFoundError:
            return None


LOADED = {name: module for name in MODULES if (module := load(name))}


def cases() -> Iterator[str]:
    """``test_locks.EventTests.test_wait``: of each class with a loop, what is async."""
    for name, module in LOADED.items():
        for cls in vars(module).values():
            if (
                isinstance(cls, type)
                and issubclass(cls, unittest.IsolatedAsyncioTestCase)
                and cls.__module__ == module.__name__
            ):
                for method in unittest.defaultTestLoader.getTestCaseNames(cls):
                    if inspect.iscoroutinefunction(getattr(cls, method)):
                        yield f"{name}.{cls.__name__}.{method}"


@service(durable_natives=True)
class Foreign:
    """Their loops of ``while time.monotonic() < end`` end by the journal's clock."""

    async def run(self, ctx: Context, case: str) -> str:
        module, cls, method = case.split(".")
        test = getattr(LOADED[module], cls)(method)
        try:
            await test.asyncSetUp()
            await asyncio.create_task(getattr(test, method)())  # a task of its own, as unittest has it
            await test.asyncTearDown()
        except unittest.SkipTest as skipped:
            return f"skipped: {skipped}"
        except Exception as error:  # a failed assertion of theirs is an answer, and not tried again
            raise TerminalError(f"{type(error).__name__}: {error}") from error
        return "passed"


LEFT_OUT = {
    "test_locks.ConditionTests.test_ambiguous_loops": "makes a second event loop, which a handler must not",
    # From 3.14 on.
    **{
        f"test_taskgroups.{cls}.test_exception_refcycles_parent_task{suffix}": "nobody may hold a task that has failed;"
        " a handler's loop knows its last ones, to tell of those whose failure nobody sees"
        for cls in ("TestTaskGroup", "TestEagerTaskTaskGroup")
        for suffix in ("", "_wr")
    },
}


@pytest.mark.skipif(not LOADED, reason="this Python comes without its own tests (Debian: libpython3.x-testsuite)")
@pytest.mark.parametrize("case", [case for case in cases() if case not in LEFT_OUT])
@pytest.mark.filterwarnings(
    "ignore::restate_reflect.durable.guards.GuardWarning",
    "ignore::restate_reflect.durable.blocking.BlockedLoopWarning",
)
async def test_a_test_of_cpython_passes_in_a_handler(durable: Durable, case: str) -> None:
    env = await durable(Foreign)
    assert await env.call(Foreign.run, case) == "passed"
