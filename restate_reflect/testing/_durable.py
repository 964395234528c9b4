"""What the ``durable`` fixture is: a maker of environments that takes part in the crash matrix."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any, Final, Literal

from restate_reflect.durable.guards import Guard
from restate_reflect.embedded import RuntimeSettings
from restate_reflect.errors import HandlerBugError
from restate_reflect.payloads import Chain
from restate_reflect.server import RestateServer
from restate_reflect.testing._base import Environment
from restate_reflect.testing._comparing import NO_VARIATION, Divergence, Variation
from restate_reflect.testing._crashes import BASELINE, Variant, plan
from restate_reflect.testing._environment import DEFAULT_SETTINGS, TestEnvironment
from restate_reflect.testing._lines import noting_lines, shown_place, source_of
from restate_reflect.testing._recording import Recording
from restate_reflect.testing._server_environment import ServerEnvironment

__all__ = ["Durable"]

Scenario = Callable[[], Coroutine[Any, Any, None]]


class Durable:
    """``env = await durable(Inventory, Checkout, mocks=[Mailer])``; closed when the test ends."""

    def __init__(self, *, max_crashes: int, server: Callable[[], RestateServer] | None = None) -> None:
        """Args:
        max_crashes: Crashes per scenario at most; 0: no matrix, it runs once.
        server: Gives a running server, on which everything runs then, without a matrix.
        """
        self._max_crashes = max_crashes
        self._server = server
        self._stack = AsyncExitStack()
        self._recordings: list[Recording] = []
        self._environments: list[Environment] = []
        self._variant: Variant = BASELINE
        self._baseline: list[Recording] = []
        self._variations: list[Variation] | None = None
        """Found out when a difference is met for the first time."""
        self.runs = 0
        """How often the scenario has run; for tests about the matrix itself."""

    @property
    def engine(self) -> Literal["embedded", "server"]:
        """What keeps the journals in this run."""
        return "embedded" if self._server is None else "server"

    async def __call__(
        self,
        *services: object,
        mocks: Iterable[type] = (),
        auto_skip: bool = True,
        settings: RuntimeSettings | None = None,
        guard: Guard = Guard.WARN,
        interceptors: Iterable[object] = (),
        payloads: Chain | Iterable[object] = (),
        retries: bool = False,
    ) -> Environment:
        """An environment for this run; the arguments are those of ``TestEnvironment``."""
        if self._server is not None:
            environment = ServerEnvironment(
                *services,
                server=self._server(),
                mocks=mocks,
                settings=settings,
                guard=guard,
                interceptors=interceptors,
                payloads=payloads,
                retries=retries,
            )
            await self._stack.enter_async_context(environment)
            return environment
        chosen = settings or DEFAULT_SETTINGS
        if self._variant.suspend:
            chosen = dataclasses.replace(chosen, force_suspension=True)
        embedded = TestEnvironment(
            *services,
            mocks=mocks,
            auto_skip=auto_skip,
            settings=chosen,
            guard=guard,
            interceptors=interceptors,
            payloads=payloads,
            retries=retries,
        )
        await self._stack.enter_async_context(embedded)
        # A crash hits the first environment only: which one it hits must not depend on timing.
        variant = self._variant if not self._recordings else BASELINE
        self._recordings.append(Recording(variant, embedded.runtime, embedded._steps, embedded._payloads))
        self._environments.append(embedded)
        return embedded

    def run(self, scenario: Scenario) -> None:
        """Runs the scenario, and then once for each disturbance.

        Raises:
            Divergence: A disturbed run differed from the undisturbed one.
        """
        __tracebackhide__ = True
        # One event loop for all runs: making one costs more than a run of a small scenario.
        with asyncio.Runner() as runner, _rare_collections():
            baseline = self._run(runner, scenario, BASELINE)
            for recording in baseline:
                recording.check_executions()
            if self._max_crashes == 0 or not baseline:
                return
            self._baseline = baseline
            for variant in plan(baseline[0].entries, self._max_crashes):
                self._disturb(runner, scenario, variant, baseline)

    def _disturb(self, runner: asyncio.Runner, scenario: Scenario, variant: Variant, baseline: list[Recording]) -> None:
        __tracebackhide__ = True
        try:
            disturbed = self._run(runner, scenario, variant)
        except Exception as error:
            _explain(error, variant)
            raise
        if len(disturbed) != len(baseline):
            raise Divergence(
                f"run {variant.name}, the test made {len(disturbed)} environments, and {len(baseline)} undisturbed."
            )
        try:
            self._check(runner, scenario, disturbed, baseline)
        except Divergence as divergence:
            if divergence.place is not None:
                note = self._located(runner, scenario, variant, divergence.place)
                if note:
                    divergence.add_note(note)
            raise

    def _check(
        self, runner: asyncio.Runner, scenario: Scenario, disturbed: list[Recording], baseline: list[Recording]
    ) -> None:
        __tracebackhide__ = True
        for index, recording in enumerate(disturbed):
            try:
                recording.check(self._variations[index] if self._variations else NO_VARIATION)
            except Divergence:
                if self._variations is not None:
                    raise
                self._variations = self._find_variations(runner, scenario, baseline)
                recording.check(self._variations[index])

    def _find_variations(
        self, runner: asyncio.Runner, scenario: Scenario, baseline: list[Recording]
    ) -> list[Variation]:
        again = self._run(runner, scenario, BASELINE)
        found = [more.variation(first) for more, first in zip(again, baseline, strict=False)]
        return found + [NO_VARIATION] * (len(baseline) - len(found))

    def _run(self, runner: asyncio.Runner, scenario: Scenario, variant: Variant) -> list[Recording]:
        __tracebackhide__ = True
        self.runs += 1
        self._variant = variant
        self._recordings, self._environments = [], []
        # Not runner.run, whose handling of Ctrl-C takes 25 µs each time; its close cancels what is left all the same.
        runner.get_loop().run_until_complete(self._closing(scenario))
        return self._recordings

    async def _closing(self, scenario: Scenario) -> None:
        async with AsyncExitStack() as self._stack:
            await scenario()
            for recording, environment in zip(self._recordings, self._environments, strict=True):
                await environment.settle()
                recording.finish()
            for recording, expected in zip(self._recordings, self._baseline, strict=False):
                recording.relate(expected)

    # ------------------------------------------------------------ explaining

    def _located(
        self, runner: asyncio.Runner, scenario: Scenario, variant: Variant, place: tuple[str, str, int]
    ) -> str:
        """Both sides once more, this time with an eye on the source."""
        left, right, index = place
        sides = {"undisturbed": (BASELINE, left), "disturbed": (variant, right)}
        lines = {title: self._line(runner, scenario, *side, index) for title, side in sides.items()}
        shown = [f"  {title + ':':12} {line}" for title, line in lines.items() if line]
        return "\n".join(["The command was issued at", *shown]) if shown else ""

    def _line(
        self, runner: asyncio.Runner, scenario: Scenario, variant: Variant, invocation: str, index: int
    ) -> str | None:
        with noting_lines() as lines:
            try:
                self._run(runner, scenario, variant)
            except Exception as error:
                return f"(the repetition failed: {error})"
        return shown_place(lines.get((invocation, index)))


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Reference counts free most of what many short runs leave; looking for cycles took 10 % of a matrix."""
    before = gc.get_threshold()
    if gc.isenabled():
        gc.set_threshold(_YOUNG_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


_YOUNG_OBJECTS: Final = 20_000
"""Allocations before a collection, instead of 700."""


def _explain(error: Exception, variant: Variant) -> None:
    error.add_note(f"This happened only in the run {variant.name}; undisturbed, the test passed.")
    source = source_of(str(error)) if isinstance(error, HandlerBugError) else None
    if source is not None:
        error.add_note(source)
