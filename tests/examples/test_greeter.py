"""The greeter on the real server."""

from __future__ import annotations

from examples.greeter import Greeter
from restate_reflect.server import RestateServer
from tests.conftest import Serve
from tests.support import call


def test_greets_by_title_and_name(any_server: RestateServer, serve: Serve) -> None:
    """The model is the body, its optional field may be left out."""
    serve(any_server, Greeter)
    assert call(any_server, "Greeter", "greet", {"name": "Ada"}).json == {"text": "Hello, Ada!"}
    titled = call(any_server, "Greeter", "greet", {"name": "Ada", "title": "Countess"})
    assert titled.json == {"text": "Hello, Countess Ada!"}


def test_an_empty_name_is_a_400_with_the_list_of_errors(any_server: RestateServer, serve: Serve) -> None:
    """Pydantic's constraint is checked before the handler, and nothing is retried."""
    serve(any_server, Greeter)
    answer = call(any_server, "Greeter", "greet", {"name": ""})
    assert answer.status == 400
    assert "name: String should have at least 1 character" in answer.json["message"]


def test_is_served_over_http_11_too(restate_server: RestateServer, serve: Serve) -> None:
    """Request-response mode gives the same answer."""
    serve(restate_server, Greeter, use_http_11=True)
    assert call(restate_server, "Greeter", "greet", {"name": "Ada"}).json == {"text": "Hello, Ada!"}
