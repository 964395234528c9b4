"""No two files import each other, and none imports itself by way of others: each can be read with what it stands on."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

from tests.architecture.imports import modules, read_imports


def test_no_two_files_import_each_other() -> None:
    """Imports for type checkers and those inside functions count."""
    graph = {module: set(read_imports(module, file)) for module, file in modules().items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(" imports ".join(reversed(error.args[1]))) from None
