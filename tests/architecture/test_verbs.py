"""The typed verbs of contexts and clients: the same overloads, but for what they return."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.imports import PACKAGE

CONTEXTS = ("context/verbs.py", "Caller")
CLIENT = ("ingress/_verbs.py", "Verbs")
BLOCKING = ("ingress/_sync_verbs.py", "SyncVerbs")

OF_CONTEXTS = {"Service": "Context", "Keyed": "KeyedContext"}
"""Type variables, for which the contexts themselves can't stand in a module that they inherit from."""


def overloads(face: tuple[str, str], verb: str) -> list[str]:
    """The parameters of each overload. Of handlers given by name only contexts say something of their own."""
    found = [ast.unparse(each.args) for each in _methods(face) if each.name == verb and each.decorator_list]
    return [_renamed(each) for each in found if "NamedHandler" not in each]


def _methods(face: tuple[str, str]) -> Iterator[ast.FunctionDef]:
    file, name = face
    tree = ast.parse((PACKAGE / file).read_text())
    cls = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    return (node for node in cls.body if isinstance(node, ast.FunctionDef))


def _renamed(parameters: str) -> str:
    for variable, context in OF_CONTEXTS.items():
        parameters = parameters.replace(f"[{variable},", f"[{context},")
    return parameters


@pytest.mark.parametrize("verb", ["call", "send", "target"])
def test_clients_call_as_contexts_do(verb: str) -> None:
    """``async`` and plain, with a key and without."""
    wanted = overloads(CONTEXTS, verb)
    assert len(wanted) == 4
    assert overloads(CLIENT, verb) == wanted


@pytest.mark.parametrize("verb", ["call", "send", "submit", "target"])
def test_the_blocking_client_calls_as_the_other_does(verb: str) -> None:
    """It waits; nothing else differs."""
    assert overloads(BLOCKING, verb) == overloads(CLIENT, verb) != []
