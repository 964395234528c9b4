"""What ``--interceptor`` means: ``shop:tracing``, ``src/shop.py:Tracing``."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from restate_reflect.errors import TargetError
from restate_reflect.interceptors import hooks_of
from restate_reflect.targets.named import load_named

__all__ = ["load_interceptors"]


def load_interceptors(texts: Sequence[str]) -> list[object]:
    """The objects that the import strings name, in their order. A class or a function makes one.

    Raises:
        TargetError: One leads to nothing, or to what is no interceptor.
    """
    return [_made(text, load_named("--interceptor", text)) for text in texts]


def _made(text: str, found: Any) -> object:
    try:
        made = found() if inspect.isfunction(found) or isinstance(found, type) else found
        hooks_of([made])
    except Exception as error:
        raise TargetError(f"--interceptor {text!r}: {error}") from error
    return made
