"""Messages go out once, in order, and those that can't do not stop the others."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import BaseModel

from restate_reflect import Context, TerminalError
from restate_reflect.errors import HandlerBugError
from restate_reflect.patterns import Outbox
from restate_reflect.testing import Durable, FakeContext


class Placed(BaseModel):
    article: str


class Broker:
    def __init__(self) -> None:
        self.received: list[str] = []

    def publish(self, id: str, article: str) -> None:
        if id not in self.received:  # whoever receives knows the ids as well
            self.received.append(id)


class Events(Outbox[Placed]):
    def __init__(self, broker: Broker) -> None:
        self.broker = broker

    async def deliver(self, id: str, message: Placed) -> None:
        if message.article == "":
            raise TerminalError("nothing was placed")
        self.broker.publish(id, message.article)


class Orders:
    def __init__(self, events: Events) -> None:
        self.events = events

    async def place(self, ctx: Context, numbers: list[int]) -> None:
        for number in numbers:
            topic = f"order-{number}"
            ctx.send(self.events.put, topic, Placed(article="tea"), key="orders")


async def test_each_goes_out_once_and_in_order(durable: Durable) -> None:
    events = Events(Broker())
    env = await durable(events, Orders(events))
    await env.call(Orders.place, [3, 1, 2, 1])
    await env.settle()
    assert events.broker.received == ["order-3", "order-1", "order-2"]
    assert env.executions("deliver") in (3, 4)  # one more, where it crashed before the journal had it


async def test_ids_are_forgotten_after_a_while(durable: Durable) -> None:
    events = Events(Broker())
    env = await durable(events)
    placed = Placed(article="tea")
    assert await env.call(events.put, "a", placed, key="orders")
    assert not await env.call(events.put, "a", placed, key="orders")
    await env.advance(days=8)
    assert await env.call(events.put, "a", placed, key="orders")


async def test_what_is_given_up_is_remembered_until_it_goes_out(durable: Durable) -> None:
    events = Events(Broker())
    env = await durable(events)
    with pytest.raises(TerminalError, match="nothing was placed"):
        await env.call(events.put, "a", Placed(article=""), key="orders")
    assert await env.call(events.failures, key="orders") == {"a": "nothing was placed"}
    assert await env.call(events.put, "a", Placed(article="tea"), key="orders")
    assert await env.call(events.failures, key="orders") == {}


async def test_a_broker_that_is_down_is_waited_for(durable: Durable) -> None:
    events = Events(Broker())
    env = await durable(events)
    env.fail_step("deliver", ConnectionError("down"), times=3)
    assert await env.call(events.put, "a", Placed(article="tea"), key="orders")
    assert events.broker.received == ["a"]


def test_one_that_delivers_nothing_says_so() -> None:
    with pytest.raises(HandlerBugError, match="Outbox has no method deliver"):
        asyncio.run(Outbox[Placed]().put(FakeContext(key="orders"), "a", Placed(article="tea")))
