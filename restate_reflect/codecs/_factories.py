"""Defaults that are made when a value is read: ``default_factory=uuid4`` gives another one each time.

A body that a caller wrote is read in each attempt. Whether something was made then that another attempt would make
otherwise is noted here, so that an attempt can keep what the first one got. Factories whose results can't differ are
known by what they are: classes of Python's own, and functions that name nothing from outside (``lambda: [1, 2]``).
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FunctionType
from typing import Any, Final

from pydantic import BaseModel

from restate_reflect.codecs._nodes import nodes

__all__ = ["is_constant", "makes_defaults", "note", "noted", "noting"]

_CONSTANT: Final = frozenset(
    {list, dict, set, frozenset, tuple, str, bytes, int, float, bool, deque, OrderedDict, Counter, defaultdict}
)
_made: ContextVar[list[str] | None] = ContextVar("made defaults", default=None)


@contextmanager
def noting() -> Iterator[list[str]]:
    """Gives a list to which is added, for each default made while the context is open, the name of its factory."""
    made: list[str] = []
    token = _made.set(made)
    try:
        yield made
    finally:
        _made.reset(token)


def noted(node: dict[str, Any]) -> dict[str, Any]:
    """The ``default`` node, whose factory tells that it ran, if it may give something else each time."""
    factory = node.get("default_factory")
    if factory is None or is_constant(factory):
        return node

    def make(*data: Any) -> Any:
        note(getattr(factory, "__name__", repr(factory)))
        return factory(*data)

    return {**node, "default_factory": make}


def note(factory: str) -> None:
    """Tells whoever is noting that this factory ran, or may have run."""
    if (made := _made.get()) is not None:
        made.append(factory)


def makes_defaults(core: Any) -> bool:
    """Whether reading a value may make something that another reading of it would not."""
    factories = (node.get("default_factory") for node in nodes(core) if node.get("type") == "default")
    return any(factory is not None and not is_constant(factory) for factory in factories)


def is_constant(factory: Callable[..., Any]) -> bool:
    """Whether it is known to give the same each time."""
    if factory in _CONSTANT:
        return True
    if isinstance(factory, FunctionType):
        code = factory.__code__
        return not (code.co_names or code.co_freevars or factory.__defaults__ or factory.__kwdefaults__)
    return isinstance(factory, type) and issubclass(factory, BaseModel) and _has_constant_defaults(factory)


def _has_constant_defaults(model: type[BaseModel]) -> bool:
    factories = (field.default_factory for field in model.model_fields.values())
    return all(factory is None or is_constant(factory) for factory in factories)
