"""Ordinary mistakes: a program, the command that meets the mistake, and the sentence that answers it.

A program is a file ``NAME.py``. Those that load are served together by one ``dev``; commands that begin with
``manifest`` read the file alone. A sentence is part of what the command prints, or of what ``dev`` prints.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["MISTAKES", "Mistake"]


class Mistake(NamedTuple):
    """One row."""

    name: str
    program: str
    command: str
    sentence: str

    @property
    def loads(self) -> bool:
        """Whether its file can be served."""
        return bool(self.program) and not self.command.startswith("manifest")


_IMPORTS = """import asyncio
import time
from datetime import timedelta
from restate_reflect import (
    Context, InvocationCancelledError, ObjectContext, ObjectSharedContext, RetryPolicy, State, TerminalError,
    WorkflowContext, WorkflowSharedContext, handler, service,
)

def three() -> int:
    return 3
"""


def _starting(name: str, body: str, sentence: str, target: str = "") -> Mistake:
    """Met before anything is served."""
    return Mistake(name, f"{_IMPORTS}\n{body}", f"manifest {target or f'{name}.py'}", sentence)


def _running(name: str, body: str, sentence: str, *, context: str = "Context", more: str = "") -> Mistake:
    """Met by the first call of the handler ``go`` of a class that is named like the row."""
    cls = "".join(word.capitalize() for word in name.split("_"))
    key = "" if context == "Context" else "key/"
    handler = "run" if context == "WorkflowContext" else "go"
    lines = "\n".join(f"        {line}" for line in body.splitlines())
    code = f"class {cls}:\n    async def {handler}(self, ctx: {context}) -> int:\n{lines}\n{more}"
    return Mistake(name, f"{_IMPORTS}\n{code}", f"call {cls}/{key}{handler} --timeout 60", sentence)


def _asking(name: str, command: str, sentence: str) -> Mistake:
    """Met at the command line alone."""
    return Mistake(name, "", command, sentence)


_OBJECT = "ObjectContext"

STARTING = (
    _starting("no_context", "class Shop:\n    def go(self, n: int) -> int: ...", "nothing to serve"),
    _starting("bare_context", "class Shop:\n    async def go(self, ctx, n: int) -> int: ...", "looked at go"),
    _starting(
        "parameter_without_type",
        "class Shop:\n    async def go(self, ctx: Context, n) -> int: ...",
        "parameter 'n' has no annotation",
    ),
    _starting(
        "result_without_type",
        "class Shop:\n    async def go(self, ctx: Context): ...",
        "the result has no annotation. Write '-> None' or its type.",
    ),
    _starting(
        "mixed_kinds",
        "class Shop:\n    async def a(self, ctx: Context) -> None: ...\n"
        "    async def b(self, ctx: ObjectContext) -> None: ...",
        "ObjectContext in a service (which 'a' makes it)",
    ),
    _starting(
        "two_runs",
        "class Shop:\n    async def a(self, ctx: WorkflowContext) -> None: ...\n"
        "    async def b(self, ctx: WorkflowContext) -> None: ...",
        "a second run handler; 'a' is one already",
    ),
    _starting(
        "no_run",
        "class Shop:\n    async def a(self, ctx: WorkflowSharedContext) -> None: ...",
        "it is a workflow without a run handler",
    ),
    _starting(
        "variadic",
        "class Shop:\n    async def go(self, ctx: Context, *names: str) -> None: ...",
        "has no fixed shape. Take a list, a dict or a model instead.",
    ),
    _starting(
        "generator",
        "class Shop:\n    async def go(self, ctx: Context) -> int:\n        yield 3",
        "it is a generator; a handler has one result",
    ),
    _starting(
        "context_or_none",
        "class Shop:\n    async def go(self, ctx: Context | None) -> int: ...",
        "a handler always gets exactly one kind of context",
    ),
    _starting(
        "own_context",
        "class Mine(Context): ...\nclass Shop:\n    async def go(self, ctx: Mine) -> int: ...",
        "Mine is a subclass of Context; a handler gets Context itself",
    ),
    _starting(
        "no_schema",
        "class Order: ...\nclass Shop:\n    async def go(self, ctx: Context, order: Order) -> int: ...",
        "order",
    ),
    _starting(
        "constructor_needs_arguments",
        "class Shop:\n    def __init__(self, db: str) -> None: ...\n    async def go(self, ctx: Context) -> int: ...",
        "needs db. Serve an instance, or a function that makes one",
        "constructor_needs_arguments.py:Shop",
    ),
    _starting(
        "unknown_name",
        "class Shop:\n    async def go(self, ctx: Context, n: 'Ordr') -> int: ...",
        "name 'Ordr' is not defined",
    ),
    _starting(
        "context_imported_for_checkers",
        "from __future__ import annotations\n".join(["", ""])
        + "import typing\nif typing.TYPE_CHECKING:\n    from restate_reflect import Context as Ctx\n"
        "class Shop:\n    async def go(self, ctx: 'Ctx') -> int: ...",
        "context_imported_for_checkers",
    ),
    _starting(
        "no_such_class",
        "class Shop:\n    async def go(self, ctx: Context) -> int: ...",
        "Did you mean 'Shop'?",
        "no_such_class.py:Shp",
    ),
    _starting("syntax_error", "class Shop\n    pass", "syntax_error.py"),
    _starting("missing_module", "import no_such_module_of_anybody", "No module named 'no_such_module_of_anybody'"),
    _starting(
        "kill_for_a_step",
        "@service(retry_policy=3)\nclass Shop:\n    async def go(self, ctx: Context) -> int: ...",
        "retry_policy",
    ),
    Mistake("no_such_file", "", "manifest no_such_file.py", "there is no file no_such_file.py"),
)

SKIPPED = (
    Mistake(
        "context_without_annotation",
        f"{_IMPORTS}\nclass Shop:\n    async def go(self, ctx: Context) -> int: ...\n    def a(self, ctx, n): ...",
        "inspect context_without_annotation.py",
        "is no handler: its first parameter 'ctx' has no annotation. Write 'ctx: Context', or another context",
    ),
    Mistake(
        "context_not_first",
        f"{_IMPORTS}\nclass Shop:\n    async def go(self, ctx: Context) -> int: ...\n"
        "    async def a(self, n: int, ctx: Context) -> int: ...",
        "inspect context_not_first.py",
        "is no handler: the context 'ctx' is not its first parameter. Write 'ctx: Context' right after self",
    ),
)

RUNNING = (
    _running("step_without_name", "return await ctx.run(lambda: 3)", "the step has no name (step_without_name.py:"),
    _running("step_is_a_function", "return await ctx.run(three)", "Write ctx.run('three', three)"),
    _running("step_without_function", "return await ctx.run('three')", "run 'three' has a name and no function"),
    _running("step_is_called", "return await ctx.run('three', three())", "a name and a function, not str and int"),
    _running(
        "step_is_a_coroutine",
        "async def other() -> int: return 3\nreturn await ctx.run('other', other())",
        "was given a coroutine",
    ),
    _running("step_with_retry", "return await ctx.run('three', three, retry=RetryPolicy())", "ctx.options(retry=…)"),
    _running("sum_without_await", "return ctx.run('three', three) + 1", "'await' is missing at sum_without_await.py"),
    _running(
        "item_without_await", "return ctx.run('three', three)['a']", "'await' is missing at item_without_await.py:"
    ),
    _running(
        "field_without_await", "return ctx.run('three', three).x", "'await' is missing at field_without_await.py:"
    ),
    _running("text_without_await", "return len(f\"{ctx.run('three', three)}\")", "put into a text before it is there"),
    _running(
        "loop_without_await", "return sum(ctx.run('three', three))", "'await' is missing at loop_without_await.py:"
    ),
    _running("result_without_await", "return ctx.run('three', three)", "run 'three' was never awaited"),
    _running("step_never_awaited", "ctx.run('three', three)\nreturn 3", "run 'three' was never awaited"),
    _running("sleep_never_awaited", "ctx.sleep(1)\nreturn 3", "sleep was never awaited"),
    _running("state_without_await", "return ctx.get('n', int) + 1", "'await' is missing", context="ObjectContext"),
    _running("helper_without_await", "async def other() -> int: return 3\nreturn other() + 1", "'await' is missing"),
    _running("state_in_a_service", "return await ctx.get('n', int)", "Only objects and workflows have state"),
    _running("key_in_a_service", "return len(ctx.key)", "Only objects and workflows have a key"),
    _running(
        "write_in_a_shared_handler",
        "ctx.set('n', 1)\nreturn 3",
        "annotate the context with ObjectContext",
        context="ObjectSharedContext",
    ),
    _running(
        "promise_in_an_object",
        "return await ctx.promise('p', int)",
        "Only workflows have promises",
        context="ObjectContext",
    ),
    _running("slip_of_the_pen", "return await ctx.rnu('three', three)", "Context has no 'rnu'"),
    _running("wrong_argument", "await ctx.sleep(seconds=3)\nreturn 3", "It is ctx.sleep(duration, *, name='')."),
    _running(
        "own_key",
        "return await ctx.call(OwnKey.other, key=ctx.key)",
        "calls other of its own key",
        context="ObjectContext",
        more="    async def other(self, ctx: ObjectContext) -> int:\n        return 3\n",
    ),
    _running(
        "call_without_key",
        "return await ctx.call(Kept.go)",
        "Kept/go needs a key",
        more="class Kept:\n    async def go(self, ctx: ObjectContext) -> int:\n        return 3\n",
    ),
    _running(
        "call_with_key",
        "return await ctx.call(Free.go, key='a')",
        "takes no key",
        more="class Free:\n    async def go(self, ctx: Context) -> int:\n        return 3\n",
    ),
    _running("call_of_no_handler", "return await ctx.call(three)", "three"),
    _running("wrong_result", "return 'three'", "does not fit its return annotation"),
    _running("waits_for_nobody", "await asyncio.Event().wait()\nreturn 3", "something that nothing will complete"),
    _running("thread_in_a_handler", "return await asyncio.to_thread(three)", "a thread can't be used in handler code"),
    _running("blocks_the_loop", "time.sleep(2)\nreturn 3", "blocks the event loop"),
    _running("task_left_behind", "asyncio.create_task(asyncio.sleep(9))\nreturn 3", "behind, which will never go on"),
    _running("endless_delay", "await ctx.sleep(1e15)\nreturn 3", "ends after the year 9999"),
    _running("clock_in_a_handler", "return int(time.time())", "await ctx.now() is the time, journaled"),
    _running("file_in_a_handler", "return len(open('file_in_a_handler.py').read())", "handler code opens a file"),
    # What is not there yet, where a value is meant: told at once, also where Python would take it for true, or empty.
    _running("if_without_await", "return 1 if ctx.get('n', int) else 2", "asked whether it is true", context=_OBJECT),
    _running("default_without_await", "return ctx.get('n', int) or 0", "asked whether it is true", context=_OBJECT),
    _running("step_asked_for_truth", "return 1 if ctx.run('three', three) else 2", "run 'three' is asked whether"),
    _running("sleep_asked_for_truth", "return 1 if ctx.sleep(1) else 2", "sleep is asked whether it is true"),
    _running("awakeable_asked_for_truth", "return 1 if ctx.awakeable(int) else 2", "is asked whether it is true"),
    _running(
        "promise_asked_for_truth",
        "return 1 if ctx.promise('p', int) else 2",
        "'await' is missing at promise_asked_for_truth.py",
        context="WorkflowContext",
    ),
    _running(
        "call_asked_for_truth",
        "return 1 if ctx.call(Truth.go) else 2",
        "call Truth/go is asked whether it is true",
        more="class Truth:\n    async def go(self, ctx: Context) -> bool:\n        return False\n",
    ),
    _running("equal_without_await", "return ctx.get('n', int) == 5", "state 'n' is compared", context=_OBJECT),
    _running("unequal_without_await", "return ctx.run('three', three) != 3", "run 'three' is compared"),
    _running("less_without_await", "return ctx.run('three', three) < 5", "'await' is missing at less_without_await.py"),
    _running("in_without_await", "return 'a' in ctx.get('n', list[str])", "state 'n' is searched", context=_OBJECT),
    _running("for_without_await", "return sum(ctx.get('n', list[int]))", "state 'n' is looped over", context=_OBJECT),
    _running("str_without_await", "return len(str(ctx.run('three', three)))", "run 'three' is put into a text"),
    _running("percent_without_await", "return len('%s' % ctx.get('n', int))", "put into a text", context=_OBJECT),
    _running("join_without_await", "return len(','.join([ctx.run('a', str)]))", "'await' is missing at join_without"),
    _running("int_without_await", "return int(ctx.run('three', three))", "'await' is missing at int_without_await.py"),
    _running(
        "state_given_a_step",
        "ctx.set('n', ctx.run('three', three))\nreturn 3",
        "state 'n' is given run 'three', which is not there yet",
        context=_OBJECT,
    ),
    _running(
        "step_given_a_step",
        "return await ctx.run('abs', abs, ctx.run('three', three))",
        "run 'abs' is given run 'three', which is not there yet",
    ),
    _running(
        "call_given_a_step",
        "return await ctx.call(Takes.go, ctx.run('three', three))",
        "'await' is missing at call_given_a_step.py",
        more="class Takes:\n    async def go(self, ctx: Context, n: int) -> int:\n        return n\n",
    ),
    # Where there is nothing to wait for.
    _running("await_of_set", "await ctx.set('n', 1)\nreturn 3", "gives nothing, as ctx.set does", context=_OBJECT),
    _running("await_of_a_value", "return await three()", "stands before a value that is there already (int)"),
    _running("await_of_a_function", "return await ctx.now", "stands before a function that is not called"),
    _running(
        "await_of_a_declaration",
        "return await self.n",
        "is a declaration. Read it by await ctx.get(…)",
        context=_OBJECT,
        more="    n = State(int, default=0)\n",
    ),
    # Habits from asyncio, FastAPI, Celery, Temporal and Restate's own SDK.
    _running("gather_of_a_list", "return await asyncio.gather([ctx.run('a', three)])", "asyncio.gather(*…) for a list"),
    _running("loop_in_a_loop", "return asyncio.run(ctx.sleep(1))", "Handlers are async themselves: write await"),
    _running("a_view", "from aiohttp.web import HTTPNotFound\nraise HTTPNotFound()", "TerminalError('…', code=404)"),
    _running("status_first", "raise TerminalError(404, 'nothing')", "text comes first: TerminalError('…', code=404)"),
    _running("status_by_name", "raise TerminalError('no', status_code=404)", "TerminalError('sold out', code=409)"),
    _running("a_task_queue", "return ATaskQueue.go.delay(3)", "Write ctx.send(Class.handler, …) to start one"),
    _running("an_activity", "return await ctx.execute_activity(three)", "no 'execute_activity' (an_activity.py:"),
    _running("a_typed_run", "return await ctx.run_typed('three', three)", "Here it is ctx.run."),
    _running("a_service_call", "return await ctx.service_call(three, 3)", "Here it is ctx.call."),
    _running("duration_as_text", "await ctx.sleep('5s')\nreturn 3", "'5s' is no duration: write seconds (5, 0.5)"),
    _running("log_as_a_function", "ctx.log('hello')\nreturn 3", "Write ctx.log.info(…)"),
    _running("key_as_a_function", "return len(ctx.key())", "ctx.key is a text, not a function", context=_OBJECT),
    _running("state_never_set", "return await ctx.get('n', int) + 1", "was never set, so it is None", context=_OBJECT),
    _running(
        "handler_as_a_function",
        "return await self.other(1)",
        "the handler HandlerAsAFunction.other is called as a function at handler_as_a_function.py",
        more="    async def other(self, ctx: Context, n: int) -> int:\n        return n\n",
    ),
    _running(
        "class_for_a_handler",
        "return await ctx.call(Whole, 1)",
        "Whole is a class, not a handler",
        more="class Whole:\n    async def go(self, ctx: Context, n: int) -> int:\n        return n\n",
    ),
    _running(
        "too_many_arguments",
        "return await ctx.call(Few.go, 1, 2)",
        "do not fit the handler that is called: go(): too many positional arguments",
        more="class Few:\n    async def go(self, ctx: Context, n: int) -> int:\n        return n\n",
    ),
    _running("step_by_keywords", "return await ctx.run(name='three', function=three)", "ctx.run(name, function, /,"),
    _running("no_invocation_id", "return await ctx.attach('x', int)", "is no invocation id"),
)

ASKING = (
    _asking("no_such_command", "cal Shop/go", "there is no command 'cal'. Did you mean"),
    _asking("no_such_handler", "call StepWithoutName/nope", "has no handler nope"),
    _asking("no_such_service", "call Nope/go", "no service Nope is registered"),
    _asking("key_is_missing", "call OwnKey/go", "a key belongs between: OwnKey/KEY/go"),
    _asking("no_input_wanted", "call WrongResult/go 5", "takes no input, and one was given"),
    _asking("no_handler_named", "call WrongResult", "names no handler. Write Service/handler"),
    _asking("no_id", "journal x", "is no invocation id"),
    _asking("broken_json", "call WrongResult/go '{\"a\"'", "no valid JSON"),
    _asking("odd_delay", "send WrongResult/go --delay soon", "is no duration. Write 30s, 250ms, 2h30m or 3d."),
    _asking("no_server", "ps --admin http://127.0.0.1:9", "no admin API answers at http://127.0.0.1:9"),
    _asking("no_state_named", "state get OwnKey", "names no key"),
    _asking("nothing_chosen", "cancel", "choose them by --service, --status and --key"),
)

MISTAKES = (*STARTING, *SKIPPED, *RUNNING, *ASKING)
