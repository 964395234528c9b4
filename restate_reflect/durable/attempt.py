"""One attempt: the handler on its durable loop, over the journal machine.

The driver in one paragraph: bytes go into the engine. Once the journal is there, the handler
runs until nothing is ready; then it gets the next notification, one at a time; when none is
left, pending steps start; then the engine says whether to wait for input or to suspend. All
output of one such round is written at once.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable, Mapping
from functools import partial
from threading import get_ident
from typing import Any, Final

from restate_reflect.codecs._bytes import no_value
from restate_reflect.durable import failures, reporting
from restate_reflect.durable.answers import Answers, answered
from restate_reflect.durable.answers import enter as enter_answers
from restate_reflect.durable.assignments import Assignments
from restate_reflect.durable.begun_run import Run
from restate_reflect.durable.cancelling import CANCELLATION, Cancellation
from restate_reflect.durable.environment import Environment, Sink
from restate_reflect.durable.extending import waits_for
from restate_reflect.durable.futures import DurableFuture, DurableTask, Waiter
from restate_reflect.durable.guards import Guard, enter_handler
from restate_reflect.durable.leftovers import if_strict, mistake_at_end
from restate_reflect.durable.locations import caller, spot, user_spot, waiting_at
from restate_reflect.durable.loop import DurableLoop
from restate_reflect.durable.operations import Operations
from restate_reflect.durable.plain import nothing
from restate_reflect.durable.results import Results
from restate_reflect.durable.routes import Plan
from restate_reflect.durable.runs import Runs
from restate_reflect.durable.turns import watch as watch_turn
from restate_reflect.durable.waiting import await_tree, end_of_awaits
from restate_reflect.engine.awaiting import AwaitNode
from restate_reflect.engine.commands.output import output
from restate_reflect.engine.commands.sleep import sleep
from restate_reflect.engine.ending import AttemptError, Ending
from restate_reflect.engine.journal import Mismatch
from restate_reflect.engine.machine import Engine, Progress
from restate_reflect.engine.notifications import Notification
from restate_reflect.engine.retries import Fail, Pause, Retry, next_step
from restate_reflect.errors import (
    AttemptClosedError,
    DecodeError,
    EncodeError,
    EngineError,
    HandlerBugError,
    TerminalError,
)
from restate_reflect.protocol.versions import ProtocolVersion

__all__ = ["Attempt"]

logger = logging.getLogger("restate_reflect")


class _Closed:
    """The sink of an attempt that has ended."""

    def write(self, data: bytes, *, end: bool) -> None:
        raise AttemptClosedError("written after the end")


_CLOSED: Final = _Closed()


class Attempt:
    """Runs one handler against one journal; see the module's docstring."""

    def __init__(
        self,
        plan: Plan,
        version: ProtocolVersion,
        sink: Sink,
        environment: Environment[Attempt],
        headers: Mapping[str, str],
    ) -> None:
        """``headers`` are those of this attempt's HTTP request, names in lower case."""
        self.plan = plan
        self.service = plan.service
        self.handler = plan.handler
        self.environment = environment
        self.headers = headers
        self.engine = Engine(version, locator=self, max_message_bytes=environment.max_message_bytes)
        # The methods left abstract are set by durable.loop, each as a refusal with a message.
        self.loop = DurableLoop(self)  # type: ignore[abstract]
        self.results = Results()
        self.on_received: Callable[[bytes], None] | None = None
        """Told of the request's bytes before they are read; for logs."""
        self.context: Any = None
        """The handler's; None before it begins and after the end."""
        self.operations: Operations | None = None
        """What it stands on."""
        self.refusal: TerminalError | None = None
        """What is answered in place of the handler, whose input could not be decoded."""
        self.hides_payloads = False
        """Whether errors, which go to the server, must not show what is in commands."""
        self._observed: Any = None
        self._runs: Runs | None = None
        self._root: DurableTask[Any] | None = None
        self._assignments: Assignments | None = None
        self._cancellation: Cancellation | None = None
        self._advancing = self._ended = self._closed = False
        self._sink = sink if environment.wrap_sink is None else environment.wrap_sink(self, sink)
        environment.attempts[self] = None

    @property
    def runs(self) -> Runs:
        """The steps; made with the first."""
        if self._runs is None:
            self._runs = Runs(
                self,
                self.environment.loop,
                self.environment.executor,
                guarded=self.environment.guard is not Guard.OFF or bool(self.service.options.durable_natives),
            )
        return self._runs

    @property
    def is_executing(self) -> bool:
        """Whether a step executes whose result somebody wants."""
        return self._runs is not None and self._runs.is_executing()

    # ------------------------------------------------------------ from the transport

    def receive(self, data: bytes) -> None:
        """Bytes of the request body."""
        if self.on_received is not None:
            self.on_received(data)
        self.engine.receive(data)
        self._advance()

    def receive_eof(self) -> None:
        """The request body has ended."""
        self.engine.receive_eof()
        self._advance()

    def drain(self) -> None:
        """The endpoint shuts down: suspend at the next await instead of waiting for results.

        A step that executes is finished first, and its result offered to the journal. An attempt whose journal
        has not arrived looks at ``Environment.draining`` when it starts.
        """
        if self.engine.is_ready:
            self.engine.input_closed = True
            self._advance()

    def abort(self, reason: str) -> None:
        """The connection is gone, or the endpoint shuts down: nothing can be written any more."""
        if self._ended:
            return
        self._ended = True
        if self._observed is not None:
            self._observed.is_aborted = True
        self.engine.fail(AttemptError(500, reason))
        self.engine.take_output()
        if not self._advancing:  # else when the handler's turn, in which somebody asks for this, has ended
            self._close()

    def interrupt(self, reason: str) -> None:
        """Ends the attempt with a retryable error: what was not journaled runs again elsewhere."""
        self.engine.fail(AttemptError(503, reason))
        self._flush()

    # ------------------------------------------------------------ driving

    def _advance(self) -> None:
        """Goes as far as possible, then writes what was produced."""
        if self._advancing or self._closed:
            return
        self._advancing = True
        self.loop.turning = get_ident()
        try:
            if self._root is None and self.engine.is_ready:
                self._root = self._start()
            if self._root is not None:
                while self._turn(self._root):
                    pass
        except (EngineError, AttemptClosedError):
            # The engine has written it; see Engine's rule 1.
            pass
        except HandlerBugError as error:
            self.engine.fail(AttemptError(500, str(error), bug=True))
        except BaseException as error:
            # Whatever slipped through must not reach the transport, which has nobody to tell.
            logger.exception("%s: internal error", self.handler.qualified_name)
            self.engine.fail(reporting.handler_failed(self, error))
        finally:
            self._advancing = False
            self.loop.turning = 0
        self._flush()

    def _turn(self, root: DurableTask[Any]) -> bool:
        """Runs what is ready, then finds out what comes next. Returns whether to go round again."""
        loop = self.loop
        if loop.handles:
            if self._assignments is None:
                loop.run_until_idle()
            else:
                self._assignments.watch(partial(watch_turn, loop, self.environment.told))
        if self.engine.is_closed:
            return False
        if root.done() or loop.broken is not None:
            self._finish(root)
            return False
        cancellation = self._cancellation
        if cancellation is not None:
            if cancellation.is_pending:
                return cancellation.finish(root) or self._wait(root)
            if cancellation.reach_blocked(root):
                return True
        while (notification := self.engine.next_notification()) is not None:
            self._deliver(notification)
            if loop.handles or self._cancellation is not None or self.engine.is_closed:
                return True
            # Nothing has come of it (an invocation id that nobody awaits): the next one, without a turn.
        if self._runs is not None and not self.engine.is_replaying:
            self.loop.turning = 0  # for the steps' own turns
            self._runs.start()
            self.loop.turning = get_ident()
        # A step may have completed something of the handler.
        return loop.broken is not None or self._wait(root)

    def _wait(self, root: DurableTask[Any]) -> bool:
        """Nothing is ready and no notification is left. Returns whether to go round again."""
        executing = self._runs is not None and self._runs.is_executing()
        cancelling = self._cancellation is not None and self._cancellation.is_pending
        if self.engine.is_closed:
            return False
        # What the handler itself awaits is not done, as nothing is ready; so it comes, without a look at every waiter.
        awaits_result = isinstance(waits_for(root), DurableFuture)
        if not (executing or cancelling or awaits_result or self.results.any_awaited()):
            return self._deadlocked(root)
        progress = self.engine.progress(self._await_tree, executing)
        if progress is Progress.SUSPENDED:
            logger.debug("%s suspended", self.engine.started.debug_id)
        return False

    def _await_tree(self) -> AwaitNode:
        assert self._root is not None
        if self._cancellation is not None and self._cancellation.is_pending:
            return self._cancellation.missing_callees()
        failures.refuse_endless_signal(self.results)
        return await_tree(self._root, self.results, cancellable=self._cancellation is None)

    def _deadlocked(self, root: DurableTask[Any]) -> bool:
        """The handler waits for something that nothing will ever complete."""
        if self.engine.is_replaying:
            self.engine.progress(self._await_tree, False)
        self.engine.fail(AttemptError(500, failures.deadlock(self.locate(), end_of_awaits(root)), bug=True))
        return False

    def _deliver(self, notification: Notification) -> None:
        self.loop.arrivals += 1
        id_ = notification.id
        if type(id_) is int or id_ != CANCELLATION:
            self.results.deliver(notification)
        elif self._cancellation is None:
            self._cancellation = Cancellation(self.engine, self.results, self.runs)

    # ------------------------------------------------------------ what the engine asks for errors

    def locate(self) -> str:
        """Where the user's code stands: at a call, at an await, or (before and after) at its definition."""
        if self.loop.is_current():
            return caller()
        waiting = None if self._root is None or self._root.done() else waiting_at(self._root.get_coro())
        return waiting or f"{self.handler.source} in {self.handler.qualified_name}"

    def place(self) -> object:
        """The user's line that leads to the current call; in production the nearest that is not ours, found faster."""
        return user_spot() if self.environment.strict else spot()

    def explain(self, mismatch: Mismatch) -> str:
        """The text of error 570."""
        return reporting.explained(self, mismatch)

    def disclosed(self, error: AttemptError) -> AttemptError:
        """What of a failure leaves the process; the log has all of it."""
        return reporting.disclosed(self, error)

    # ------------------------------------------------------------ start and end of the handler

    def _start(self) -> DurableTask[Any]:
        """Makes the handler's task, or one that does nothing if the input is answered without it."""
        self.engine.input_closed |= self.environment.draining
        given = self.engine.read_input()
        plan = self.plan
        if plan.observe is not None:
            self._observed = plan.observe(self, given)
        if self.refusal is not None:
            return self._answered(self.refusal)
        if len(given.body) > plan.max_input_bytes:
            return self._answered(failures.oversized_input(self.handler, len(given.body), plan.max_input_bytes))
        try:
            args, kwargs = plan.decode(given.body)
        except DecodeError as error:
            return self._answered(failures.bad_input(self.handler, error, self.engine.version))
        operations = self.operations = Operations(self, given)
        self.context = plan.context(operations if plan.intercept is None else plan.intercept(self, operations))
        coroutine = plan.call(self.context, *args, **kwargs)
        variables = contextvars.copy_context()
        if self.service.options.durable_natives:
            answers = Answers(operations, self.loop.time)
            variables.run(enter_answers, answers)
            coroutine = answered(answers, coroutine)
        if self.environment.guard is not Guard.OFF:
            variables.run(enter_handler, self.environment.guard)
            self._assignments = Assignments(self.handler, self.service.instance, self.environment.guard)
        return DurableTask(coroutine, self.loop, None, variables)

    def _answered(self, result: TerminalError) -> DurableTask[None]:
        self._answer(result)
        return DurableTask(nothing(), self.loop)

    def _finish(self, root: DurableTask[Any]) -> None:
        """The handler has returned or raised."""
        error = self.loop.broken
        if error is None:
            try:
                error = root.exception()
            except asyncio.CancelledError:
                error = failures.self_cancelled()
        if error is None:
            self._complete(root.result())
            return
        terminal = failures.as_terminal(error)
        if terminal is not None:
            self._end_with(terminal)
        else:
            self.engine.fail(reporting.handler_failed(self, error))

    def _complete(self, value: Any) -> None:
        if self.results.is_missing_any() or self.loop.unseen is not None or len(self.loop.tasks) > 1:
            strict = self.environment.strict
            mistake = mistake_at_end(self.handler, self._root, self.loop, self.results, strict=strict)
            if mistake is not None:
                self.engine.fail(AttemptError(500, mistake, bug=True))
                return
        try:
            encode = self.plan.encode
            body = no_value(value) if encode is None else encode(value)
        except EncodeError as error:
            self.engine.fail(AttemptError(500, failures.bad_output(self.handler, error), bug=True))
        else:
            output(self.engine, body)
            self.engine.end()

    def _end_with(self, error: TerminalError) -> None:
        missed = failures.missed_cancellation(error)
        mistake = if_strict(missed, self.handler, strict=self.environment.strict)
        if mistake is not None:
            self.engine.fail(AttemptError(500, mistake, bug=True))
        else:
            self._answer(error)

    def _answer(self, result: TerminalError) -> None:
        if self._observed is not None:
            self._observed.failure = result
        output(self.engine, result)
        self.engine.end()

    # ------------------------------------------------------------ timers and steps

    def start_timer(self, timer: Waiter, delay: float) -> None:
        """Journals a timer of the durable loop (``asyncio.sleep`` and everything built on it)."""
        self.results.expect(sleep(self.engine, self.environment.due(delay)), timer)

    def cancel_invocation(self, invocation_id: str) -> None:
        """Asks a callee to cancel itself."""
        assert self.operations is not None
        self.operations.cancel(invocation_id)

    def refuse(self, error: HandlerBugError, stacktrace: str) -> None:
        """The handler does what is refused: that ends the attempt, whatever it catches."""
        self.engine.fail(AttemptError(500, str(error), stacktrace, bug=True))

    def wake(self) -> None:
        """Another thread has done something to the loop, which ends the attempt."""
        try:
            self.environment.loop.call_soon_threadsafe(self.look_again)
        except RuntimeError:  # the loop of the endpoint is closed
            return

    def look_again(self) -> None:
        """On the endpoint's loop, after ``wake``."""
        self._advance()

    def run_succeeded(self, run: Run, value: Any) -> None:
        """The body of a step has returned."""
        try:
            data = run.encode(value)
        except EncodeError as error:
            self._fail(AttemptError(500, str(error), related=run.related, bug=True))
        except BaseException as error:
            self._fail(reporting.step_failed(self, run, error))
        else:
            self._propose(run, data)

    def run_failed(self, run: Run, error: BaseException) -> None:
        """The body of a step has raised."""
        try:
            self._settle_failed(run, error)
        except BaseException as bug:
            # Nobody else would end the attempt: it would wait for this step for ever.
            self._fail(reporting.step_failed(self, run, bug))

    def _settle_failed(self, run: Run, error: BaseException) -> None:
        if isinstance(error, TerminalError):
            self._propose(run, error)
            return
        match next_step(run.policy, self.engine.run_retry_info(run.duration)):
            case Retry(delay):
                self._fail(reporting.step_failed(self, run, error, retry_after=delay))
            case Pause():
                self._fail(reporting.step_failed(self, run, error, pause=True))
            case Fail():
                self._propose(run, reporting.give_up_step(self, run, error))

    def _fail(self, error: AttemptError) -> None:
        self.engine.fail(error)
        self.runs.drop_pending()
        self._flush()

    def _propose(self, run: Run, result: bytes | TerminalError) -> None:
        if not self.engine.is_closed:
            try:
                self.engine.propose_run(run.completion_id, result)
            except EngineError:
                pass
            except BaseException as error:
                # A codec of the user's made something else than bytes.
                self._fail(reporting.step_failed(self, run, error))
        self._advance()

    # ------------------------------------------------------------ output

    def _flush(self) -> None:
        if self._closed or self._advancing:
            return
        if self._ended:
            self._close()
            return
        data = self.engine.take_output()
        if self.engine.is_closed:
            self._write_last(data)
        elif data:
            self._sink.write(data, end=False)

    def _write_last(self, data: bytes) -> None:
        """The end of the output. The stream may close with it and tell us so: by then there is nothing to abort."""
        self._ended = True
        if self._observed is not None:
            self._tell_end()  # before the next attempt begins, which may be at once
        try:
            self._sink.write(data, end=True)
        finally:
            try:
                if self.engine.ending is Ending.FAILED:
                    reporting.tell_failure(self)
            finally:
                self._close()

    def _tell_end(self) -> None:
        observed, self._observed = self._observed, None
        observed.end(self.engine)

    def _close(self) -> None:
        """Frees everything: coroutines are closed, bodies cancelled.

        The cycles through loop, runs, results and sink are cut (the engine has cut its own), so that reference
        counts free the attempt at once: left to the garbage collector they cost 35 µs an invocation.
        """
        if self._closed:
            return
        self._closed = True
        if self._observed is not None:
            self._tell_end()
        attempts = self.environment.attempts
        attempts.pop(self, None)
        if not attempts:
            self.environment.has_become_idle()
        if self._runs is not None:
            self._runs.cancel_all()
        self.loop.discard()
        self.results.forget()
        self._root = self.context = self.operations = None
        self._sink = _CLOSED
