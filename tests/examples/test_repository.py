"""The generic repository on the real server."""

from __future__ import annotations

from examples.repository import Products, User, Users
from restate_reflect import Context, TerminalError, handler_of
from restate_reflect.server import RestateServer
from tests.conftest import Serve
from tests.support import call

ADA = {"name": "Ada", "email": "ada@example.com"}


class Import:
    """Calls an inherited handler of two services."""

    async def both(self, ctx: Context, name: str) -> str:
        user = User(name=name, email=f"{name}@example.com")
        saved: User = await ctx.call(handler_of(Users, "save"), user, key=f"import-{name}")
        if type(saved) is not User:
            raise TerminalError(f"got a {type(saved).__name__}")
        product = await ctx.call(handler_of(Products, "load"), key=f"import-{name}")
        return f"{saved.name} {product}"


def test_saves_loads_and_deletes(any_server: RestateServer, serve: Serve) -> None:
    """Inherited handlers work on the subclass's type."""
    serve(any_server, Users, Products)
    assert call(any_server, "Users", "load", key="ada").json is None
    assert call(any_server, "Users", "save", ADA, key="ada").json == ADA
    assert call(any_server, "Users", "load", key="ada").json == ADA
    assert call(any_server, "Users", "delete", key="ada").json is True
    assert call(any_server, "Users", "delete", key="ada").json is False


def test_each_subclass_validates_its_own_type(any_server: RestateServer, serve: Serve) -> None:
    """The type variable is bound per class: a user is no product."""
    serve(any_server, Users, Products)
    assert call(any_server, "Products", "save", {"title": "Lamp", "price": 5}, key="lamp").status == 200
    refused = call(any_server, "Products", "save", ADA, key="ada")
    assert refused.status == 400
    assert "title: Field required" in refused.json["message"]
    assert call(any_server, "Users", "save", {"title": "Lamp", "price": 5}, key="lamp").status == 400


def test_a_handler_of_the_subclass_shares_the_record(any_server: RestateServer, serve: Serve) -> None:
    """Own and inherited handlers see one state."""
    serve(any_server, Users, Products)
    assert call(any_server, "Users", "rename", "Nobody", key="none").status == 404
    call(any_server, "Users", "save", ADA, key="ada-l")
    assert call(any_server, "Users", "rename", "Ada L.", key="ada-l").json == {**ADA, "name": "Ada L."}
    assert call(any_server, "Users", "load", key="ada-l").json == {**ADA, "name": "Ada L."}


def test_inherited_handlers_are_called_by_class_and_name(any_server: RestateServer, serve: Serve) -> None:
    """``handler_of`` tells the services apart that share one function."""
    serve(any_server, Users, Products, Import)
    assert call(any_server, "Import", "both", "eve").json == "eve None"
