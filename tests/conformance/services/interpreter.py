"""Section 9 of the contract: programs that are run by three layers of objects."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from restate_reflect import (
    Context,
    ObjectContext,
    ObjectSharedContext,
    RetryableError,
    RetryPolicy,
    State,
    TerminalError,
)

COUNTER = State(int, default=0, name="counter")
FAILURE = object()
"""The expected outcome of a future that must fail terminally."""


@dataclass
class InterpreterId:
    layer: int
    key: str


@dataclass
class Execution:
    """A program being run."""

    ctx: ObjectContext
    layers: Layers
    layer: int
    position: int = 0
    remembered: dict[int, tuple[asyncio.Future[Any], object]] = field(default_factory=dict)

    @property
    def id(self) -> InterpreterId:
        return InterpreterId(self.layer, self.ctx.key)

    @property
    def greeting(self) -> str:
        return f"hello-{self.position}"

    def remember(self, future: asyncio.Future[Any], expected: object) -> None:
        self.remembered[self.position] = future, expected

    def let_go(self) -> None:
        """What the program never awaits is begun all the same, and its result nobody's."""
        for future, _ in self.remembered.values():
            future.cancel()


# ---------------------------------------------------------------- commands: state


@dataclass
class SetState:
    kind: Literal[1]
    key: int

    async def execute(self, run: Execution) -> None:
        run.ctx.set(f"key-{self.key}", f"value-{self.key}")


@dataclass
class GetState:
    kind: Literal[2]
    key: int

    async def execute(self, run: Execution) -> None:
        await run.ctx.get(f"key-{self.key}", str)


@dataclass
class ClearState:
    kind: Literal[3]
    key: int

    async def execute(self, run: Execution) -> None:
        run.ctx.clear(f"key-{self.key}")


@dataclass
class Increment:
    kind: Literal[4]

    async def execute(self, run: Execution) -> None:
        run.ctx.set(COUNTER, await run.ctx.get(COUNTER) + 1)


@dataclass
class IncrementIndirectly:
    kind: Literal[5]

    async def execute(self, run: Execution) -> None:
        run.ctx.send(ServiceInterpreterHelper.incrementIndirectly, run.layer, run.ctx.key)


@dataclass
class IncrementLater:
    kind: Literal[9]
    duration: int

    async def execute(self, run: Execution) -> None:
        delay = self.duration / 1000
        run.ctx.send(ServiceInterpreterHelper.incrementIndirectly, run.layer, run.ctx.key, delay=delay)


# ---------------------------------------------------------------- commands: timers and steps


@dataclass
class Sleep:
    kind: Literal[6]
    duration: int

    async def execute(self, run: Execution) -> None:
        await run.ctx.sleep(self.duration / 1000)


@dataclass
class SideEffect:
    kind: Literal[10]

    async def execute(self, run: Execution) -> None:
        expected = run.greeting

        async def greet() -> str:
            return expected

        result = await run.ctx.run("greet", greet)
        if result != expected:
            raise TerminalError(f"the step returned {result!r}, not {expected!r}")


@dataclass
class ThrowingSideEffect:
    kind: Literal[11]

    async def execute(self, run: Execution) -> None:
        retry = RetryPolicy(initial_interval=0.001, factor=1)
        await run.ctx.options(retry=retry).run("fail half of the time", self._fail_half_of_the_time)

    async def _fail_half_of_the_time(self) -> None:
        if random.random() < 0.5:
            raise RetryableError("better luck next time")


@dataclass
class SlowSideEffect:
    kind: Literal[12]

    async def execute(self, run: Execution) -> None:
        await run.ctx.run("take a millisecond", self._take_a_millisecond)

    async def _take_a_millisecond(self) -> None:
        await asyncio.sleep(0.001)


# ---------------------------------------------------------------- commands: calls


@dataclass
class Echo:
    kind: Literal[7]

    async def execute(self, run: Execution) -> None:
        run.remember(run.ctx.call(ServiceInterpreterHelper.echo, run.greeting), run.greeting)


@dataclass
class EchoLater:
    kind: Literal[8]
    sleep: int

    async def execute(self, run: Execution) -> None:
        call = run.ctx.call(ServiceInterpreterHelper.echoLater, self.sleep, run.greeting)
        run.remember(call, run.greeting)


@dataclass
class RecoverFailure:
    kind: Literal[13]

    async def execute(self, run: Execution) -> None:
        try:
            await run.ctx.call(ServiceInterpreterHelper.terminalFailure)
        except TerminalError:
            return
        raise TerminalError("the call should have failed")


@dataclass
class FailLater:
    kind: Literal[14]

    async def execute(self, run: Execution) -> None:
        run.remember(run.ctx.call(ServiceInterpreterHelper.terminalFailure), FAILURE)


