"""PEP 695: ``class Repository[T]``, ``def go[T]``, ``type X = ...``."""

from __future__ import annotations

import sys

import pytest

from restate_reflect.codecs import codec_for
from restate_reflect.errors import ReflectionError
from restate_reflect.reflection import reflect

if sys.version_info < (3, 12):
    pytest.skip("the syntax is new in Python 3.12", allow_module_level=True)

from tests.reflection import generic_services_695 as shop


def test_class_parameters_are_bound_by_a_subclass() -> None:
    handlers = reflect(shop.Users).handlers
    assert handlers["get"].output.annotation == str | None
    assert [p.annotation for p in handlers["put"].input.parameters] == [int, str]
    assert handlers["page"].output.annotation is shop.Page[str]


def test_a_generic_alias_takes_bound_parameters() -> None:
    output = reflect(shop.Users).handlers["pair"].output
    assert output.decode(output.encode((1, "a"))) == (1, "a")


def test_aliases_name_types_contexts_and_recursion() -> None:
    handlers = reflect(shop.Aliases).handlers
    assert handlers["ids"].input.decode(b"[1]") == (([1],), {})
    tree = handlers["tree"].output
    assert tree.decode(tree.encode({"a": {"b": 1}})) == {"a": {"b": 1}}
    assert handlers["blob"].input.codec is codec_for(shop.Blob)
    assert handlers["blob"].input.content_type == "application/octet-stream"


@pytest.mark.parametrize(
    "cls, code, message",
    [
        (shop.BrokenAlias, "param-unschemable", "Missing"),
        (shop.GenericMethod, "unbound-typevar", "type variable X is not bound"),
        (shop.Repository, "unbound-typevar", "type variable T is not bound"),
    ],
)
def test_what_cannot_be_resolved_is_reported(cls: type, code: str, message: str) -> None:
    with pytest.raises(ReflectionError, match=message) as caught:
        reflect(cls)
    assert caught.value.problems[0].code == code
