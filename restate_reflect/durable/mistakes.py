"""Ordinary mistakes of handlers that Python answers with an exception of its own, said in the user's terms.

Each can be mended only by a change of the code, so in ``dev`` and in tests it ends the invocation at once.
"""

from __future__ import annotations

import bdb
import inspect
import re
from collections.abc import Callable
from traceback import walk_tb
from typing import Any, Final

from restate_reflect.annotations import signature_of
from restate_reflect.context import UNSET, BaseContext, Context, ObjectContext, ObjectSharedContext, WorkflowContext
from restate_reflect.durable.catching import skips_cancellation
from restate_reflect.durable.locations import short
from restate_reflect.durable.slips import foreign_answer, place_of, slip, user_frames
from restate_reflect.errors import EncodeError, HandlerBugError, InvocationCancelledError, UnsupportedTypeError

__all__ = ["explained", "missed_cancellation"]


def explained(error: BaseException) -> str | None:
    """The mistake behind an exception of a handler, if it is one of these; with the place and the change to make."""
    match error:
        case BaseExceptionGroup():
            return next((text for each in error.exceptions if (text := explained(each))), None)
        case HandlerBugError():
            return None  # explains itself
        case EncodeError() | UnsupportedTypeError():
            return _missing_await(str(error).replace("\n", " "), place_of(error))
        case AttributeError() if isinstance(error.obj, BaseContext):
            return _no_such_attribute(error.obj, error.name or "", place_of(error))
        case TypeError() | AttributeError() | RuntimeError():
            return _missing_await(str(error), place_of(error)) or _wrong_call(error) or slip(error)
        case bdb.BdbQuit() | SystemExit() if _is_left_debugger(error):
            return f"the debugger was left at {place_of(error)}, and with it the handler."
        case _:
            return foreign_answer(error)


def _is_left_debugger(error: BaseException) -> bool:
    """From Python 3.14 on ``q`` at a breakpoint asks whether it may end the process, and calls ``sys.exit``."""
    modules = [frame.f_globals.get("__name__") for frame, _ in walk_tb(error.__traceback__)]
    return isinstance(error, bdb.BdbQuit) or modules[-1:] == ["pdb"]


# ------------------------------------------------------------ a context without that attribute


_WHO_HAS: Final = {
    "key": "Only objects and workflows have a key",
    "get": "Only objects and workflows have state",
    "keys": "Only objects and workflows have state",
    "set": "Only the exclusive handlers of an object and the run handler of a workflow change state",
    "clear": "Only the exclusive handlers of an object and the run handler of a workflow change state",
    "clear_all": "Only the exclusive handlers of an object and the run handler of a workflow change state",
    "promise": "Only workflows have promises",
}
_OWNERS: Final[dict[str, tuple[type, ...]]] = {
    "key": (ObjectContext, WorkflowContext),
    "get": (ObjectContext, WorkflowContext),
    "keys": (ObjectContext, WorkflowContext),
    "promise": (WorkflowContext,),
}
_WRITERS: Final = (ObjectContext, WorkflowContext)


def _no_such_attribute(context: BaseContext, name: str, place: str) -> str:
    own = type(context).__name__
    said = f"{own} has no '{name}' ({place})."
    if name in _WHO_HAS:
        fitting = _WRITERS[:1] if isinstance(context, ObjectSharedContext) else _OWNERS.get(name, _WRITERS)
        if isinstance(context, Context | ObjectSharedContext) or name == "promise":
            names = " or ".join(each.__name__ for each in fitting)
            return f"{said} {_WHO_HAS[name]}: annotate the context with {names}."
        return f"{said} {_WHO_HAS[name]}: move this there, or call such a handler."
    return said + _nearest(name, [each for each in dir(context) if not each.startswith("_")])


