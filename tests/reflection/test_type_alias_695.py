"""PEP 695: aliases made by ``type``, recursive and generic ones; evaluated when they are needed."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from restate_reflect.errors import DecodeError, ReflectionError
from restate_reflect.reflection import reflect

if sys.version_info < (3, 12):
    pytest.skip("the syntax is new in Python 3.12", allow_module_level=True)

from restate_reflect.targets.candidates import has_handlers
from tests.reflection import alias_services_695 as shop


@pytest.mark.parametrize(
    "handler, value",
    [
        ("json", {"a": [1, 2.5, "b", {"c": None}], "d": True}),
        ("mutual", (1, (2, (3, None)))),
        ("generic", ["a", ["b", ["c"]]]),
    ],
)
def test_values_of_recursive_aliases_come_back(handler: str, value: Any) -> None:
    output = reflect(shop.Recursive).handlers[handler].output
    assert output.decode(output.encode(value)) == value


def test_recursive_aliases_check_what_is_read() -> None:
    handlers = reflect(shop.Recursive).handlers
    assert handlers["mutual"].input.decode(b"[1, [2, null]]") == (((1, (2, None)),), {})
    with pytest.raises(DecodeError, match="valid integer"):
        handlers["generic"].input.decode(b'[1, ["x"]]')


def test_recursive_aliases_have_a_schema_that_refers_to_itself() -> None:
    schema = reflect(shop.Recursive).handlers["json"].input.json_schema()
    assert "#/$defs/Json" in str(schema)


def test_aliases_carry_constraints_into_unions_and_models() -> None:
    handlers = reflect(shop.Nestings).handlers
    assert handlers["sku"].input.decode(b"null") == ((None,), {})
    for handler, body in (("sku", b'"a"'), ("order", b'{"note": "a"}')):
        with pytest.raises(DecodeError, match="at least 2 characters"):
            handlers[handler].input.decode(body)


def test_generic_aliases_carry_codecs_and_single_types() -> None:
    """What is in brackets is put in before the codec is chosen."""
    marked = reflect(shop.Nestings).handlers["marked"]
    assert marked.input.codec is shop.reversing
    assert marked.output.content_type == "application/octet-stream"


def test_aliases_of_a_class_see_its_type_variables() -> None:
    page = reflect(shop.Orders).handlers["page"]
    assert page.output.annotation == list[shop.Order]
    assert page.input.decode(b'{"a": 1}') == (({"a": 1},), {})
    maybe = reflect(shop.Orders).handlers["maybe"].output
    assert maybe.decode(b'[{"note": null}]') == [shop.Order(note=None)]


@pytest.mark.parametrize(
    "cls, code, message",
    [
        (
            shop.AbsentValue,
            "param-unschemable",
            "AbsentAlias can't be evaluated: name 'Absent' is not defined",
        ),
        (shop.AbsentResult, "return-unschemable", "the alias AbsentAlias can't be evaluated"),
        (shop.EndlessAlias, "param-unschemable", "Endless"),
        (shop.EndlessPair, "param-unschemable", "stands for nothing but itself"),
        (shop.UnionContext, "context-union", "Write 'ctx: Context'"),
        (shop.Repository, "unbound-typevar", "type variable T is not bound"),
    ],
)
def test_what_an_alias_cannot_be_is_reported(cls: type, code: str, message: str) -> None:
    with pytest.raises(ReflectionError, match=message) as caught:
        reflect(cls)
    assert caught.value.problems[0].code == code


def test_an_alias_of_a_missing_name_makes_no_handler() -> None:
    definition = reflect(shop.AbsentContext)
    assert list(definition.handlers) == ["fine"]
    assert "the alias AbsentAlias can't be evaluated" in definition.skipped[0].reason


def test_targets_know_contexts_behind_aliases() -> None:
    assert has_handlers(shop.Recursive)
    assert has_handlers(shop.UnionContext)
    assert not has_handlers(shop.Order)
