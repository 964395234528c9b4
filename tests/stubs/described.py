"""Manifests for tests, and generated modules."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from restate_reflect.stubs import generate_stubs

__all__ = ["INT", "STRING", "handler", "lines", "loaded", "manifest"]

INT: dict[str, Any] = {"type": "integer"}
STRING: dict[str, Any] = {"type": "string"}


def manifest(*handlers: dict[str, Any], name: str = "Shop", ty: str = "SERVICE", **more: Any) -> dict[str, Any]:
    """Of one service."""
    return {"services": [{"name": name, "ty": ty, "handlers": list(handlers), **more}]}


def handler(name: str, schema: Any = None, output: Any = None, **more: Any) -> dict[str, Any]:
    """With JSON, or nothing, in and out."""
    described: dict[str, Any] = {"name": name, "input": {}, "output": {}}
    if schema is not None:
        described["input"] = {"contentType": "application/json", "jsonSchema": schema}
    if output is not None:
        described["output"] = {"contentType": "application/json", "jsonSchema": output}
    return {**described, **more}


def lines(described: Any) -> list[str]:
    """Of the source."""
    return generate_stubs(described).splitlines()


@contextmanager
def loaded(source: str, name: str = "generated_stubs") -> Iterator[Any]:
    """The module, imported."""
    made = types.ModuleType(name)
    sys.modules[name] = made
    try:
        exec(compile(source, name, "exec"), vars(made))
        yield made
    finally:
        del sys.modules[name]
