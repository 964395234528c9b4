"""What came of a replay: plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from restate_reflect.durable.locations import Spot
from restate_reflect.engine.journal import Mismatch
from restate_reflect.errors import RestateReflectError
from restate_reflect.replay._recorded import RecordedJournal
from restate_reflect.versions import Gate

__all__ = ["Awaited", "Outcome", "Replay", "ReplayError", "ReplayedStep", "WaitingFrame"]


class Outcome(StrEnum):
    """Where a replay has come to."""

    COMPLETED = "completed"
    """The handler has ended as its journal has."""
    WAITS = "waits"
    """It has repeated the whole journal, and stands where the invocation stands."""
    GOES_ON = "goes on"
    """It has repeated the whole journal, and would go on with steps of its own."""
    RETURNS = "returns"
    """It has repeated the whole journal, and would end now."""
    MISMATCH = "mismatch"
    """It does something else than its journal says: error 570."""
    FAILS = "fails"
    """It raises what would be tried again, or does what is refused."""


class ReplayError(RestateReflectError):
    """A replay has come to another end than it should."""


@dataclass(frozen=True, slots=True)
class ReplayedStep:
    """A command that the handler has issued.

    Attributes:
        index: Number of the command; the input is 0.
        title: ``run 'charge'``, ``call Inventory/tea/reserve``.
        place: The user's line; ``None`` for the input, which nobody issues.
        recorded: What the journal has here, with values decoded; ``None`` for a new step.
        current: What the handler has issued.
        result: What has completed it; ``None`` if nothing has, or nothing does.
    """

    index: int
    title: str
    place: Spot | None
    recorded: str | None
    current: str
    result: str | None = None

    @property
    def is_new(self) -> bool:
        """Whether the journal has not come so far."""
        return self.recorded is None


@dataclass(frozen=True, slots=True)
class Awaited:
    """A result that the handler waits for.

    Attributes:
        label: ``run 'charge'``, ``sleep``, ``signal 'approval'``.
        id: As the protocol counts them: ``completion 5``, ``signal 17`` (of an awakeable), ``signal 'approval'``.
        command: Number of the command that asks for it; ``None`` for signals.
    """

    label: str
    id: str
    command: int | None = None


@dataclass(frozen=True, slots=True)
class WaitingFrame:
    """A frame of user code that waits, or in which an exception was raised."""

    task: str
    place: Spot
    variables: Mapping[str, str]
    """Local variables, as ``repr`` shows them, shortened."""


@dataclass(frozen=True)
class Replay:
    """How far a handler goes with a journal.

    Attributes:
        journal: The journal.
        outcome: Where it has come to.
        steps: Every command in order, the input first.
        awaited: What it waits for, if it waits.
        place: Where it stands, in its source.
        frames: Of everything that waits (outermost first, task by task), or of the exception.
        result: What it returned, or would return, decoded; a failure as ``[code] message``.
        error: What it failed with, or the text of error 570.
        mismatch: The two sides of error 570.
        gates: The version gates that it has passed, and what each has decided.
        exception: What was raised in the handler, or in a step that was executed.
        used_random: Whether it has asked for ``ctx.random``, whose seed no table of a server has.
    """

    journal: RecordedJournal
    outcome: Outcome
    steps: tuple[ReplayedStep, ...]
    awaited: tuple[Awaited, ...] = ()
    place: str = ""
    frames: tuple[WaitingFrame, ...] = ()
    result: str | None = None
    error: str | None = None
    mismatch: Mismatch | None = None
    gates: Mapping[Gate, bool] = field(default_factory=dict)
    exception: BaseException | None = None
    used_random: bool = False

    @property
    def fits(self) -> bool:
        """Whether the code can go on with this journal."""
        return self.outcome not in (Outcome.MISMATCH, Outcome.FAILS)

    @property
    def new_steps(self) -> tuple[ReplayedStep, ...]:
        """What the handler would do next."""
        return tuple(each for each in self.steps if each.is_new)

    def check(self) -> None:
        """For tests: raises ``ReplayError``, with all that is to be said, if the code can't go on with the journal."""
        __tracebackhide__ = True
        if not self.fits:
            raise ReplayError(f"{self.journal.target} {self.journal.invocation} {self.outcome}: {self.error}")
