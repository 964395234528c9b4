"""What the ``durable`` fixture is: a maker of environments that takes part in the crash matrix."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AsyncExitStack
from typing import Any

from restate_reflect.durable.guards import Guard
from restate_reflect.embedded import RuntimeSettings
from restate_reflect.testing._crashes import BASELINE, Recording, Variant, plan
from restate_reflect.testing._environment import TestEnvironment

__all__ = ["Durable"]

Scenario = Callable[[], Coroutine[Any, Any, None]]


class Durable:
    """``env = await durable(Inventory, Checkout, mocks=[Mailer])``; closed when the test ends."""

    def __init__(self, *, max_crashes: int) -> None:
        """``max_crashes=0``: no matrix, the scenario runs once."""
        self._max_crashes = max_crashes
        self._stack = AsyncExitStack()
        self._recordings: list[Recording] = []
        self._environments: list[TestEnvironment] = []
        self._variant: Variant = BASELINE
        self.runs = 0
        """How often the scenario has run; for tests about the matrix itself."""

    async def __call__(
        self,
        *services: object,
        mocks: Iterable[type] = (),
        auto_skip: bool = True,
        settings: RuntimeSettings | None = None,
        guard: Guard = Guard.WARN,
    ) -> TestEnvironment:
        """An environment for this run; the arguments are those of ``TestEnvironment``."""
        chosen = settings or RuntimeSettings()
        if self._variant.suspend:
            chosen = dataclasses.replace(chosen, force_suspension=True)
        environment = TestEnvironment(*services, mocks=mocks, auto_skip=auto_skip, settings=chosen, guard=guard)
        await self._stack.enter_async_context(environment)
        # A crash hits the first environment only: which one it hits must not depend on timing.
        variant = self._variant if not self._recordings else BASELINE
        recording = Recording(variant)
        recording.attach(environment.runtime)
        self._recordings.append(recording)
        self._environments.append(environment)
        return environment

    def run(self, scenario: Scenario) -> None:
        """Runs the scenario, and then once for each disturbance.

        Raises:
            Divergence: A disturbed run differed from the undisturbed one.
        """
        # One event loop for all runs: making one costs more than a run of a small scenario.
        with asyncio.Runner() as runner:
            baseline = self._run(runner, scenario, BASELINE)
            if self._max_crashes == 0 or not baseline:
                return
            for variant in _spread(plan(baseline[0]), self._max_crashes):
                self._disturb(runner, scenario, variant, baseline)

    def _disturb(self, runner: asyncio.Runner, scenario: Scenario, variant: Variant, baseline: list[Recording]) -> None:
        try:
            disturbed = self._run(runner, scenario, variant)
        except Exception as error:
            error.add_note(f"This happened only in the run {variant.name}; undisturbed, the test passed.")
            raise
        for found, expected in zip(disturbed, baseline, strict=True):
            found.compare(expected)

    def _run(self, runner: asyncio.Runner, scenario: Scenario, variant: Variant) -> list[Recording]:
        self.runs += 1
        self._variant = variant
        self._recordings, self._environments = [], []
        runner.run(self._closing(scenario))
        return self._recordings

    async def _closing(self, scenario: Scenario) -> None:
        async with AsyncExitStack() as self._stack:
            await scenario()
            for recording, environment in zip(self._recordings, self._environments, strict=True):
                await environment.settle()
                recording.finish(environment.runtime)


def _spread(variants: list[Variant], most: int) -> list[Variant]:
    """All of them, or ``most`` of them evenly chosen."""
    if len(variants) <= most:
        return variants
    return [variants[index * len(variants) // most] for index in range(most)]
