"""What ``--payloads`` means: ``shop:PAYLOADS``, ``src/shop.py:payloads``."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from restate_reflect.errors import TargetError
from restate_reflect.targets.named import load_named

if TYPE_CHECKING:
    from restate_reflect.payloads import Chain

__all__ = ["load_payloads"]


def load_payloads(text: str | None) -> Chain | None:
    """The chain that the import string names: a ``Chain``, a list of codecs, or a function that makes one of them.

    Raises:
        TargetError: It leads to nothing, or to what is no chain.
    """
    if text is None:
        return None
    return _made(text, load_named("--payloads", text))


def _made(text: str, found: Any) -> Chain | None:
    from restate_reflect.payloads import chain_of

    try:
        return chain_of(found() if inspect.isfunction(found) else found)
    except Exception as error:
        raise TargetError(f"--payloads {text!r}: {error}") from error
