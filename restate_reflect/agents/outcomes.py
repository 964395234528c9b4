"""What a tool's step journals: what it returned, or the exception by which it speaks to its agent."""

from __future__ import annotations

import functools
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, TypeAlias

from restate_reflect.codecs import Codec, JsonSchema, SchemaMode, codec_for
from restate_reflect.context import UNSET, BaseContext
from restate_reflect.durable.return_types import return_type
from restate_reflect.options import RetryPolicy

__all__ = ["Answers", "Raised", "Returned", "ToolStep", "result_type"]

Answers: TypeAlias = Mapping[str, type[Exception]]
"""Exceptions that are answers (ask again, wait for an approval), by the names of their classes."""


@dataclass(frozen=True, slots=True)
class Returned:
    """A result."""

    value: Any


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception that is an answer. Any other one is a failure of the step."""

    raised: str
    args: list[Any] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)
    """Its attributes."""


@dataclass(frozen=True, slots=True)
class ToolStep:
    """How the tools of an agent run as steps."""

    ctx: BaseContext
    answers: Answers
    """What passes through a step unharmed."""
    retry: RetryPolicy | None = None

    async def run(self, name: str, call: Callable[[], Awaitable[Any]], returns: Any) -> Any:
        """Runs ``call`` on the process's event loop; its result is journaled as a ``returns``.

        Raises:
            TerminalError: The tool raised one, or its retries are used up.
            Exception: One of ``answers`` that the tool raised, made anew.
        """
        steps = self.ctx.options(type=_outcome_of(returns), retry=self.retry)
        outcome = await steps.run(name, functools.partial(_outcome, call, self.answers))
        if isinstance(outcome, Raised):
            raise _again(self.answers[outcome.raised], outcome)
        return outcome.value


def result_type(function: Callable[..., Any] | None) -> Any:
    """What a function says that it returns; anything, if it does not."""
    declared = UNSET if function is None else return_type(function)
    return Any if declared is UNSET else declared


async def _outcome(call: Callable[[], Awaitable[Any]], answers: Answers) -> Returned | Raised:
    try:
        return Returned(await call())
    except tuple(answers.values()) as error:
        name = next(name for name, kind in answers.items() if isinstance(error, kind))
        return Raised(name, list(error.args), dict(error.__dict__))


def _again(kind: type[Exception], outcome: Raised) -> Exception:
    error = kind.__new__(kind, *outcome.args)
    error.__dict__.update(outcome.state)
    return error


class OutcomeCodec:
    """``{"returned": …}`` around what the result's own codec writes, or an exception's parts."""

    content_type = "application/json"

    def __init__(self, result: Codec[Any]) -> None:
        self._result = result

    def encode(self, value: Returned | Raised) -> bytes:
        """Raises ``EncodeError`` for a result that does not fit its type."""
        if isinstance(value, Raised):
            return codec_for(Raised).encode(value)
        return _OPENED + self._written(value.value) + b"}"

    def decode(self, data: bytes) -> Returned | Raised:
        """Raises ``DecodeError``."""
        if not data.startswith(_OPENED):
            return codec_for(Raised).decode(data)
        return Returned(self._read(data[len(_OPENED) : -1]))

    def _written(self, value: Any) -> bytes:
        data = self._result.encode(value)
        return data if self._is_json else json.dumps(data.hex()).encode()

    def _read(self, data: bytes) -> Any:
        return self._result.decode(data if self._is_json else bytes.fromhex(json.loads(data)))

    @property
    def _is_json(self) -> bool:
        return self._result.content_type == "application/json"

    def is_same(self, written: object, restored: object) -> bool:
        """The result's codec has compared it."""
        return True

    def json_schema(self, mode: SchemaMode) -> JsonSchema | None:
        return None


_OPENED: Final = b'{"returned":'


@functools.lru_cache(maxsize=1024)
def _outcome_of(returns: Any) -> Any:
    return Annotated[Any, OutcomeCodec(codec_for(returns))]
