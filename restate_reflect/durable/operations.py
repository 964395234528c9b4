"""What contexts do, over one attempt: typed values to commands, notifications to futures."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from contextvars import copy_context
from datetime import datetime
from functools import partial
from typing import Any, Final, NoReturn, Protocol

from restate_reflect.codecs import codec_for
from restate_reflect.codecs._base import Codec
from restate_reflect.context import NO_OPTIONS, UNSET, Awakeable, CallFuture, CallOptions, InvocationHandle, Request
from restate_reflect.definitions import HandlerDefinition, ServiceDefinition
from restate_reflect.durable import guards
from restate_reflect.durable.arguments import (
    awakeable_id_of,
    destination_of,
    invocation_id_of,
    invocation_target,
    key_problem,
    misplaced_option,
    own_turn,
    raw_body,
    step_problem,
    unawaited_argument,
)
from restate_reflect.durable.begun_run import Run
from restate_reflect.durable.calls import InvocationIdSlot
from restate_reflect.durable.closing import MAX_REFUSED, HandlerAbandoned
from restate_reflect.durable.decoding import (
    Decoder,
    decode_delivered,
    decode_keys,
    decode_nothing,
    decode_optional,
    decode_state,
)
from restate_reflect.durable.environment import Environment
from restate_reflect.durable.extending import running_loop
from restate_reflect.durable.futures import DurableFuture, RunFuture, SerialLoop, WatchedFuture
from restate_reflect.durable.gates import NO_GATES, gate_named, is_passed, passed
from restate_reflect.durable.locations import Spot, caller, spot
from restate_reflect.durable.logs import ReplayAwareLogger
from restate_reflect.durable.outgoing import OutgoingCall
from restate_reflect.durable.plain import utc
from restate_reflect.durable.requests import request_of
from restate_reflect.durable.results import Results
from restate_reflect.durable.runs import Runs
from restate_reflect.durable.step_functions import StepFunction, step_function
from restate_reflect.engine.commands import awakeable, invocation, promise, signal, sleep, state
from restate_reflect.engine.commands.call import Destination
from restate_reflect.engine.commands.call import call as issue_call
from restate_reflect.engine.commands.call import send as issue_send
from restate_reflect.engine.commands.run import run as issue_run
from restate_reflect.engine.machine import Engine
from restate_reflect.engine.notifications import Notification
from restate_reflect.engine.opening import Input
from restate_reflect.engine.retries import FOREVER
from restate_reflect.errors import (
    AttemptClosedError,
    EncodeError,
    HandlerBugError,
    TerminalError,
    UnsupportedTypeError,
)
from restate_reflect.identifiers import InvocationTarget
from restate_reflect.options import Duration, RetryPolicy, seconds
from restate_reflect.versions import Gate

__all__ = ["Operations"]

logger = logging.getLogger("restate_reflect")

_OWN_FRAMES: Final = 1
"""Between here and the user's code, at least: that of the context's method."""


class DurableAwakeable(WatchedFuture[Any], Awakeable[Any]):
    """An awakeable of this attempt."""

    __slots__ = ("_id", "is_known")

    def __init__(self, decode: Callable[[Notification], Any], id_: str, loop: SerialLoop, where: Spot | None) -> None:
        super().__init__(decode, f"awakeable {id_}", loop, where)
        self._id = id_
        self.is_known = False

    @property
    def id(self) -> str:
        self.is_known = True
        return self._id


class Journaled(Protocol):
    """The attempt that the operations belong to."""

    engine: Engine
    environment: Environment[Any]
    headers: Mapping[str, str]
    results: Results
    service: ServiceDefinition
    handler: HandlerDefinition

    @property
    def loop(self) -> SerialLoop: ...
    @property
    def runs(self) -> Runs: ...


class Operations:
    """Implements ``context.Operations``; one per attempt."""

    __slots__ = ("_attempt", "_engine", "_input", "_log", "_loop", "_random", "_refused", "_request", "gates")

    def __init__(self, attempt: Journaled, given: Input) -> None:
        self._attempt = attempt
        self._engine = attempt.engine
        self._loop = attempt.loop
        self._random: random.Random | None = None
        self._refused = 0
        self._log: ReplayAwareLogger | None = None
        self._input = given
        self._request: Request | None = None
        self.gates: Mapping[Gate, bool] = NO_GATES
        """The version gates that were passed, and what each has decided."""

    # ------------------------------------------------------------ without commands

    @property
    def request(self) -> Request:
        """Made when first asked for: few handlers look at it (3 µs)."""
        if self._request is None:
            self._request = request_of(self._engine.started, self._input, self._attempt.headers)
        return self._request

    @property
    def key(self) -> str:
        return self._engine.started.key

    @property
    def log(self) -> ReplayAwareLogger:
        if self._log is None:
            attempt = self._attempt
            self._log = ReplayAwareLogger(
                attempt.service.name, attempt.handler.name, self.key, self.request.id, self._engine
            )
        return self._log

    @property
    def random(self) -> random.Random:
        if self._random is None:
            self._random = random.Random(self._engine.started.random_seed)
        return self._random

    @property
    def used_random(self) -> bool:
        """Whether the handler has asked for random numbers."""
        return self._random is not None

    def unguarded(self) -> AbstractContextManager[None]:
        return guards.unguarded()

    # ------------------------------------------------------------ state

    def get_state(self, key: str, type_: Any, default: Any) -> DurableFuture[Any]:
        self._check()
        codec = self._codec(type_)
        label = f"state {key!r}"
        found = state.get(self._engine, key)
        if isinstance(found, int):
            return self._expect(found, partial(decode_state, codec, default), label)
        future = self._future(partial(decode_state, codec, default), label)
        future.settle(Notification(0, value=found))
        return future

    def set_state(self, key: str, type_: Any, value: Any) -> None:
        self._check()
        state.set_(self._engine, key, self._encode(type_, value, f"state {key!r}"))

    def clear_state(self, key: str) -> None:
        self._check()
        state.clear(self._engine, key)

    def clear_all_state(self) -> None:
        self._check()
        state.clear_all(self._engine)

    def state_keys(self) -> DurableFuture[list[str]]:
        self._check()
        found = state.keys(self._engine)
        if isinstance(found, int):
            return self._expect(found, decode_keys, "state keys")
        future = self._future(decode_keys, "state keys")
        future.set_result(found)
        return future

    # ------------------------------------------------------------ calls

    def call(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], options: CallOptions
    ) -> CallFuture[Any]:
        self._check()
        destination, body, decode = self._prepare(method, args, kwargs, options)
        return self._call(destination, body, decode, spot(_OWN_FRAMES))

    def send(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], options: CallOptions
    ) -> InvocationHandle[Any]:
        self._check()
        destination, body, decode = self._prepare(method, args, kwargs, options)
        return self._send(destination, body, options.delay, Decoder(decode))

    def call_raw(self, service: str, handler: str, body: bytes, options: CallOptions) -> CallFuture[bytes]:
        self._check()
        destination = destination_of(service, handler, options)
        return self._call(destination, raw_body(body), bytes, spot(_OWN_FRAMES))

    def send_raw(self, service: str, handler: str, body: bytes, options: CallOptions) -> InvocationHandle[bytes]:
        self._check()
        return self._send(destination_of(service, handler, options), raw_body(body), options.delay, bytes)

    def _prepare(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], options: CallOptions
    ) -> tuple[Destination, bytes, Callable[[bytes], Any]]:
        routes = self._attempt.environment.routes
        route = routes.find(method)
        destination = route.destination
        if route.is_keyed is (options.key is None):
            raise HandlerBugError(key_problem(destination.service, destination.handler, route.is_keyed))
        body = route.encode(args, kwargs)
        if options is not NO_OPTIONS:
            destination = destination_of(destination.service, destination.handler, options)
        return destination, body, route.decode

    def _call(
        self, destination: Destination, body: bytes, decode: Callable[[bytes], Any], where: Spot | None
    ) -> CallFuture[Any]:
        if destination.key is not None and destination.key == self._engine.started.key:
            self._look_at_own_turn(destination)
        invocation_id, result = issue_call(self._engine, destination, body)
        slot = InvocationIdSlot(invocation_id, "call", destination, self._loop)
        future = OutgoingCall(decode, slot, self._loop, where)
        self._attempt.results.expect(invocation_id, slot)
        self._attempt.results.expect(result, future)
        return future

    def _look_at_own_turn(self, destination: Destination) -> None:
        """Refused in ``dev`` and tests; elsewhere told, as an operator can still kill the callee."""
        problem = own_turn(self._attempt.service, self._attempt.handler, destination)
        if problem is not None and self._attempt.environment.strict:
            raise HandlerBugError(problem)
        if problem is not None and not self._engine.is_replaying:
            logger.warning("%s", problem)

    def _send(
        self, destination: Destination, body: bytes, delay: Duration | None, output: Any
    ) -> InvocationHandle[Any]:
        invoke_time = self._at(seconds(delay)) if delay else 0
        completion_id = issue_send(self._engine, destination, body, invoke_time)
        slot = InvocationIdSlot(completion_id, "send", destination, self._loop)
        self._attempt.results.expect(completion_id, slot)
        return InvocationHandle(self, slot.future(), output)

    # ------------------------------------------------------------ steps and timers

    def run(
        self,
        name: str,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        retry: RetryPolicy | None,
        type_: Any,
    ) -> RunFuture[Any]:
        self._check()
        self._check_step(name, function, args, kwargs, retry)
        known = step_function(function)
        codec = self._codec_of_result(known, type_)
        completion_id = issue_run(self._engine, name)
        future: RunFuture[Any] = RunFuture(codec.decode, name, self._loop, spot(_OWN_FRAMES))
        self._attempt.results.expect(completion_id, future)
        if not self._engine.has_result(completion_id):
            step = Run(
                completion_id,
                name,
                self._engine.command_index,
                function,
                args,
                kwargs,
                known.is_async,
                copy_context(),
                codec,
                type_ is UNSET and known.returns is UNSET,
                retry or FOREVER,
                future,
            )
            wrap = self._attempt.environment.wrap_step
            if wrap is None or self._wrap(wrap, step):
                self._attempt.runs.add(step)
        return future

    def _check_step(
        self,
        name: str,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        retry: RetryPolicy | None,
    ) -> None:
        if not isinstance(name, str) or not callable(function):
            raise HandlerBugError(step_problem(name, function))
        if kwargs and (misplaced := misplaced_option(name, function, kwargs)):
            raise HandlerBugError(misplaced)
        if (args or kwargs) and (unawaited := unawaited_argument(name, (*args, *kwargs.values()))):
            raise HandlerBugError(unawaited)
        if retry is not None and retry.on_max_attempts == "kill":
            raise HandlerBugError(
                f"on_max_attempts='kill' is for invocations, not for run {name!r} ({caller()}). Write 'fail' or"
                " 'pause'."
            )

    def _codec_of_result(self, known: StepFunction, type_: Any) -> Codec[Any]:
        """By the type that is given, else by the function's annotation, else for whatever JSON brings back."""
        if type_ is UNSET and known.codec is not None:
            return known.codec
        declared = known.returns if type_ is UNSET else type_
        return self._codec(Any if declared is UNSET else declared)

    def _wrap(self, wrap: Callable[..., Callable[[], Any] | None], step: Run) -> bool:
        """Puts the body that ``wrap`` gives into the place of the step's. Returns whether it gives one."""
        body = partial(step.function, *step.args, **step.kwargs)
        wrapped = wrap(self._engine.started.debug_id, step.name, body, step.is_async)
        if wrapped is None:
            return False
        step.function, step.args, step.kwargs = wrapped, (), {}
        return True

    def sleep(self, duration: Duration, name: str) -> WatchedFuture[None]:
        self._check()
        label = f"sleep {name!r}" if name else "sleep"
        completion_id = sleep.sleep(self._engine, self._at(seconds(duration)), name)
        future: WatchedFuture[None] = WatchedFuture(decode_nothing, label, self._loop, spot(_OWN_FRAMES))
        self._attempt.results.expect(completion_id, future)
        return future

    def now(self) -> RunFuture[datetime]:
        return self.run("now", utc, (self._attempt.environment.wall_clock,), {}, None, datetime)

    def version(self, name: str, since: int) -> asyncio.Future[bool]:
        self._check()
        gate = gate_named(name, since)
        decided = self.gates.get(gate)
        is_open = is_passed(self._engine.peek_recorded(), gate) if decided is None else decided
        self.gates = {**self.gates, gate: is_open}
        if is_open and decided is None:
            return self.run(gate.step, passed, (), {}, None, bool)
        future: DurableFuture[bool] = self._future(decode_nothing, f"version {name!r}")
        future.set_result(is_open)
        return future

    def _at(self, delay: float) -> int:
        return self._attempt.environment.due(delay)

    # ------------------------------------------------------------ awakeables, promises, signals

    def awakeable(self, type_: Any) -> DurableAwakeable:
        self._check()
        id_, index = awakeable.create(self._engine)
        decode = partial(decode_delivered, self._codec(type_).decode)
        future = DurableAwakeable(decode, id_, self._loop, spot(_OWN_FRAMES))
        self._attempt.results.expect_signal(index, future)
        return future

    def complete_awakeable(self, id_: str, value: Any, type_: Any) -> None:
        self._check()
        id_ = awakeable_id_of(id_)
        awakeable.complete(self._engine, id_, self._encode(type_, value, f"awakeable {id_}"))

    def reject_awakeable(self, id_: str, message: str, code: int) -> None:
        self._check()
        awakeable.complete(self._engine, awakeable_id_of(id_), TerminalError(message, code))

    def get_promise(self, name: str, type_: Any) -> DurableFuture[Any]:
        self._check()
        decode = partial(decode_delivered, self._codec(type_).decode)
        return self._expect_result(promise.get(self._engine, name), decode, f"promise {name!r}")

    def peek_promise(self, name: str, type_: Any) -> DurableFuture[Any]:
        self._check()
        decode = partial(decode_optional, self._codec(type_).decode)
        return self._expect_result(promise.peek(self._engine, name), decode, f"promise {name!r}")

    def resolve_promise(self, name: str, type_: Any, value: Any) -> DurableFuture[None]:
        self._check()
        data = self._encode(type_, value, f"promise {name!r}")
        return self._expect(promise.complete(self._engine, name, data), decode_nothing, f"promise {name!r}")

    def reject_promise(self, name: str, message: str, code: int) -> DurableFuture[None]:
        self._check()
        completion_id = promise.complete(self._engine, name, TerminalError(message, code))
        return self._expect(completion_id, decode_nothing, f"promise {name!r}")

    def signal(self, name: str, type_: Any) -> DurableFuture[Any]:
        self._check()
        decode = partial(decode_delivered, self._codec(type_).decode)
        future = self._future(decode, f"signal {name!r}")
        self._attempt.results.expect_signal(name, future)
        return future

    def resolve_signal(self, invocation_id: str, name: str, value: Any, type_: Any) -> None:
        self._check()
        target = invocation_id_of(invocation_id)
        signal.send(self._engine, target, name, self._encode(type_, value, f"signal {name!r}"))

    def reject_signal(self, invocation_id: str, name: str, message: str, code: int) -> None:
        self._check()
        signal.send(self._engine, invocation_id_of(invocation_id), name, TerminalError(message, code))

    # ------------------------------------------------------------ other invocations

    def attach(self, target: InvocationTarget, output: Any) -> DurableFuture[Any]:
        self._check()
        decode = partial(decode_delivered, self._decoder(output))
        return self._expect(invocation.attach(self._engine, invocation_target(target)), decode, f"attach {target}")

    def output(self, target: InvocationTarget, output: Any) -> DurableFuture[Any]:
        self._check()
        decode = partial(decode_optional, self._decoder(output))
        return self._expect(invocation.output(self._engine, invocation_target(target)), decode, f"output {target}")

    def cancel(self, invocation_id: str) -> None:
        self._check()
        signal.cancel(self._engine, invocation_id_of(invocation_id))

    # ------------------------------------------------------------ shared

    def _check(self) -> None:
        """A context works in its own handler only, and only while the attempt lasts."""
        if self._engine.is_closed:
            self._refuse()
        if running_loop() is not self._loop:
            raise HandlerBugError(
                f"the context was used outside of its handler ({caller()}): in the body of ctx.run, in a thread, or in"
                " a task of another loop. Use it in the handler, and give the step what it needs as arguments."
            )

    def _refuse(self) -> NoReturn:
        self._refused += 1
        if self._refused > MAX_REFUSED:
            raise HandlerAbandoned
        raise AttemptClosedError("this attempt has ended; its context can't be used any more")

    def _expect(self, completion_id: int, decode: Callable[[Notification], Any], label: str) -> DurableFuture[Any]:
        future = self._future(decode, label)
        self._attempt.results.expect(completion_id, future)
        return future

    def _expect_result(
        self, completion_id: int, decode: Callable[[Notification], Any], label: str
    ) -> WatchedFuture[Any]:
        """``_expect``, for what is asked for its result alone: pointless unless it is awaited."""
        future: WatchedFuture[Any] = WatchedFuture(decode, label, self._loop, spot(_OWN_FRAMES))
        self._attempt.results.expect(completion_id, future)
        return future

    def _future(self, decode: Callable[[Notification], Any], label: str) -> DurableFuture[Any]:
        return DurableFuture(decode, label, self._loop)

    def _codec(self, type_: Any) -> Codec[Any]:
        try:
            return codec_for(type_)
        except UnsupportedTypeError as error:
            raise HandlerBugError(f"{error} ({caller()})") from error

    def _decoder(self, output: Any) -> Callable[[bytes], Any]:
        if isinstance(output, Decoder):
            return output.decode
        return self._codec(output).decode

    def _encode(self, type_: Any, value: Any, what: str) -> bytes:
        """By the declared type, else by the value's own class."""
        declared = type(value) if type_ is UNSET else type_
        if isinstance(value, DurableFuture):
            raise HandlerBugError(
                f"'await' is missing at {caller()}: {what} is given {value.label}, which is not there yet."
            )
        try:
            return self._codec(declared).encode(value)
        except EncodeError as error:
            raise HandlerBugError(
                f"the value for {what} does not fit its declared type ({caller()}): {error}"
            ) from error
