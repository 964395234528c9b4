"""No two files import each other, and none imports itself by way of others: each can be read with what it stands on."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

from tests.architecture.imports import modules, read_imports

OPEN = {
    ("restate_reflect.durable.attempt", "restate_reflect.durable.operations"),
    ("restate_reflect.durable.attempt", "restate_reflect.durable.environment"),
    ("restate_reflect.durable.futures", "restate_reflect.durable.loop"),
    ("restate_reflect.durable.loop", "restate_reflect.durable.ready"),
    ("restate_reflect.durable.loop", "restate_reflect.durable.futures"),
}
"""Circles that are left."""


def test_no_two_files_import_each_other() -> None:
    """Imports for type checkers and those inside functions count."""
    graph = {
        module: {name for name in read_imports(module, file) if (module, name) not in OPEN}
        for module, file in modules().items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(" imports ".join(reversed(error.args[1]))) from None


def test_what_is_left_is_really_there() -> None:
    """A circle that is gone is not allowed to come back."""
    assert {(module, name) for module, name in OPEN if name not in read_imports(module, modules()[module])} == set()
