"""A shop whose invocations the page shows, run by ``dev`` in a temporary folder, and a browser before it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.dev.running import Dev
from tests.page.browser import Tab, tab

__all__ = ["SHOP", "Site", "fill", "press"]

SHOP = '''
import asyncio
from typing import Literal

from pydantic import BaseModel, Field

from restate_reflect import Context, ObjectContext, ObjectSharedContext, TerminalError


class Order(BaseModel):
    """What a customer wants."""

    sku: str = Field(description="What is ordered.", examples=["tea"])
    qty: int = Field(default=1, gt=0, le=99)
    pay: Literal["card", "invoice"] = "card"
    gift: bool | None = None


class Inventory:
    """Stock of one SKU; the key is the SKU."""

    async def refill(self, ctx: ObjectContext, qty: int) -> int:
        """Adds to the stock."""
        stock = (await ctx.get("stock", int) or 0) + qty
        ctx.set("stock", stock)
        return stock

    async def reserve(self, ctx: ObjectContext, qty: int) -> int:
        """Takes from the stock."""
        stock = await ctx.get("stock", int) or 0
        if stock < qty:
            raise TerminalError("sold out", code=409)
        ctx.set("stock", stock - qty)
        return stock - qty

    async def available(self, ctx: ObjectSharedContext) -> int:
        """What is there."""
        return await ctx.get("stock", int) or 0


class Checkout:
    """Takes orders."""

    async def submit(self, ctx: Context, order: Order) -> str:
        """Reserves, waits a moment, and charges."""
        left = await ctx.call(Inventory.reserve, order.qty, key=order.sku)
        await asyncio.sleep(0.2)
        return await ctx.run("charge", self.charge, left)

    async def charge(self, left: int) -> str:
        return f"charged, {left} left"

    async def remind(self, ctx: Context, minutes: int, text: str = "soon") -> str:
        """Sleeps."""
        await asyncio.sleep(minutes * 60)
        return text

    async def tenant(self, ctx: Context) -> str:
        """What a header says."""
        return ctx.request.headers.get("x-tenant", "nobody")

    async def broken(self, ctx: Context, sku: str) -> str:
        """Fails until somebody mends it."""
        return await ctx.run("ask the bank", self.ask_bank, sku)

    async def ask_bank(self, sku: str) -> str:
        try:
            return {}[sku]
        except KeyError as error:
            raise ConnectionError("the bank does not answer") from error
'''


class Site:
    """``dev`` in its folder."""

    def __init__(self, dev: Dev, folder: Path, profile: Path) -> None:
        self.dev, self.folder, self._profile = dev, folder, profile

    def call(self, path: str, body: Any = None) -> Any:
        """Asks the ingress; the decoded answer."""
        return self.dev.ask(path, body).json

    def drive(self, use: Callable[[Tab], Awaitable[Any]], address: str = "") -> Any:
        """Opens the page at an address in a fresh browser, does something, and expects no error on the page's side.

        Requests that the page has to show as failures are told by their text in the console alone.
        """

        async def main() -> Any:
            async with tab(self._profile) as made:
                await made.look(width=1280)
                await made.go(f"{self.dev.docs}/{address}")
                await made.until("document.querySelector('.handler')")
                result = await use(made)
                assert [each for each in made.troubles if "status of 4" not in each] == []
                return result

        return asyncio.run(main())


def field(place: str, label: str) -> str:
    """A script's expression for the control with this label."""
    return f"""(() => {{
        const label = [...{place}.querySelectorAll('label')].find((each) => each.textContent.startsWith({label!r}));
        return document.getElementById(label.htmlFor);
    }})()"""


async def fill(tab: Tab, place: str, label: str, text: str) -> None:
    """Types into the field with this label, in place of what is there."""
    await tab.run(f"{field(place, label)}.focus(), {field(place, label)}.select?.()")
    await tab.type(text)


async def choose(tab: Tab, place: str, label: str, value: str) -> None:
    """Takes an option of the select with this label."""
    await tab.run(
        f"{field(place, label)}.value = {value!r}, "
        f"{field(place, label)}.dispatchEvent(new Event('input', {{bubbles: true}}))"
    )


async def press(tab: Tab, place: str, button: str) -> None:
    """The visible button with this text."""
    found = f"[...{place}.querySelectorAll('button')].find((b) => b.textContent === {button!r} && b.offsetParent)"
    await tab.until(found)
    await tab.run(f"{found}.click()")
