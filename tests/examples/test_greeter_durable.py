"""The greeter survives a crash anywhere, and refuses bad input before it runs."""

from __future__ import annotations

import pytest

from examples.greeter import Greeter, Greeting, Guest
from restate_reflect.errors import EncodeError
from restate_reflect.testing import Durable


async def test_greets_by_title_and_name(durable: Durable) -> None:
    """The optional field may be left out."""
    env = await durable(Greeter)
    assert await env.call(Greeter.greet, Guest(name="Ada")) == Greeting(text="Hello, Ada!")
    assert await env.call(Greeter.greet, Guest(name="Ada", title="Countess")) == Greeting(text="Hello, Countess Ada!")


async def test_what_is_no_guest_is_not_sent(durable: Durable) -> None:
    """The same types check arguments here and the body there."""
    env = await durable(Greeter)
    with pytest.raises(EncodeError):
        await env.call(Greeter.greet, "Ada")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert env.invocations() == []
