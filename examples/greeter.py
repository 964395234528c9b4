"""A service: one plain class, one handler, no state.

Shows how annotations become the service's contract: the pydantic model is the request body, its
constraints are checked before the handler runs, and docstrings go into the service's catalogue.

Try it::

    restate-reflect serve examples.greeter --with-server
    curl localhost:8080/Greeter/greet --json '{"name": "Ada"}'
    curl localhost:8080/Greeter/greet --json '{"name": ""}'     # 400: name is too short
"""

from __future__ import annotations

from pydantic import BaseModel, Field

from restate_reflect import Context


class Guest(BaseModel):
    """Who is to be greeted."""

    name: str = Field(min_length=1, examples=["Ada"])
    title: str | None = Field(default=None, examples=["Countess"])


class Greeting(BaseModel):
    """What is said."""

    text: str


class Greeter:
    """Greets people."""

    async def greet(self, ctx: Context, guest: Guest) -> Greeting:
        """Greets one guest by title and name."""
        ctx.log.info("greeting %s", guest.name)
        named = f"{guest.title} {guest.name}" if guest.title else guest.name
        return Greeting(text=f"Hello, {named}!")
