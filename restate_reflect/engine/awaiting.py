"""The await tree: what a handler that can't go on is waiting for.

V7 sends the tree itself, so that the server wakes the handler only when it can make progress;
V5 and V6 send its leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from restate_reflect.engine.notifications import NotificationId, SignalIndex
from restate_reflect.protocol import pb, wire

if TYPE_CHECKING:
    from restate_reflect.protocol.pb import CombinatorType

__all__ = [
    "ALL_COMPLETED",
    "ALL_SUCCEEDED",
    "FIRST_COMPLETED",
    "FIRST_SUCCEEDED",
    "AwaitNode",
    "to_awaiting_on",
    "to_suspension",
]

# The numbers themselves, for which the generated messages need not be loaded.
FIRST_COMPLETED = cast("pb.CombinatorType", 1)
ALL_COMPLETED = cast("pb.CombinatorType", 2)
FIRST_SUCCEEDED = cast("pb.CombinatorType", 3)
ALL_SUCCEEDED = cast("pb.CombinatorType", 4)


@dataclass(slots=True, eq=False)
class AwaitNode:
    """Notifications and nested nodes, combined one way."""

    combinator: CombinatorType  # by its own name: from 3.15 on dataclasses look for what a dotted one means
    leaves: list[NotificationId] = field(default_factory=list)
    nested: list[AwaitNode] = field(default_factory=list)

    def all_leaves(self) -> Iterator[NotificationId]:
        """Every leaf of the tree, nearest first, each once."""
        return iter(dict.fromkeys(self._walk()))

    def _walk(self) -> Iterator[NotificationId]:
        yield from self.leaves
        for node in self.nested:
            yield from node._walk()

    def to_future(self) -> pb.Future:
        """The wire form."""
        future = pb.Future(combinator_type=self.combinator)
        fill_leaves(future, self.leaves)
        future.nested_futures.extend(node.to_future() for node in self.nested)
        return future


def fill_leaves(target: pb.Future | pb.SuspensionMessage, leaves: list[NotificationId]) -> None:
    """Sorts leaves into the three fields both messages have."""
    for leaf in leaves:
        if isinstance(leaf, str):
            target.waiting_named_signals.append(leaf)
        elif isinstance(leaf, SignalIndex):
            target.waiting_signals.append(int(leaf))
        else:
            target.waiting_completions.append(leaf)


def to_awaiting_on(root: AwaitNode) -> bytes:
    """The payload of the message that tells of this await point; a flat tree, the usual one, is written by hand."""
    leaves = root.leaves
    if len(leaves) == 2 and type(leaves[0]) is int and type(leaves[1]) is SignalIndex and not root.nested:
        return _one_awaited(leaves[0], int(leaves[1]), root.combinator)
    completions = [leaf for leaf in root.leaves if type(leaf) is int]
    signals = [leaf for leaf in root.leaves if type(leaf) is SignalIndex]
    if root.nested or len(completions) + len(signals) < len(root.leaves):
        return pb.AwaitingOnMessage(awaiting_on=root.to_future()).SerializeToString()
    return wire.awaiting_on(completions, signals, root.combinator)


@lru_cache(maxsize=1024)
def _one_awaited(completion: int, signal: int, combinator: pb.CombinatorType) -> bytes:
    """What a handler tells that does one thing after the other; ids are small and the same in every invocation."""
    return wire.awaiting_on([completion], [signal], combinator)


def to_suspension(root: AwaitNode, *, tree: bool) -> pb.SuspensionMessage:
    """The suspension message for this await point."""
    if tree:
        return pb.SuspensionMessage(awaiting_on=root.to_future())
    message = pb.SuspensionMessage()
    fill_leaves(message, list(root.all_leaves()))
    return message
