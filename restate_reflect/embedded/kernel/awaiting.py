"""When a suspended invocation can go on: the await tree against what has arrived.

A node is pending, or completed with success, with failure, or with one of the two without the
server knowing which. The rules are those of restate-server 1.7 (``UnresolvedFuture``):

- UNKNOWN: any child completes it; nobody but the SDK knows how.
- FIRST_COMPLETED: the first completed child decides.
- ALL_COMPLETED: all children; counts as success.
- FIRST_SUCCEEDED_OR_ALL_FAILED: one success, or all failures.
- ALL_SUCCEEDED_OR_FIRST_FAILED: all successes, or one failure.
- A child of the last two that completed nobody knows how wakes the handler: it knows better.

Children that are done with are taken out, so the tree remembers what has arrived.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableSequence
from enum import Enum
from typing import Any, Final

from restate_reflect.embedded.kernel.journal import NotificationKey
from restate_reflect.protocol import _pb2 as pb

__all__ = ["Lookup", "from_suspension", "is_empty", "resolve", "result_of"]


class _Result(Enum):
    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    EITHER = "either"


class _Undecidable(Exception):
    """Only the SDK can tell; it is woken."""


Lookup = Callable[[NotificationKey], bool | None]
"""Whether a notification has arrived with success; ``None`` if it has not arrived."""

_LEAF_FIELDS: Final = (
    ("waiting_completions", "completion"),
    ("waiting_signals", "signal"),
    ("waiting_named_signals", "named"),
)


def from_suspension(message: pb.SuspensionMessage) -> pb.Future:
    """The tree of a suspension: V7 sends one, V5 and V6 send leaves, any of which wakes."""
    if message.HasField("awaiting_on"):
        return message.awaiting_on
    return pb.Future(
        waiting_completions=message.waiting_completions,
        waiting_signals=message.waiting_signals,
        waiting_named_signals=message.waiting_named_signals,
        combinator_type=pb.COMBINATOR_TYPE_UNKNOWN,
    )


def is_empty(tree: pb.Future) -> bool:
    """Whether nothing could ever wake this tree."""
    if any(len(getattr(tree, field)) for field, _ in _LEAF_FIELDS):
        return False
    return all(is_empty(nested) for nested in tree.nested_futures)


def result_of(message: pb.Notification) -> bool:
    """Whether a notification counts as success."""
    return bool(message.WhichOneof("result") != "failure")


def resolve(tree: pb.Future, lookup: Lookup) -> bool:
    """Whether the handler can go on; takes out of ``tree`` what is done with."""
    try:
        return _resolve(tree, lookup) is not _Result.PENDING
    except _Undecidable:
        return True


def _resolve(tree: pb.Future, lookup: Lookup) -> _Result:
    match tree.combinator_type:
        case pb.ALL_COMPLETED:
            return _take_out(tree, lookup, until=None, rest=_Result.SUCCESS)
        case pb.FIRST_SUCCEEDED_OR_ALL_FAILED:
            return _take_out(tree, lookup, until=_Result.SUCCESS, rest=_Result.FAILURE)
        case pb.ALL_SUCCEEDED_OR_FIRST_FAILED:
            return _take_out(tree, lookup, until=_Result.FAILURE, rest=_Result.SUCCESS)
        case pb.FIRST_COMPLETED:
            return _first(tree, lookup)
        case _:
            return _Result.PENDING if _first(tree, lookup) is _Result.PENDING else _Result.EITHER


def _first(tree: pb.Future, lookup: Lookup) -> _Result:
    done = (result for _, _, result in _children(tree, lookup) if result is not _Result.PENDING)
    return next(done, _Result.PENDING)


def _take_out(tree: pb.Future, lookup: Lookup, *, until: _Result | None, rest: _Result) -> _Result:
    """Completes with ``until`` at the first child that has it, with ``rest`` when no child is left."""
    done: list[tuple[MutableSequence[Any], int]] = []
    pending = False
    for children, index, result in _children(tree, lookup):
        if result is _Result.PENDING:
            pending = True
        elif until is not None and result is until:
            return until
        elif result is _Result.EITHER and until is not None:
            raise _Undecidable
        else:
            done.append((children, index))
    for children, index in reversed(done):
        del children[index]
    return _Result.PENDING if pending else rest


def _children(tree: pb.Future, lookup: Lookup) -> Iterator[tuple[MutableSequence[Any], int, _Result]]:
    """Each child with where it stands and how it is."""
    for field, kind in _LEAF_FIELDS:
        leaves = getattr(tree, field)
        for index, leaf in enumerate(leaves):
            yield leaves, index, _leaf_result(lookup((kind, leaf)))
    nested: Any = tree.nested_futures
    for index, child in enumerate(tree.nested_futures):
        yield nested, index, _resolve(child, lookup)


def _leaf_result(succeeded: bool | None) -> _Result:
    if succeeded is None:
        return _Result.PENDING
    return _Result.SUCCESS if succeeded else _Result.FAILURE
