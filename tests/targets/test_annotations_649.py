"""PEP 649 and 749: choosing what to serve does not fail on annotations of names that are not there."""

from __future__ import annotations

import sys

import pytest

if sys.version_info < (3, 14):
    pytest.skip("annotations are evaluated late from Python 3.14 on", allow_module_level=True)

from restate_reflect.targets.candidates import has_handlers, in_module, required_parameters
from tests.reflection import deferred_services_649 as shop


def test_every_class_with_a_context_is_found() -> None:
    """Mistakes in annotations included: the reflection is what complains about them."""
    with_handlers = [name for name, _ in in_module("shop", shop)]
    assert with_handlers == [
        "Forward", "Orders", "HidesBuiltins", "WithHelpers", "AbsentParameter", "AbsentInside", "AbsentAttribute",
        "AbsentContext", "PartlyQuoted", "MarkedHelper", "AbsentInConstructor", "NeedsAnArgument",
    ]  # fmt: skip


def test_a_class_without_a_context_is_not() -> None:
    assert not has_handlers(shop.Order)


def test_parameters_of_factories_and_constructors_are_read() -> None:
    assert required_parameters(shop.half_absent) == ["word"]
    assert required_parameters(shop.NeedsAnArgument) == ["client"]
