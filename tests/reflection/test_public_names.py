"""The packages' promises: what is exported, and one spelling of the options."""

from __future__ import annotations

import dataclasses
import inspect
from types import ModuleType

import pytest

from restate_reflect import codecs, manifest, reflection
from restate_reflect.options import HandlerOptions, ServiceOptions
from restate_reflect.reflection import OptionArguments, ServiceOptionArguments


@pytest.mark.parametrize("package", [codecs, manifest, reflection])
def test_all_names_what_is_there(package: ModuleType) -> None:
    public = {name for name, value in vars(package).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert sorted(package.__all__) == sorted(public)


def test_keyword_options_are_the_fields_of_both_option_classes() -> None:
    for options, arguments in ((HandlerOptions, OptionArguments), (ServiceOptions, ServiceOptionArguments)):
        names = arguments.__required_keys__ | arguments.__optional_keys__
        assert {field.name for field in dataclasses.fields(options)} == names
