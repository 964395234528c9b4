"""Generic repositories keep their records, wherever they crash."""

from __future__ import annotations

import pytest

from examples.repository import Product, Products, User, Users
from restate_reflect import TerminalError
from restate_reflect.testing import Durable

ADA = User(name="Ada", email="ada@example.com")


async def test_records_are_stored_typed(durable: Durable) -> None:
    """The method of an instance tells which of the two services is meant."""
    users, products = Users(), Products()
    env = await durable(users, products)
    assert await env.call(users.save, ADA, key="ada") == ADA
    assert await env.call(users.load, key="ada") == ADA
    assert await env.call(products.load, key="ada") is None
    lamp = await env.call(products.save, Product(title="lamp", price=40), key="1")
    assert env.state(Products, "1").get("record", Product) == lamp


async def test_a_record_is_deleted_once(durable: Durable) -> None:
    """The answer of the first deletion is stored: a crash after it does not turn it into a second one."""
    users = Users()
    env = await durable(users)
    env.state(Users, "ada").set("record", ADA)
    assert await env.call(users.delete, key="ada") is True
    assert await env.call(users.delete, key="ada") is False


async def test_renaming_nobody_fails(durable: Durable) -> None:
    """404, and no record appears."""
    users = Users()
    env = await durable(users)
    with pytest.raises(TerminalError, match="there is no user 'bob'"):
        await env.call(users.rename, "Bob", key="bob")
    env.state(Users, "ada").set("record", ADA)
    assert (await env.call(users.rename, "Countess", key="ada")).name == "Countess"
    assert env.state(Users, "bob").keys() == []
