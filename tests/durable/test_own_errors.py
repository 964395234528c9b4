"""Terminal errors of the user's own classes, whose constructors need not call ours."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from restate_reflect import Context, RetryableError, TerminalError
from tests.journals import play


@dataclass
class SoldOut(TerminalError):
    article: str


@dataclass
class Missing(TerminalError):
    article: str
    left: int = 0


class Shown(TerminalError):
    code = 409

    def __init__(self, article: str) -> None:
        self.article = article

    def __str__(self) -> str:
        return f"no {self.article}"


class Silent(TerminalError):
    def __init__(self) -> None:
        self.metadata = None  # type: ignore[assignment]


class Broken(TerminalError):
    def __init__(self) -> None:
        pass

    def __str__(self) -> str:
        raise ValueError


@dataclass(frozen=True, slots=True)
class Frozen(TerminalError):
    message: str = "frozen"
    code: int = 410


ERRORS = {
    "sold_out": (SoldOut("tea"), 500, "tea"),
    "missing": (Missing("tea", 2), 500, "Missing(article='tea', left=2)"),
    "named": (Missing(article="tea"), 500, "Missing(article='tea', left=0)"),
    "shown": (Shown("tea"), 409, "no tea"),
    "silent": (Silent(), 500, "Silent"),
    "broken": (Broken(), 500, "(no text: its __str__ raised ValueError)"),
    "frozen": (Frozen(), 410, "frozen"),
}


class Shop:
    async def buy(self, ctx: Context, which: str) -> None:
        raise ERRORS[which][0]

    async def step(self, ctx: Context, which: str) -> None:
        async def fail() -> None:
            raise ERRORS[which][0]

        await ctx.run("fail", fail)


@pytest.mark.parametrize("which", ERRORS)
def test_it_is_terminal(which: str) -> None:
    _, code, message = ERRORS[which]
    assert play(Shop, "buy", body=f'"{which}"'.encode()).failure == (code, message)


@pytest.mark.parametrize("which", ERRORS)
def test_it_is_terminal_in_a_step(which: str) -> None:
    _, code, message = ERRORS[which]
    assert play(Shop, "step", body=f'"{which}"'.encode()).echo().failure == (code, message)


def test_a_retryable_error_of_a_class_of_ones_own_is_complete_as_well() -> None:
    @dataclass
    class Busy(RetryableError):
        host: str

    error = Busy("a")
    assert (error.message, error.code, error.retry_after) == ("a", 500, None)


def test_what_an_error_does_not_have_is_still_missing() -> None:
    with pytest.raises(AttributeError, match="no attribute 'colour'"):
        SoldOut("tea").colour  # type: ignore[attr-defined]
