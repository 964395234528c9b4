"""Slips of the pen, and habits from other libraries, by the words of Python's exception and the line where it arose."""

from __future__ import annotations

import inspect
import linecache
import re
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Any, Final

from restate_reflect.context import Context, ObjectContext, ObjectSharedContext, WorkflowContext, WorkflowSharedContext
from restate_reflect.durable.locations import Spot, is_own_file

__all__ = ["foreign_answer", "place_of", "slip", "user_frames"]

Explain = Callable[[re.Match[str], BaseException, str], str | None]
"""Given what was found, the exception, and the user's line; ``None`` if it is something else after all."""


def slip(error: BaseException) -> str | None:
    """What is wrong, where, and the change to make; ``None`` if it is none of these."""
    said, line = str(error), _line(error)
    for pattern, explain in _SLIPS:
        found = pattern.search(said)
        if found is not None and (text := explain(found, error, line)) is not None:
            return text
    return None


def _needless_await(found: re.Match[str], error: BaseException, line: str) -> str:
    kind, place = found[1] or found[2], place_of(error)
    match kind:
        case "NoneType":
            return f"'await' at {place} stands before something that gives nothing, as ctx.set does. Leave it out."
        case "State":
            return f"the state at {place} is a declaration. Read it by await ctx.get(…), with that declaration in it."
        case "function" | "method" | "builtin_function_or_method":
            return f"'await' at {place} stands before a function that is not called. Write the parentheses, too."
        case _:
            return f"'await' at {place} stands before a value that is there already ({kind}). Leave it out."


def _not_a_function(found: re.Match[str], error: BaseException, line: str) -> str | None:
    match found[1]:
        case "ReplayAwareLogger":
            return f"ctx.log is a logger ({place_of(error)}). Write ctx.log.info(…), warning or error."
        case "str" if ".key(" in line:
            return f"ctx.key is a text, not a function ({place_of(error)}). Write ctx.key."
        case _:
            return None


def _own_loop(found: re.Match[str], error: BaseException, line: str) -> str:
    return f"asyncio.run(…) at {place_of(error)} would be a loop in a loop. Handlers are async themselves: write await."


def _list_of_awaitables(found: re.Match[str], error: BaseException, line: str) -> str | None:
    if "gather(" not in line:
        return None
    return f"asyncio.gather takes awaitables one by one ({place_of(error)}). Write asyncio.gather(*…) for a list."


def _called_without_context(found: re.Match[str], error: BaseException, line: str) -> str | None:
    frame = _innermost(error)
    cls = None if frame is None else _class_named(found["cls"], frame)
    function = getattr(cls, found["method"], None)
    if function is None or not _takes_context(function):
        return None
    name = f"{found['cls']}.{found['method']}"
    return (
        f"the handler {name} is called as a function at {place_of(error)}, without its context. Pass ctx on to run it"
        f" within this invocation, or write await ctx.call({name}, …) for one of its own."
    )


def _wrong_arguments(found: re.Match[str], error: BaseException, line: str) -> str | None:
    return f"the arguments at {place_of(error)} do not fit the handler that is called: {found[0]}."


def _terminal_error(found: re.Match[str], error: BaseException, line: str) -> str:
    return f"a TerminalError is made in another way ({place_of(error)}): TerminalError('sold out', code=409)."


def _said_already(found: re.Match[str], error: BaseException, line: str) -> str:
    return f"{found[0]} ({place_of(error)})."


def _task_queue(found: re.Match[str], error: BaseException, line: str) -> str:
    return (
        f"handlers have no '{found[1]}' ({place_of(error)}). Write ctx.send(Class.handler, …) to start one, await"
        " ctx.call(Class.handler, …) for its result."
    )


def _empty_state(found: re.Match[str], error: BaseException, line: str) -> str | None:
    if not re.search(r"ctx\.get\(", line):
        return None
    return (
        f"the state that is read at {place_of(error)} was never set, so it is None ({found[0]}). Declare it with a"
        " default, State(int, default=0), or ask for None first."
    )


_SLIPS: Final[tuple[tuple[re.Pattern[str], Explain], ...]] = (
    (re.compile(r"object (\w+) can't be used in 'await' expression|'(\w+)' object can't be awaited"), _needless_await),
    (re.compile(r"'(\w+)' object is not callable"), _not_a_function),
    (re.compile(r"asyncio\.run\(\) cannot be called from a running event loop"), _own_loop),
    (re.compile(r"unhashable type: 'list'|a coroutine or an awaitable is required"), _list_of_awaitables),
    (re.compile(r"(?P<cls>\w+)\.(?P<method>\w+)\(\) missing \d+ required positional"), _called_without_context),
    (re.compile(r"TerminalError\.__init__\(\) .+"), _terminal_error),
    (re.compile(r"a TerminalError's text comes first: .+|.+ is no duration: .+"), _said_already),
    (re.compile(r"\w+\(\): (?:too many pos|missing a req|got an unexp|multiple val).*"), _wrong_arguments),
    (re.compile(r"'function' object has no attribute '(delay|apply_async|s|si|remote|submit|send|call)'"), _task_queue),
    (re.compile(r".*\bNoneType\b.*"), _empty_state),
)  # fmt: skip


# ------------------------------------------------------------ answers of web frameworks


_FRAMEWORKS: Final = {"aiohttp", "django", "fastapi", "flask", "litestar", "quart", "sanic", "starlette", "werkzeug"}


def foreign_answer(error: BaseException) -> str | None:
    """For an exception by which a web framework answers: here it is one like any other, and tried again."""
    for cls in type(error).__mro__:
        if cls.__module__.partition(".")[0] in _FRAMEWORKS and "HTTP" in cls.__name__:
            code = getattr(error, "status_code", None) or getattr(error, "status", None) or getattr(error, "code", 500)
            return (
                f"{type(error).__name__} at {place_of(error)} answers nobody here: a handler is no view. Raise"
                f" TerminalError('…', code={code}), which the caller gets, and which is not tried again."
            )
    return None


# ------------------------------------------------------------ places


def place_of(error: BaseException) -> str:
    """The user's innermost line in a traceback."""
    found = list(user_frames(error))
    return str(Spot(found[-1].tb_frame.f_code, found[-1].tb_lasti)) if found else "an unknown place"


def user_frames(error: BaseException) -> Iterator[TracebackType]:
    """Those in the user's own files, outermost first."""
    traceback = error.__traceback__
    while traceback is not None:
        if is_own_file(traceback.tb_frame.f_code.co_filename):
            yield traceback
        traceback = traceback.tb_next


def _innermost(error: BaseException) -> FrameType | None:
    found = list(user_frames(error))
    return found[-1].tb_frame if found else None


def _line(error: BaseException) -> str:
    """The source of the user's innermost line."""
    found = list(user_frames(error))
    return linecache.getline(found[-1].tb_frame.f_code.co_filename, found[-1].tb_lineno) if found else ""


def _class_named(name: str, frame: FrameType) -> type | None:
    known = (type(frame.f_locals.get("self")), frame.f_globals.get(name))
    return next((each for each in known if isinstance(each, type) and each.__name__ == name), None)


def _takes_context(function: Any) -> bool:
    parameters = list(inspect.signature(function).parameters.values())[1:2]
    return any(getattr(each.annotation, "__name__", each.annotation) in _CONTEXTS for each in parameters)


_CONTEXTS: Final = {
    cls.__name__ for cls in (Context, ObjectContext, ObjectSharedContext, WorkflowContext, WorkflowSharedContext)
}