@dataclass
class CallNextLayer:
    kind: Literal[19]
    key: int
    program: Program

    async def execute(self, run: Execution) -> None:
        interpret = run.layers[run.layer + 1].interpret
        run.remember(run.ctx.call(interpret, self.program, key=str(self.key)), None)


@dataclass
class AwaitRemembered:
    kind: Literal[15]
    index: int

    async def execute(self, run: Execution) -> None:
        future, expected = run.remembered.pop(self.index)
        try:
            outcome: object = await future
        except TerminalError as error:
            if expected is not FAILURE:
                raise TerminalError(f"command {self.index} failed: {error.message}") from error
            return
        if outcome != expected:
            raise TerminalError(f"command {self.index} gave {outcome!r}")


# ---------------------------------------------------------------- commands: awakeables


@dataclass
class ResolvedAwakeable:
    kind: Literal[16]

    async def execute(self, run: Execution) -> None:
        awakeable = run.ctx.awakeable(str)
        run.ctx.send(ServiceInterpreterHelper.resolveAwakeable, awakeable.id)
        run.remember(awakeable, "ok")


@dataclass
class RejectedAwakeable:
    kind: Literal[17]

    async def execute(self, run: Execution) -> None:
        awakeable = run.ctx.awakeable(str)
        run.ctx.send(ServiceInterpreterHelper.rejectAwakeable, awakeable.id)
        run.remember(awakeable, FAILURE)


@dataclass
class IncrementViaAwakeables:
    kind: Literal[18]

    async def execute(self, run: Execution) -> None:
        awakeable = run.ctx.awakeable(str)
        run.ctx.send(ServiceInterpreterHelper.incrementViaAwakeableDance, run.id, awakeable.id)
        run.ctx.resolve_awakeable(await awakeable, "ok")


Command: TypeAlias = Annotated[
    SetState
    | GetState
    | ClearState
    | Increment
    | IncrementIndirectly
    | Sleep
    | Echo
    | EchoLater
    | IncrementLater
    | SideEffect
    | ThrowingSideEffect
    | SlowSideEffect
    | RecoverFailure
    | FailLater
    | AwaitRemembered
    | ResolvedAwakeable
    | RejectedAwakeable
    | IncrementViaAwakeables
    | CallNextLayer,
    Field(discriminator="kind"),
]


@dataclass
class Program:
    commands: list[Command]


# ---------------------------------------------------------------- services


class ObjectInterpreter:
    """Runs programs; one instance a layer, as their names are all that differs."""

    def __init__(self, layer: int, layers: Layers) -> None:
        self.__restate_name__ = f"ObjectInterpreterL{layer}"
        self.layer = layer
        self.layers = layers

    async def interpret(self, ctx: ObjectContext, program: Program) -> None:
        run = Execution(ctx, self.layers, self.layer)
        for run.position, command in enumerate(program.commands):
            await command.execute(run)
        run.let_go()

    async def counter(self, ctx: ObjectSharedContext) -> int:
        return await ctx.get(COUNTER)


Layers: TypeAlias = list[ObjectInterpreter]


class ServiceInterpreterHelper:
    """Does for interpreters what they can't do alone."""

    def __init__(self, layers: Layers) -> None:
        self.layers = layers

    async def ping(self, ctx: Context) -> None: ...

    async def echo(self, ctx: Context, parameter: str) -> str:
        return parameter

    async def echoLater(self, ctx: Context, sleep: int, parameter: str) -> str:
        await ctx.sleep(sleep / 1000)
        return parameter

    async def terminalFailure(self, ctx: Context) -> None:
        raise TerminalError("as asked for")

    async def incrementIndirectly(self, ctx: Context, layer: int, key: str) -> None:
        ctx.send(self.layers[layer].interpret, Program([Increment(4)]), key=key)

    async def resolveAwakeable(self, ctx: Context, id: str) -> None:
        ctx.resolve_awakeable(id, "ok")

    async def rejectAwakeable(self, ctx: Context, id: str) -> None:
        ctx.reject_awakeable(id, "rejected")

    async def incrementViaAwakeableDance(self, ctx: Context, interpreter: InterpreterId, txPromiseId: str) -> None:
        awakeable = ctx.awakeable(str)
        ctx.resolve_awakeable(txPromiseId, awakeable.id)
        await awakeable
        await self.incrementIndirectly(ctx, interpreter.layer, interpreter.key)


def layered_interpreters(count: int = 3) -> tuple[ObjectInterpreter | ServiceInterpreterHelper, ...]:
    """Interpreters that know each other, and their helper."""
    layers: Layers = []
    layers.extend(ObjectInterpreter(layer, layers) for layer in range(count))
    return (*layers, ServiceInterpreterHelper(layers))
