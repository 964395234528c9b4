"""A support agent: tools that are steps, a handler of another service as a tool, and a refund that a person approves.

The agent is one of pydantic-ai; ``Durability`` makes its model requests and its tools steps. ``refund`` is handler
code: it waits for a person, for days if need be, and then calls a virtual object.

Try it, with a key of OpenAI in the environment::

    restate-reflect serve examples.agents.support --with-server
    curl localhost:8080/Support/ask/send --json '"My order 17 came broken. I want my money back."'
    curl localhost:8080/restate/awakeables/<id that serve printed>/resolve --json '{"approved": true, "by": "grace"}'
"""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.models import Model

from restate_reflect import Context, ObjectContext, State, TerminalError, current_context
from restate_reflect.agents import ask_human, inline
from restate_reflect.agents.pydantic_ai import Durability, handler_as_tool

PRICES = {"17": 40, "18": 700}
"""Stands for a database."""


class Order(BaseModel):
    """What somebody has bought."""

    number: str
    price: int


class Decision(BaseModel):
    """A person's answer."""

    approved: bool
    by: str


class Account:
    """What was paid back for an order; the key is its number."""

    refunded = State(int, default=0)

    async def pay_back(self, ctx: ObjectContext, amount: int) -> int:
        """Pays, once for each order. Returns what was paid."""
        if await ctx.get(Account.refunded):
            raise TerminalError("this order was refunded already", code=409)
        ctx.set(Account.refunded, amount)
        return amount


class Deliveries:
    """Knows where parcels are."""

    async def where(self, ctx: Context, number: str) -> str:
        """Where the parcel of an order is."""
        return f"the parcel of order {number} is on its way"


def look_up(number: str) -> Order:
    """An order, by its number."""
    return Order(number=number, price=PRICES.get(number, 10))


def tell(order: Order, awakeable_id: str) -> None:
    """Asks a person; stands for a mail."""
    print(f"refund {order.price} for order {order.number}? Answer to {awakeable_id}")


@inline
async def refund(number: str) -> str:
    """Pays the price of an order back, if a person agrees."""
    ctx = current_context()
    order = await ctx.run("look up", look_up, number)
    try:
        decision = await ask_human(tell, order, answer=Decision, within=timedelta(days=3))
    except TimeoutError:
        return "nobody has decided in three days"
    if not decision.approved:
        return f"{decision.by} has refused it"
    return f"paid back {await ctx.call(Account.pay_back, order.price, key=number)}"


class Support:
    """Answers customers."""

    def __init__(self, model: Model | str = "openai:gpt-5.2") -> None:
        self.agent = Agent(
            model,
            instructions="You help customers of a shop. Look orders up before you speak of them.",
            tools=[look_up, refund, handler_as_tool(Deliveries.where)],
            capabilities=[Durability()],
            defer_model_check=True,
        )

    async def ask(self, ctx: Context, question: str) -> str:
        """Answers a question; takes as long as the people who have to decide."""
        return (await self.agent.run(question)).output
