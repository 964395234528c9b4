"""Protobuf services on the real server: the example, and messages wherever a value can stand."""

from __future__ import annotations

import asyncio
from typing import Annotated

import pytest

from examples.protobuf_shop import services, shop_restate
from examples.protobuf_shop.shop_pb2 import Order, Price, Quantity
from restate_reflect import Context, ObjectContext
from restate_reflect.ingress import Client, ServiceError
from restate_reflect.protobuf import ProtobufJson
from restate_reflect.server import RestateServer
from tests.conftest import Serve
from tests.support import call, fetch

EXAMPLE = (services.Stock, services.Pricing, services.Purchase)
PROTO = {"content-type": "application/proto"}


def test_a_purchase(any_server: RestateServer, serve: Serve) -> None:
    """From an order in protobuf-JSON over calls in both encodings to a receipt, with a oneof from a promise."""
    serve(any_server, *EXAMPLE)
    assert call(any_server, "shop.v1.Stock", "Refill", {"pieces": "10"}, key="pen").json == {"pieces": "10"}
    order = {"lines": [{"sku": "pen", "pieces": 3}], "notes": {"to": "Ada"}}
    call(any_server, "shop.v1.Purchase", "Run", order, key="1", send=True)
    assert call(any_server, "shop.v1.Purchase", "Pay", {"card": "4242"}, key="1").json == {}
    receipt = fetch(f"{any_server.ingress_url}/restate/workflow/shop.v1.Purchase/1/attach", method="GET").json
    assert receipt["price"] == {"cents": "750"}
    assert receipt["payment"] == {"card": "4242"}
    assert receipt["paidAt"].endswith("Z")
    assert call(any_server, "shop.v1.Stock", "Available", {}, key="pen").json == {"pieces": "7"}


def test_the_binary_encoding(restate_server: RestateServer, serve: Serve) -> None:
    """An empty message is an empty body, and a message all the same."""
    serve(restate_server, *EXAMPLE)
    order = Order(lines=[Order.Line(sku="pen", pieces=2)])
    for sent, cents in [(order, 500), (Order(), 0)]:
        answer = call(restate_server, "shop.v1.Pricing", "Quote", sent.SerializeToString(), headers=PROTO)
        assert answer.headers["content-type"] == "application/proto"
        assert Price.FromString(answer.body) == Price(cents=cents)


@pytest.mark.parametrize(
    "body, headers",
    [({"pieces": "x"}, {}), ({"peaces": "1"}, {}), (b"\x08\x05", PROTO), ([1], {})],
    ids=["value", "name", "encoding", "kind"],
)
def test_what_is_no_message_is_refused(
    restate_server: RestateServer, serve: Serve, body: object, headers: dict[str, str]
) -> None:
    """By the server, which compares content types, or by the handler's codec: a 4xx in any case, never a retry."""
    serve(restate_server, *EXAMPLE)
    answer = call(restate_server, "shop.v1.Stock", "Refill", body, key="pen", headers=headers)
    assert answer.status in (400, 415)
    assert answer.json["message"]


def test_interfaces_are_enough_for_a_client(restate_server: RestateServer, serve: Serve) -> None:
    """Typed by the messages; failures arrive with the handler's code."""
    serve(restate_server, *EXAMPLE)

    async def use() -> None:
        async with Client(restate_server.ingress_url) as client:
            left: Quantity = await client.call(shop_restate.Stock.Refill, Quantity(pieces=5), key="cup")
            assert left.pieces >= 5
            price = await client.call(shop_restate.Pricing.Quote, Order(lines=[Order.Line(pieces=1)]))
            assert price == Price(cents=250)
            with pytest.raises(ServiceError) as caught:
                await client.call(shop_restate.Stock.Reserve, Quantity(pieces=2**40), key="cup")
            assert caught.value.code == 409

    asyncio.run(use())


JsonQuantity = Annotated[Quantity, ProtobufJson]


class Everywhere:
    """Messages as state, steps, awakeables and outputs, empty ones too; each replayed after a suspension."""

    async def binary(self, ctx: ObjectContext, request: Quantity) -> Quantity:
        """In the binary form, where an empty message has no bytes."""
        before = await ctx.get("binary", Quantity)
        ctx.set("binary", request)
        step = await ctx.run("step", self.step, request)
        awakeable = ctx.awakeable(Quantity)
        ctx.resolve_awakeable(awakeable.id, step)
        await asyncio.sleep(0.05)
        assert (await ctx.get("binary", Quantity), step, await awakeable) == (request, request, request)
        return before if before is not None else Quantity(pieces=-1)

    async def json(self, ctx: ObjectContext, request: JsonQuantity) -> JsonQuantity:
        """In protobuf-JSON."""
        before = await ctx.get("json", JsonQuantity)
        ctx.set("json", request, type=JsonQuantity)
        step = await ctx.run("step", self.json_step, request)
        awakeable = ctx.awakeable(JsonQuantity)
        ctx.resolve_awakeable(awakeable.id, step, type=JsonQuantity)
        await asyncio.sleep(0.05)
        assert (await ctx.get("json", JsonQuantity), step, await awakeable) == (request, request, request)
        return before if before is not None else Quantity(pieces=-1)

    async def step(self, quantity: Quantity) -> Quantity:
        """A step."""
        return quantity

    async def json_step(self, quantity: Quantity) -> JsonQuantity:
        """A step with the other form."""
        return quantity


@pytest.mark.parametrize("handler", ["binary", "json"])
def test_messages_stand_wherever_values_stand(any_server: RestateServer, serve: Serve, handler: str) -> None:
    """A state that is an empty message is not a state that is absent."""
    serve(any_server, Everywhere)
    key = f"{handler}-{id(any_server)}"

    def send(quantity: Quantity) -> int:
        if handler == "binary":
            answer = call(any_server, "Everywhere", handler, quantity.SerializeToString(), key=key, headers=PROTO)
            return Quantity.FromString(answer.body).pieces
        return int(call(any_server, "Everywhere", handler, {"pieces": quantity.pieces}, key=key).json.get("pieces", 0))

    assert [send(Quantity(pieces=n)) for n in (7, 0, 5)] == [-1, 7, 0]


@pytest.mark.parametrize("handler, expected", [("one", "application/json"), ("two", "application/proto")])
def test_other_types_keep_their_codecs_under_the_service_option(handler: str, expected: str) -> None:
    """``ProtobufJson`` as an option speaks of messages only; a handler's own option wins."""
    from restate_reflect import handler as option
    from restate_reflect import reflect, service
    from restate_reflect.codecs import codec_for

    @service(input_codec=ProtobufJson, output_codec=ProtobufJson)
    class Mixed:
        async def one(self, ctx: Context, number: int) -> Quantity:
            return Quantity(pieces=number)

        @option(output_codec=codec_for)
        async def two(self, ctx: Context, a: int, b: str) -> Quantity:
            return Quantity(pieces=a)

    definition = reflect(Mixed).handlers[handler]
    assert definition.input.content_type == "application/json"
    assert definition.output.content_type == expected
