"""PEP 728: TypedDicts that are closed, or whose extra items have a type."""

from __future__ import annotations

import sys
from datetime import date
from typing import Any, NotRequired

import pytest
import typing_extensions

from restate_reflect.context import Context
from restate_reflect.definitions import ServiceDefinition
from restate_reflect.errors import DecodeError
from restate_reflect.reflection import reflect


class Closed(typing_extensions.TypedDict, closed=True):
    sku: str
    note: NotRequired[str]


class Narrowed(Closed, closed=True):
    qty: int


class WithDates(typing_extensions.TypedDict, extra_items=date):
    name: str


class Backported:
    async def closed(self, ctx: Context, value: Closed) -> Closed: ...  # type: ignore[empty-body]
    async def narrowed(self, ctx: Context, value: Narrowed) -> Narrowed: ...  # type: ignore[empty-body]
    async def dates(self, ctx: Context, value: WithDates) -> WithDates: ...  # type: ignore[empty-body]


SERVICES: list[Any] = [Backported]

if sys.version_info >= (3, 15):
    from tests.reflection.typeddict_services_728 import Standard

    SERVICES.append(Standard)


@pytest.fixture(params=SERVICES, ids=lambda cls: cls.__name__)
def service(request: pytest.FixtureRequest) -> ServiceDefinition:
    """Of typing_extensions, and of ``typing`` where it has them."""
    return reflect(request.param)


def test_a_closed_one_takes_no_other_keys(service: ServiceDefinition) -> None:
    received = service.handlers["closed"].input
    assert received.decode(b'{"sku": "a"}') == (({"sku": "a"},), {})
    with pytest.raises(DecodeError, match="qty: Extra inputs are not permitted"):
        received.decode(b'{"sku": "a", "qty": 1}')


def test_a_closed_one_may_be_narrowed(service: ServiceDefinition) -> None:
    received = service.handlers["narrowed"].input
    assert received.decode(b'{"sku": "a", "qty": 1}') == (({"sku": "a", "qty": 1},), {})
    with pytest.raises(DecodeError, match="more: Extra inputs are not permitted"):
        received.decode(b'{"sku": "a", "qty": 1, "more": 2}')


def test_the_schema_says_so(service: ServiceDefinition) -> None:
    assert service.handlers["closed"].input.json_schema()["additionalProperties"] is False
    extra = service.handlers["dates"].input.json_schema()["additionalProperties"]
    assert extra == {"type": "string", "format": "date"}


def test_extra_items_come_back_as_their_type(service: ServiceDefinition) -> None:
    output = service.handlers["dates"].output
    value = {"name": "a", "born": date(2020, 1, 2)}
    assert output.decode(output.encode(value)) == value
    with pytest.raises(DecodeError, match="born"):
        output.decode(b'{"name": "a", "born": "x"}')
