"""A context for unit tests: handlers called directly, with nothing durable behind them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from restate_reflect.context import (
    Context,
    ObjectContext,
    ObjectSharedContext,
    Request,
    WorkflowContext,
    WorkflowSharedContext,
)
from restate_reflect.testing._fake_operations import FakeCall, FakeOperations, awakeable_id, plain

__all__ = ["FakeCall", "FakeContext"]


class FakeContext(ObjectContext, ObjectSharedContext, WorkflowContext, WorkflowSharedContext, Context):
    """Fits every kind of handler: ``await Inventory().reserve(FakeContext(key="tea", state={"stock": 3}), 1)``.

    State is a dictionary of plain values, steps are executed at once, ``ctx.sleep`` takes no time (``asyncio.sleep``
    does: such handlers are for ``TestEnvironment``). Sends are only remembered.

    Args:
        key, headers, request: What the handler is told of its invocation; ``request`` is a whole ``Request``.
        state: Values by key, as the handler would read them.
        answers: Results of calls by method, or by ``"Service/handler"`` for raw ones; of invocations to attach to by
            id. An answer is a value, an exception, or a function of the arguments, which may be ``async``.
        results: Answers of steps by name; those steps are not executed.
        promises, signals: Values (or exceptions) by name, for what somebody else has completed.
        awakeables: Values (or exceptions) of awakeables, in the order in which the handler makes them.
        versions: What ``ctx.version`` decides, by the name of a change: its version here. A change that is not named
            is the newest.
        now: What ``ctx.now()`` says.
        seed: Of ``ctx.random`` and ``ctx.uuid``.
    """

    __slots__ = ()

    def __init__(
        self,
        *,
        key: str | None = None,
        state: Mapping[str, Any] | None = None,
        answers: Mapping[Callable[..., Any] | str, Any] | None = None,
        results: Mapping[str, Any] | None = None,
        promises: Mapping[str, Any] | None = None,
        signals: Mapping[str, Any] | None = None,
        awakeables: Sequence[Any] = (),
        versions: Mapping[str, int] | None = None,
        headers: Mapping[str, str] | None = None,
        request: Request | None = None,
        now: datetime | None = None,
        seed: int = 0,
    ) -> None:
        told = request or Request("inv_fake", dict(headers or {}), {}, b"", key)
        known = {plain(method): answer for method, answer in (answers or {}).items()}
        given = {f"promise:{name}": value for name, value in (promises or {}).items()}
        given |= {f"signal:{name}": value for name, value in (signals or {}).items()}
        given |= {awakeable_id(number): value for number, value in enumerate(awakeables, 1)}
        super().__init__(
            FakeOperations(
                told,
                dict(state or {}),
                known,
                now,
                random.Random(seed),
                results=dict(results or {}),
                given=given,
                versions=dict(versions or {}),
            )
        )

    @property
    def _fake(self) -> FakeOperations:
        operations = self._operations
        assert isinstance(operations, FakeOperations)
        return operations

    @property
    def state(self) -> dict[str, Any]:
        """State after the handler's writes."""
        return self._fake.state

    @property
    def calls(self) -> list[FakeCall]:
        """Calls in order."""
        return self._fake.calls

    @property
    def sends(self) -> list[FakeCall]:
        """One-way calls in order."""
        return self._fake.sends

    @property
    def steps(self) -> list[str]:
        """Names of the steps executed."""
        return self._fake.steps

    @property
    def slept(self) -> list[float]:
        """Seconds of each ``ctx.sleep``."""
        return self._fake.slept

    @property
    def awakeables(self) -> dict[str, asyncio.Future[Any]]:
        """Awakeables, signals (``signal:name``) and promises (``promise:name``) by id; set their results."""
        return self._fake.futures

    @property
    def completed(self) -> dict[str, Any]:
        """What the handler resolved or rejected, by id."""
        return self._fake.completed
