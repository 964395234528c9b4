"""What all that can be asked of a runtime stands on: one kernel, one driver, and names of invocations."""

from __future__ import annotations

from typing import Final

from restate_reflect.embedded import ids
from restate_reflect.embedded.driver import Driver
from restate_reflect.embedded.errors import InvocationNotFoundError
from restate_reflect.embedded.kernel.clock import Clock, RealClock, VirtualClock
from restate_reflect.embedded.kernel.records import Invocation
from restate_reflect.embedded.kernel.store import Store
from restate_reflect.embedded.settings import RuntimeSettings
from restate_reflect.embedded.storage.memory import MemoryStore
from restate_reflect.embedded.travel import TimeTravel
from restate_reflect.identifiers import IdempotentRequest, InvocationTarget, WorkflowRun

__all__ = ["RuntimeBase"]

_DEFAULTS: Final = RuntimeSettings()


class RuntimeBase:
    """Holds the parts together. See ``Runtime`` for the arguments."""

    def __init__(
        self,
        store: Store | None = None,
        clock: Clock | None = None,
        *,
        settings: RuntimeSettings = _DEFAULTS,
        seed: bytes | None = None,
    ) -> None:
        self.clock: Clock = clock if clock is not None else RealClock()
        self.settings = settings
        self._driver = Driver(store if store is not None else MemoryStore(), self.clock, settings, seed)
        self.kernel = self._driver.kernel
        self._travel = TimeTravel(self._driver, self.clock) if isinstance(self.clock, VirtualClock) else None

    def invocation_id(self, target: InvocationTarget) -> str:
        """The id of an invocation that is named some other way."""
        match target:
            case WorkflowRun():
                return ids.workflow_id(target.workflow, target.key, target.scope)
            case IdempotentRequest():
                return ids.idempotent_id(
                    target.service, target.key, target.handler, target.idempotency_key, target.scope
                )
            case _:
                return target

    def _get(self, target: InvocationTarget) -> Invocation:
        identifier = self.invocation_id(target)
        invocation = self.kernel.find(identifier)
        if invocation is None:
            raise InvocationNotFoundError(identifier)
        return invocation
