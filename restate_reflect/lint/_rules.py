"""The table of rules: what ``restate-reflect lint`` can find, and the check that finds it."""

from __future__ import annotations

from dataclasses import dataclass

from restate_reflect.lint import _flow, _sets, _state, _world
from restate_reflect.lint._look import Check

__all__ = ["RULES", "Rule"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One code."""

    code: str
    name: str
    """As in the address of its page."""
    title: str
    check: Check | None
    """Looks at each function on the durable loop; ``None`` for what is found while reading (``_run``) or in the shape
    of classes (``_shape``)."""
    is_fixed: bool = False
    """Whether ``--fix`` mends some of what it finds."""


RULES: dict[str, Rule] = {
    rule.code: rule
    for rule in (
        Rule("RR001", "syntax-error", "a file that is no Python", None),
        Rule("RR101", "native-clock", "a native clock in handler code", _world.native_clock, is_fixed=True),
        Rule("RR102", "native-random", "native random numbers in handler code", _world.native_random, is_fixed=True),
        Rule("RR103", "native-uuid", "a native UUID in handler code", _world.native_uuid, is_fixed=True),
        Rule("RR104", "environment", "the environment of the process in handler code", _world.environment),
        Rule("RR105", "file-access", "files in handler code", _world.file_access),
        Rule("RR106", "network", "the network in handler code", _world.network),
        Rule("RR107", "thread", "threads and executors in handler code", _world.thread),
        Rule("RR108", "process", "subprocesses in handler code", _world.process),
        Rule("RR109", "blocking-call", "a call that blocks the loop", _world.blocking_call, is_fixed=True),
        Rule("RR110", "set-order", "steps in the order of a set", _sets.set_order, is_fixed=True),
        Rule("RR111", "hash-or-address", "hash() or id() in handler code", _world.hash_or_address),
        Rule("RR112", "plain-future", "asyncio.Future() in handler code", _world.plain_future),
        Rule("RR201", "catches-everything", "a bare except around an await", _flow.catches_everything, is_fixed=True),
        Rule("RR202", "swallows-cancellation", "CancelledError that is not raised again", _flow.swallows_cancellation),
        Rule("RR203", "not-awaited", "a durable call that is not awaited", _flow.not_awaited, is_fixed=True),
        Rule("RR204", "left-behind", "a task that is left behind", _flow.left_behind),
        Rule("RR205", "endless-loop", "a loop that waits for nothing", _flow.endless_loop),
        Rule("RR206", "calls-own-key", "a handler that waits for its own key", _flow.calls_own_key),
        Rule("RR301", "context-in-step", "the context in a step's body", _state.context_in_step),
        Rule("RR302", "assigns-self", "an attribute of the instance is changed", _state.assigns_self),
        Rule("RR303", "assigns-module-state", "a module's variable is changed", _state.assigns_module_state),
        Rule("RR304", "shared-default", "a mutable default that is shared", _state.shared_default),
        Rule("RR305", "unstable-name", "a step's name that differs on replay", _state.unstable_name),
        Rule("RR306", "lost-change", "state that is changed in place and not set", _state.lost_change),
        Rule("RR401", "handler-signature", "a signature that can't become a handler's", None),
        Rule("RR402", "almost-a-handler", "a method that is silently no handler", None),
        Rule("RR403", "mixed-kinds", "a class of two kinds", None),
    )
}
