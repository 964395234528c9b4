"""What ``--payloads`` means: ``shop:PAYLOADS``, ``src/shop.py:payloads``."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from restate_reflect.errors import TargetError
from restate_reflect.targets import importing
from restate_reflect.targets.suggest import did_you_mean
from restate_reflect.targets.target import parse

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
    target = parse(text)
    if target.attribute is None:
        raise TargetError(f"--payloads {text!r} names a whole module. Write {text}:NAME.")
    found: Any = importing.import_target(target.text, target.module, target.file)
    for name in target.attribute.split("."):
        if not hasattr(found, name):
            raise TargetError(f"--payloads {text!r}: there is no {name!r}.{did_you_mean(name, sorted(vars(found)))}")
        found = getattr(found, name)
    return _made(text, found)


def _made(text: str, found: Any) -> Chain | None:
    from restate_reflect.payloads import chain_of

    try:
        return chain_of(found() if inspect.isfunction(found) else found)
    except Exception as error:
        raise TargetError(f"--payloads {text!r}: {error}") from error
