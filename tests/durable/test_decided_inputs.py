"""What an input leaves to be made is made once, in a step, and not in each attempt."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from uuid import UUID, uuid4

import pytest
from pydantic import BaseModel, Field

from restate_reflect import Context
from restate_reflect.protocol.messages import MessageType as M
from tests.journals import done, play


class Limits(BaseModel):
    most: int = 3


class Order(BaseModel):
    id: UUID = Field(default_factory=uuid4)
    at: datetime = Field(default_factory=partial(datetime.now, UTC))
    sku: str = "tea"
    tags: list[str] = Field(default_factory=list)


class Basket(BaseModel):
    orders: list[Order]


class Plain(BaseModel):
    tags: list[str] = Field(default_factory=lambda: ["a"])
    limits: Limits = Field(default_factory=Limits)


class Shop:
    async def buy(self, ctx: Context, order: Order) -> str:
        await ctx.sleep(1)
        return f"{order.id} {order.at}"

    async def both(self, ctx: Context, order: Order, pieces: int = 1) -> str:
        await ctx.sleep(1)
        return f"{order.id} {pieces}"

    async def all(self, ctx: Context, basket: Basket | None = None) -> str:
        await ctx.sleep(1)
        return str(basket and basket.orders[0].id)

    def plain(self, ctx: Context, order: Order) -> str:
        return str(order.id)

    async def constant(self, ctx: Context, given: Plain) -> int:
        return given.limits.most


@pytest.mark.parametrize(
    "handler, body", [("buy", b"{}"), ("both", b'{"order":{}}'), ("all", b'{"orders":[{"sku":"a"}]}')]
)
def test_each_attempt_gets_the_same(handler: str, body: bytes) -> None:
    first = play(Shop, handler, body=body).echo()
    assert first.types[:3] == [M.RUN_COMMAND, M.PROPOSE_RUN_COMPLETION, M.SLEEP_COMMAND]
    results = {first.again(done(M.SLEEP_COMPLETION, 2)).output for _ in range(3)}
    assert len(results) == 1


def test_a_step_is_made_only_for_what_is_made() -> None:
    whole = Order().model_dump_json().encode()
    assert play(Shop, "buy", body=whole).types == [M.SLEEP_COMMAND]
    assert play(Shop, "all").types == [M.SLEEP_COMMAND]
    assert play(Shop, "constant", body=b"{}").types == [M.OUTPUT_COMMAND, M.END]


def test_plain_functions_are_decided_too() -> None:
    played = play(Shop, "plain", body=b"{}").echo()
    assert len(played.output) == 38


def test_a_wrong_input_is_answered_at_once() -> None:
    failure = play(Shop, "buy", body=b'{"id":1}').failure
    assert failure is not None
    assert failure[0] == 400