_ELSEWHERE: Final = {
    "run": "step run_typed run_async execute_activity execute_local_activity start_activity activity side_effect",
    "call": "service_call object_call workflow_call generic_call execute_child_workflow start_child_workflow invoke",
    "send": "service_send object_send workflow_send generic_send apply_async enqueue one_way_call",
    "awakeable": "wait_for_external_event wait_for_event create_awakeable",
    "promise": "wait_condition",
    "sleep": "delay wait timer start_timer",
    "now": "time utcnow current_time",
    "uuid": "uuid4",
    "request": "info headers invocation_id attempt",
    "attach": "get_handle get_result",
    "log": "logger logging print",
    "set": "put save update set_state",
    "get": "get_state load state",
    "clear": "delete remove",
}
"""What other libraries call it."""
_SAID_ELSEWHERE: Final = {other: ours for ours, others in _ELSEWHERE.items() for other in others.split()}


def _nearest(name: str, known: list[str]) -> str:
    if (ours := _SAID_ELSEWHERE.get(name)) in known:
        return f" Here it is ctx.{ours}."
    import difflib  # 0.2 MB, and only for mistakes

    if close := difflib.get_close_matches(name, known, n=1):
        return f" Did you mean '{close[0]}'?"
    return f" It has {', '.join(known)}."


# ------------------------------------------------------------ await is missing


_PENDING: Final = {
    "RunFuture": "the result of a step",
    "OutgoingCall": "the result of a call",
    "DurableAwakeable": "the result of an awakeable",
    "DurablePromise": "the result of a promise",
    "DurableFuture": "a result that the context has promised",
    "WatchedFuture": "a result that the context has promised",
    "LoopFuture": "the result of a future",
    "DurableTask": "the result of a task",
    "coroutine": "the result of an async function",
}
_NAMED: Final = re.compile(rf"""\b({"|".join(_PENDING)})\b(?<!coroutine)|(?<=['"])(coroutine)(?=['"])""")
_ITERATED: Final = "await wasn't used with future"


def _missing_await(said: str, place: str) -> str | None:
    if said == _ITERATED:
        return f"'await' is missing at {place}: the result is not there yet."
    named = _NAMED.search(said)
    if named is None:
        return None
    return f"'await' is missing at {place}: {_PENDING[named[0]]} is not there yet ({said})."


# ------------------------------------------------------------ a method of the context, called with other arguments


_CALLED: Final = re.compile(r"(?P<owner>\w+)\.(?P<method>\w+)\(\) (?P<problem>(?:takes|missing|got) .+)", re.S)
_OURS: Final = "restate_reflect.context"


def _wrong_call(error: BaseException) -> str | None:
    found = _CALLED.fullmatch(str(error))
    method = found and _method_of_contexts(found["owner"], found["method"])
    if not found or method is None:
        return None
    return (
        f"ctx.{found['method']} is called in another way than it can be ({place_of(error)}): {found['problem']}."
        f" It is ctx.{found['method']}{_shown(method)}."
    )


def _method_of_contexts(owner: str, name: str) -> Callable[..., Any] | None:
    for context in (ObjectContext, WorkflowContext):
        for base in context.__mro__:
            if base.__name__ == owner and base.__module__.startswith(_OURS):
                return getattr(base, name, None)
    return None


def _shown(method: Callable[..., Any]) -> str:
    """The parameters, without ``self``, and without annotations that nobody reads at a glance."""
    parameters = list(signature_of(method).parameters.values())[1:]
    plain = [_plain(each) for each in parameters]
    return str(inspect.Signature(plain))


def _plain(parameter: inspect.Parameter) -> inspect.Parameter:
    is_needed = type(parameter.default) is object or parameter.default is UNSET
    default = inspect.Parameter.empty if is_needed else parameter.default
    return parameter.replace(annotation=inspect.Parameter.empty, default=default)


# ------------------------------------------------------------ a cancellation that passes by its compensation


def missed_cancellation(error: InvocationCancelledError) -> str | None:
    """For a cancelled handler with ``except asyncio.CancelledError`` around the await at which it was told."""
    for traceback in user_frames(error):
        code = traceback.tb_frame.f_code
        if (caught := skips_cancellation(code, traceback.tb_lineno)) is not None:
            return (
                f"the cancellation passes by 'except {caught.name}' ({short(code.co_filename)}:{caught.line} in"
                f" {code.co_qualname}), and what compensates there is skipped: Restate's is an"
                " InvocationCancelledError, a kind of TerminalError, and none of asyncio's. Write"
                " 'except InvocationCancelledError:' (from restate_reflect import InvocationCancelledError)."
            )
    return None
