"""A saga: three steps, each with its compensation, run in reverse when a later one fails.

Shows ``ctx.run`` for side effects, dependencies by constructor, ids that are the same in every
attempt, and compensation by ``saga``: for terminal failures and cancellation alike. Failures
that a retry may mend undo nothing, as Restate retries them.

Try it::

    restate-reflect serve examples.payment_saga --with-server
    curl localhost:8080/Shop/buy --json '{"customer": "ada", "item": "lamp", "price": 40}'
    curl localhost:8080/Shop/buy --json '{"customer": "bob", "item": "lamp", "price": 4000}'  # 402: lamp put back
    curl localhost:8080/Shop/buy --json '{"customer": "ada", "item": "piano", "price": 90}'   # 422: money back
"""

from __future__ import annotations

from pydantic import BaseModel, Field

from restate_reflect import Context, TerminalError
from restate_reflect.patterns import saga


class Order(BaseModel):
    """What a customer wants."""

    customer: str
    item: str
    price: int = Field(gt=0)


class Receipt(BaseModel):
    """What the customer gets."""

    order_id: str
    tracking: str


class Warehouse:
    """Stock on shelves. Every method may be called twice with the same order id."""

    def __init__(self) -> None:
        self.reserved: dict[str, str] = {}

    def reserve(self, order_id: str, item: str) -> None:
        """Takes an item off the shelf."""
        self.reserved[order_id] = item

    def put_back(self, order_id: str) -> None:
        """Undoes ``reserve``; does nothing if nothing was reserved."""
        self.reserved.pop(order_id, None)


class Bank:
    """Money of customers. Every method may be called twice with the same order id."""

    def __init__(self, limit: int = 1000) -> None:
        self.limit = limit
        self.charged: dict[str, int] = {}

    async def charge(self, order_id: str, amount: int) -> None:
        """Charges a customer. Raises ``TerminalError`` (402) beyond the limit."""
        if amount > self.limit:
            raise TerminalError(f"the card was declined for {amount}", code=402)
        self.charged[order_id] = amount

    async def refund(self, order_id: str) -> None:
        """Undoes ``charge``; does nothing if nothing was charged."""
        self.charged.pop(order_id, None)


class Carrier:
    """Ships parcels, but no pianos."""

    async def ship(self, order_id: str, item: str) -> str:
        """Ships an item and returns a tracking number. Raises ``TerminalError`` (422) if it is too large."""
        if item == "piano":
            raise TerminalError("a piano is too large to ship", code=422)
        return f"track-{order_id[:8]}"


class Shop:
    """Sells things."""

    def __init__(self, warehouse: Warehouse, bank: Bank, carrier: Carrier) -> None:
        self.warehouse = warehouse
        self.bank = bank
        self.carrier = carrier

    async def buy(self, ctx: Context, order: Order) -> Receipt:
        """Reserves, charges and ships, or leaves nothing behind."""
        order_id = str(ctx.uuid())
        async with saga(ctx) as undo:
            # Each compensation is noted before its step: a step that failed half-way is undone, too.
            undo("put back", self.warehouse.put_back, order_id)
            await ctx.run("reserve", self.warehouse.reserve, order_id, order.item)
            undo("refund", self.bank.refund, order_id)
            await ctx.run("charge", self.bank.charge, order_id, order.price)
            tracking = await ctx.run("ship", self.carrier.ship, order_id, order.item)
        return Receipt(order_id=order_id, tracking=tracking)


shop = Shop(Warehouse(), Bank(), Carrier())
