"""What an option names by an import string: ``shop:tracing``, ``src/shop.py:PAYLOADS``."""

from __future__ import annotations

from typing import Any

from restate_reflect.errors import TargetError
from restate_reflect.targets import importing
from restate_reflect.targets.suggest import did_you_mean
from restate_reflect.targets.target import parse

__all__ = ["load_named"]


def load_named(option: str, text: str) -> Any:
    """The object.

    Raises:
        TargetError: The text of this option leads to nothing.
    """
    target = parse(text)
    if target.attribute is None:
        raise TargetError(f"{option} {text!r} names a whole module. Write {text}:NAME.")
    found: Any = importing.import_target(target.text, target.module, target.file)
    for name in target.attribute.split("."):
        if not hasattr(found, name):
            raise TargetError(f"{option} {text!r}: there is no {name!r}.{did_you_mean(name, sorted(vars(found)))}")
        found = getattr(found, name)
    return found
