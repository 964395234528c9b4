"""PEP 649 and 749: annotations are evaluated when they are read, all of a function at once."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from restate_reflect.errors import ReflectionError
from restate_reflect.reflection import reflect

if sys.version_info < (3, 14):
    pytest.skip("annotations are evaluated late from Python 3.14 on", allow_module_level=True)

from tests.reflection import deferred_services_649 as shop


def annotations_of(cls: Any) -> dict[str, list[Any]]:
    return {
        name: [*(parameter.annotation for parameter in handler.input.parameters), handler.output.annotation]
        for name, handler in reflect(cls).handlers.items()
    }


def test_names_may_be_defined_after_their_use() -> None:
    assert annotations_of(shop.Forward) == {
        "go": [shop.Order, shop.Receipt],
        "nested": [list[shop.Order], dict[str, shop.Receipt] | None],
        "inner": [shop.Forward.Inner, shop.Forward.Inner],
        "alias": [shop.Ids, shop.Ids],
    }
    sent = reflect(shop.Forward).handlers["go"].input.decode(b'{"sku": "a", "next": {"sku": "b"}}')
    assert sent == ((shop.Order(sku="a", next=shop.Order(sku="b")),), {})


def test_classes_of_a_function_are_found() -> None:
    """A quoted name is not, as functions keep no names."""
    (annotations,) = annotations_of(shop.local_service()).values()
    assert annotations[1] == list[annotations[0]]


def test_type_variables_are_bound_in_models_that_come_later() -> None:
    assert annotations_of(shop.Orders) == {"get": [shop.Order, shop.Page[shop.Order]]}


def test_a_method_named_like_a_builtin_does_not_hide_it_from_annotations() -> None:
    """To Python it does since 3.14: the names of a class come before those of its module."""
    assert annotations_of(shop.HidesBuiltins) == {
        "list": [list[int]],
        "set": [list, dict[str, set], set | None],
        "int": [list[int], int],
    }


def test_annotations_of_helpers_are_not_looked_at() -> None:
    assert annotations_of(shop.WithHelpers) == {"go": [int, int]}


@pytest.mark.parametrize(
    "cls, lines",
    [
        (
            shop.AbsentParameter,
            [("unresolvable-annotation", "parameter 'absent': its annotation 'Absent' can't be resolved at run time")],
        ),
        (
            shop.AbsentInside,
            [
                ("unresolvable-annotation", "'list[Absent] | int' can't be resolved"),
                ("unresolvable-annotation", "the result: its annotation 'Optional[Absent]' can't be resolved"),
            ],
        ),
        (
            shop.AbsentAttribute,
            [("unresolvable-annotation", "'pydantic.Nothing' can't be evaluated: module 'pydantic' has no attribute")],
        ),
        (
            shop.PartlyQuoted,
            [
                (
                    "unresolvable-annotation",
                    "its annotations can't be evaluated: unsupported operand type(s) for |: 'str'",
                )
            ],
        ),
        (
            shop.MarkedHelper,
            [("handler-without-context", "its first parameter 'what' can't be resolved (its annotation 'Absent'")],
        ),
        (shop.NeedsAnArgument, [("constructor-arguments", "its constructor needs client")]),
    ],
)
def test_what_cannot_be_resolved_is_reported(cls: type, lines: list[tuple[str, str]]) -> None:
    """One problem for each annotation, with the text as it is written."""
    with pytest.raises(ReflectionError) as caught:
        reflect(cls)
    found = [(problem.code, str(problem)) for problem in caught.value.problems]
    assert [code for code, _ in found] == [code for code, _ in lines]
    assert all(part in text for (_, text), (_, part) in zip(found, lines, strict=True)), found


def test_a_first_parameter_that_is_not_there_makes_no_handler() -> None:
    definition = reflect(shop.AbsentContext)
    assert list(definition.handlers) == ["fine"]
    (skipped,) = definition.skipped
    assert "its first parameter 'ctx' can't be resolved (its annotation 'Absent'" in skipped.reason


def test_constructors_may_be_annotated_with_what_is_not_there() -> None:
    assert list(reflect(shop.AbsentInConstructor).handlers) == ["go"]
