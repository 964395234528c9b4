"""The counter on the real server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from examples.counter import Counter
from restate_reflect.server import RestateServer
from tests.conftest import Serve
from tests.support import call


def test_counts_per_key(any_server: RestateServer, serve: Serve) -> None:
    """Each key has a count of its own, which starts at the declared default."""
    serve(any_server, Counter)
    assert call(any_server, "Counter", "value", key="pears").json == 0
    assert call(any_server, "Counter", "add", 3, key="apples").json == 3
    assert call(any_server, "Counter", "add", 4, key="apples").json == 7
    assert call(any_server, "Counter", "value", key="apples").json == 7
    assert call(any_server, "Counter", "value", key="pears").json == 0


def test_a_refused_subtraction_changes_nothing(any_server: RestateServer, serve: Serve) -> None:
    """The terminal error becomes the status of the answer."""
    serve(any_server, Counter)
    call(any_server, "Counter", "add", 2, key="plums")
    refused = call(any_server, "Counter", "add", -3, key="plums")
    assert (refused.status, refused.json["message"]) == (409, "plums can't fall below zero")
    assert call(any_server, "Counter", "value", key="plums").json == 2


def test_reset_brings_the_default_back(any_server: RestateServer, serve: Serve) -> None:
    """A cleared key reads as its default."""
    serve(any_server, Counter)
    call(any_server, "Counter", "add", 2, key="figs")
    reset = call(any_server, "Counter", "reset", key="figs")
    assert (reset.status, reset.body) == (200, b"")
    assert call(any_server, "Counter", "value", key="figs").json == 0


def test_concurrent_callers_of_one_key_lose_nothing(restate_server: RestateServer, serve: Serve) -> None:
    """The exclusive handler runs one call at a time: the answers are 1 to 50, each once."""
    serve(restate_server, Counter)
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda _: call(restate_server, "Counter", "add", 1, key="crowd").json, range(50))
        assert sorted(answers) == list(range(1, 51))
