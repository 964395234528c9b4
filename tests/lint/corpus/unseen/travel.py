"""Bookings of trips: flights, hotels, cars; undone in reverse."""

import asyncio
import pickle
import random as rnd
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta

import httpx

from restate_reflect import Context, ObjectContext, State, TerminalError, WorkflowContext, WorkflowSharedContext

client = httpx.AsyncClient(base_url="https://travel.example")
bookings: list[str] = []
config = {"currency": "EUR"}
rng = rnd.Random()


def season(day: date | None = None) -> str:
    day = day or date.today()  # expect: RR101
    return "high" if day.month in (7, 8) else "low"


def set_currency(code: str) -> None:
    config["currency"] = code  # expect: RR303


async def quote(city: str) -> float:
    answer = await client.get(f"/quotes/{city}")  # expect: RR106
    return float(answer.text)


async def book(kind: str, city: str) -> str:
    """A step."""
    answer = await client.post(f"/{kind}/{city}")
    return answer.text


async def unbook(kind: str, number: str) -> None:
    """A step."""
    await client.delete(f"/{kind}/{number}")


class Trip:
    status = State(str, default="new")

    async def run(self, ctx: WorkflowContext, city: str) -> list[str]:
        undo: list[Callable[[], Awaitable[None]]] = []
        price = await quote(city)
        try:
            flight = await ctx.run("flight", book, "flight", city)
            undo.append(lambda: ctx.run("cancel flight", unbook, "flight", flight))
            hotel = await ctx.run("hotel", book, "hotel", city)
            undo.append(lambda: ctx.run("cancel hotel", unbook, "hotel", hotel))
            car = await ctx.run(f"car for {price} at {datetime.now()}", book, "car", city)  # expect: RR101/RR305
        except:  # expect: RR201
            for compensation in reversed(undo):
                await compensation()
            return []
        bookings.append(flight)  # expect: RR303
        ctx.set(Trip.status, f"booked in {season()} season")
        return [flight, hotel, car]

    async def confirm(self, ctx: WorkflowSharedContext, by: str) -> None:
        await ctx.promise("confirmed", str).resolve(by)

    async def state(self, ctx: WorkflowSharedContext) -> str:
        return await ctx.get(Trip.status)


class Offers:
    def __init__(self) -> None:
        self.offers: dict[str, float] = {}
        self.rng = rnd.Random(42)

    async def best(self, ctx: Context, cities: list[str]) -> str:
        tasks = [asyncio.create_task(self._offer(ctx, city)) for city in cities]
        prices = await asyncio.gather(*tasks)
        best = min(zip(prices, cities, strict=True))[1]
        self.offers.update({best: min(prices)})  # expect: RR302
        return best

    async def _offer(self, ctx: Context, city: str) -> float:
        price = await ctx.run(f"quote {city}", quote_step, city)
        return price * rnd.uniform(0.9, 1.1)  # expect: RR102

    async def lucky(self, ctx: Context) -> float:
        return rng.random()  # expect: RR102

    async def dice(self, ctx: Context) -> int:
        return self.rng.randint(1, 6)  # expect: RR102/RR302

    async def switch(self, ctx: Context, code: str) -> None:
        set_currency(code)

    async def later(self, ctx: Context, city: str) -> None:
        async def remind() -> None:
            await ctx.sleep(timedelta(days=1))
            await ctx.run("remind", print, city)

        asyncio.ensure_future(remind())  # expect: RR204

    async def save(self, ctx: Context, path: str) -> None:
        with open(path, "wb") as file:  # expect: RR105
            pickle.dump(self.offers, file)

    async def old(self, ctx: Context, *cities) -> None:  # expect: RR401
        pass


async def quote_step(city: str) -> float:
    return float((await client.get(f"/quotes/{city}")).text)


class Traveller:
    """The key is the traveller's number."""

    miles = State(int, default=0)

    async def fly(self, ctx: ObjectContext, miles: int) -> int:
        total = await ctx.get(Traveller.miles) + miles
        ctx.set(Traveller.miles, total)
        ctx.sleep(timedelta(minutes=1))  # expect: RR203
        return total

    async def merge(self, ctx: ObjectContext, other: str) -> int:
        if other == ctx.key:
            raise TerminalError("the same")
        theirs = await ctx.call(Traveller.fly, 0, key=other)
        return await ctx.call(Traveller.fly, theirs, key=ctx.key)  # expect: RR206

    async def gift(self, ctx: ObjectContext, to: set[str]) -> int:
        each = await ctx.get(Traveller.miles) // len(to)
        async with asyncio.TaskGroup() as group:
            for name in to:  # expect: RR110
                group.create_task(self._give(ctx, name, each))
        return each

    async def _give(self, ctx: ObjectContext, name: str, miles: int) -> None:
        await ctx.call(Traveller.fly, miles, key=name)
