"""What is no interceptor is told at start-up, with what to write."""

from __future__ import annotations

from typing import Any

import pytest

from restate_reflect import Context, endpoint, service
from restate_reflect.interceptors import hooks_of


class Shop:
    async def buy(self, ctx: Context) -> None: ...


class Misspelt:
    async def handlers(self, ctx: Any, call: Any, proceed: Any) -> Any: ...


class NotAsync:
    def handler(self, ctx: Any, call: Any, proceed: Any) -> Any: ...


class TooAsync:
    async def call(self, ctx: Any, call: Any) -> Any: ...


class TooFew:
    async def run(self, step: Any) -> Any: ...


class NeedsArguments:
    def __init__(self, clock: object) -> None: ...
    def attempt(self, event: Any) -> None: ...


@pytest.mark.parametrize(
    "given, said",
    [
        ([Misspelt()], "Did you mean 'handler' by 'handlers'"),
        ([object()], "it has none of handler, run, call, send, attempt"),
        (
            [NotAsync()],
            r"NotAsync.handler \(.*test_given.py:\d+\) is no hook. Write async def handler\(self, ctx, call, ",
        ),
        ([TooAsync()], r"TooAsync.call .* Write def call\(self, ctx, call\)"),
        ([TooFew()], r"TooFew.run .*too many positional arguments. Write async def run\(self, step, proceed\)"),
        ([NeedsArguments], "NeedsArguments can't be made without arguments"),
        (NotAsync(), "is no list. Write interceptors="),
        ("shop:Tracing", "is no list"),
    ],
    ids=["misspelt", "nothing", "not async", "too async", "too few", "arguments", "no list", "text"],
)
def test_what_is_no_interceptor_is_told(given: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        endpoint(Shop, interceptors=given)
    with pytest.raises(TypeError, match=said):
        endpoint(service(interceptors=given)(type("Shop", (Shop,), {"__module__": __name__})))


def test_hooks_come_in_the_order_given() -> None:
    """An interceptor may have several, and a class stands for an instance of it."""

    class Both:
        async def run(self, step: Any, proceed: Any) -> Any: ...
        def attempt(self, event: Any) -> None: ...

    class One:
        def attempt(self, event: Any) -> None: ...

    hooks = hooks_of([Both(), One])
    assert [hook.__qualname__.split(".")[-2] for hook in hooks.attempt] == ["Both", "One"]
    assert len(hooks.run) == 1
    assert (hooks.handler, hooks.call, hooks.send) == ((), (), ())
