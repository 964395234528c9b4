"""What ``--interceptor`` means: ``shop:tracing``, ``src/shop.py:Tracing``."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from restate_reflect.errors import TargetError
from restate_reflect.interceptors import hooks_of
from restate_reflect.targets import importing
from restate_reflect.targets.suggest import did_you_mean
from restate_reflect.targets.target import parse

__all__ = ["load_interceptors"]


def load_interceptors(texts: Sequence[str]) -> list[object]:
    """The objects that the import strings name, in their order. A class or a function makes one.

    Raises:
        TargetError: One leads to nothing, or to what is no interceptor.
    """
    return [_load(text) for text in texts]


def _load(text: str) -> object:
    target = parse(text)
    if target.attribute is None:
        raise TargetError(f"--interceptor {text!r} names a whole module. Write {text}:NAME.")
    found: Any = importing.import_target(target.text, target.module, target.file)
    for name in target.attribute.split("."):
        if not hasattr(found, name):
            raise TargetError(f"--interceptor {text!r}: there is no {name!r}.{did_you_mean(name, sorted(vars(found)))}")
        found = getattr(found, name)
    return _made(text, found)


def _made(text: str, found: Any) -> object:
    try:
        made = found() if inspect.isfunction(found) or isinstance(found, type) else found
        hooks_of([made])
    except Exception as error:
        raise TargetError(f"--interceptor {text!r}: {error}") from error
    return made
