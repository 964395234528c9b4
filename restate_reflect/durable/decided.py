"""Inputs with defaults that differ from reading to reading are decided once, in a step.

A body without the ``id`` of a model whose ``id`` is made by ``uuid4`` is another input in each attempt, and the handler
would take another way through its journal. So what the first attempt has read is journaled, as the step ``input``
before the handler's own. A body that leaves nothing to be made needs no step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from restate_reflect.codecs import noting
from restate_reflect.definitions import Arguments, HandlerDefinition

__all__ = ["deciding"]

STEP = "input"


class _Undecided(NamedTuple):
    """Arguments of which something was made."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


def deciding(
    handler: HandlerDefinition, call: Callable[..., Any]
) -> tuple[Callable[[bytes], Arguments], Callable[..., Any]]:
    """How to read the handler's input and to call it; ``call`` makes its coroutine."""
    given = handler.input

    def decode(body: bytes) -> Arguments:
        with noting() as made:
            args, kwargs = given.decode(body)
        return ((_Undecided(args, kwargs),), {}) if made else (args, kwargs)

    async def decide(context: Any, undecided: _Undecided) -> Any:
        body = await context.run(STEP, _kept, given.encode(undecided.args, undecided.kwargs))
        args, kwargs = given.decode(body)
        return await call(context, *args, **kwargs)

    def started(context: Any, *args: Any, **kwargs: Any) -> Any:
        if args and type(args[0]) is _Undecided:
            return decide(context, args[0])
        return call(context, *args, **kwargs)

    return decode, started


async def _kept(body: bytes) -> bytes:
    return body
