"""Orders of a web shop: reserved, charged, shipped."""

from __future__ import annotations

import datetime as dt
import json
import logging
import random
import time
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
from pydantic import BaseModel

from restate_reflect import Context, ObjectContext, ObjectSharedContext, State, TerminalError

logger = logging.getLogger(__name__)
RATES: dict[str, float] = {}
PRICES = {"tea": 3, "lamp": 40}


class Order(BaseModel):
    id: str
    sku: str
    qty: int
    customer: str


class Receipt(BaseModel):
    number: str
    paid_at: str
    total: float


@dataclass
class Settings:
    base_url: str = "https://pay.example"
    retries: int = 3
    tags: list[str] = field(default_factory=list)


def order_number(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"  # expect: RR103


def today() -> str:
    return dt.date.today().isoformat()  # expect: RR101


def load_rates() -> dict[str, float]:
    if not RATES:
        RATES.update(json.loads(Path("rates.json").read_text()))  # expect: RR105/RR303
    return RATES


def jitter(base: float) -> float:
    return base * (1 + random.random() / 10)  # expect: RR102


async def charge_card(url: str, amount: float) -> str:
    async with httpx.AsyncClient() as client:
        answer = await client.post(url, json={"amount": amount})
        answer.raise_for_status()
        return str(answer.json()["id"])


class Stock:
    """What lies on the shelves; the key is the SKU."""

    left = State(int, default=0)

    async def reserve(self, ctx: ObjectContext, qty: int) -> bool:
        left = await ctx.get(Stock.left)
        if left < qty:
            return False
        ctx.set(Stock.left, left - qty)
        return True

    async def give_back(self, ctx: ObjectContext, qty: int) -> None:
        ctx.set(Stock.left, await ctx.get(Stock.left) + qty)

    async def count(self, ctx: ObjectSharedContext) -> int:
        return await ctx.get(Stock.left)


class Orders:
    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.done = 0

    async def place(self, ctx: Context, order: Order) -> Receipt:
        started = time.perf_counter()  # expect: RR101
        if not await ctx.call(Stock.reserve, order.qty, key=order.sku):
            raise TerminalError("sold out", code=409)
        number = order_number("ord")
        total = PRICES[order.sku] * order.qty * load_rates()["EUR"]
        try:
            await ctx.run("charge", charge_card, self.settings.base_url, total)
        except TerminalError:
            ctx.call(Stock.give_back, order.qty, key=order.sku)  # expect: RR203
            raise
        self.done += 1  # expect: RR302
        logger.info("took %.3f s", time.perf_counter() - started)  # expect: RR101
        return Receipt(number=number, paid_at=today(), total=total)

    async def remind(self, ctx: Context, order: Order) -> None:
        wait = timedelta(seconds=jitter(60.0))
        await ctx.sleep(wait)
        await ctx.run(f"remind-{time.time_ns()}", print, order.customer)  # expect: RR101/RR305

    async def audit(self, ctx: Context, orders: list[Order]) -> int:
        customers = {order.customer for order in orders}
        for customer in customers:  # expect: RR110
            await ctx.run(f"audit {customer}", print, customer)
        return len(customers)

    async def cancel(self, ctx: Context, order: Order) -> None:
        with open(f"/var/log/cancelled-{order.id}.log", "a") as log:  # expect: RR105
            log.write(order.model_dump_json())
        ctx.send(Stock.give_back, order.qty, key=order.sku)
