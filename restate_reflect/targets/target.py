"""Import strings: ``module``, ``module:attribute``, ``path/to/file.py``, ``file.py:attribute``.

``parse`` looks at the text only, ``load`` imports. Every way to fail raises ``TargetError`` with
a message of its own that names the target, the cause and the change that mends it.
"""

from __future__ import annotations

import keyword
import os
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from restate_reflect.errors import TargetError
from restate_reflect.targets import candidates, importing
from restate_reflect.targets.suggest import did_you_mean

__all__ = ["Found", "Role", "Target", "load", "load_all", "parse"]


class Target(NamedTuple):
    """An import string taken apart; exactly one of ``module`` and ``file`` is set."""

    text: str
    module: str | None
    file: Path | None
    attribute: str | None
    """Dotted; ``None`` for everything the module offers."""


class Role(Enum):
    """How an object becomes an instance that is served."""

    CLASS = "class"
    INSTANCE = "instance"
    """Served as it is; also what ``reflect(...)`` made, and bound generic classes."""
    APPLICATION = "application"
    """What ``endpoint(...)`` made, with its own services and options."""
    FACTORY = "factory"


class Found(NamedTuple):
    """An object that a target leads to."""

    target: Target
    name: str
    """``module:attribute``, for messages."""
    value: Any
    role: Role


def parse(text: str) -> Target:
    """Takes an import string apart. Raises ``TargetError`` if it is none."""
    head, colon, attribute = text.strip().partition(":")
    if not head:
        raise TargetError(
            f"{text!r}: no module or file before the colon. {_FORMS}" if colon else f"empty target. {_FORMS}"
        )
    if colon and not attribute:
        raise TargetError(f"{text!r}: nothing after the colon. Write {head!r} to serve all of it, or name a class.")
    if colon and not _dotted_name(attribute):
        raise TargetError(f"{text!r}: {attribute!r} is no attribute name. {_FORMS}")
    if head.endswith(".py"):
        return Target(text, None, Path(head), attribute or None)
    if not _dotted_name(head):
        raise TargetError(_no_module_name(text, head))
    return Target(text, head, None, attribute or None)


def load(text: str) -> list[Found]:
    """Imports what an import string names; several objects for a whole module.

    Raises:
        TargetError: it leads to nothing that can be served.
    """
    target = parse(text)
    module = importing.import_target(target.text, target.module, target.file)
    if target.attribute is None:
        return [_found(target, module, name, value) for name, value in candidates.in_module(target.text, module)]
    value = _attribute(target, module, target.attribute)
    return [_found(target, module, target.attribute, value)]


def load_all(texts: Sequence[str]) -> list[Found]:
    """``load`` for each text; targets may overlap (``shop shop:Cart``), and each object is there once."""
    once: dict[int, Found] = {}
    for each in (each for text in texts for each in load(text)):
        once.setdefault(id(each.value), each)
    return list(once.values())


_FORMS = "Write it as module, module:attribute, path/to/file.py or path/to/file.py:attribute."


def _dotted_name(text: str) -> bool:
    return all(part.isidentifier() and not keyword.iskeyword(part) for part in text.split("."))


def _no_module_name(text: str, head: str) -> str:
    """What is wrong with a head that is neither a file nor a dotted name."""
    if os.path.isdir(head):  # unlike Path.is_dir, false for a name that is too long
        return f"{text!r}: {head} is a folder. Name a file in it, or a package as a.b.c."
    dotted = head.replace("\\", "/").strip("./").replace("/", ".")
    if "/" in head and _dotted_name(dotted):
        return f"{text!r}: a path must end with .py. Write {head + '.py'!r}, or {dotted!r} for a module."
    if os.path.isfile(head + ".py"):
        return f"{text!r}: {head!r} is no module name. Write {head + '.py'!r} to name the file."
    return f"{text!r}: {head!r} is no module name. {_FORMS}"


def _attribute(target: Target, module: ModuleType, dotted: str) -> Any:
    value: Any = module
    walked = f"module {module.__name__!r} ({importing.file_of(module)})"
    for part in dotted.split("."):
        if not hasattr(value, part):
            offers = did_you_mean(part, _offered(value))
            raise TargetError(f"{target.text!r}: {walked} has no attribute {part!r}.{offers}")
        value = getattr(value, part)
        walked = f"{dotted.partition(part)[0]}{part}"
    return value


def _offered(value: Any) -> list[str]:
    """What could have been meant: services if there are any, and not whatever a module has imported."""
    names = [name for name in vars_of(value) if not name.startswith("_")]
    return [name for name in names if _is_servable(getattr(value, name, None), value)] or names


def _is_servable(value: Any, owner: Any) -> bool:
    if isinstance(value, type):
        return value.__module__ == getattr(owner, "__name__", None) and candidates.has_handlers(value)
    if isinstance(value, ModuleType):
        return False
    if candidates.is_factory(value):
        return bool(value.__module__ == getattr(owner, "__name__", None))
    return candidates.is_application(value) or candidates.is_finished(value) or candidates.has_handlers(type(value))


def vars_of(value: Any) -> list[str]:
    """Names that an object defines itself; of a module in the order of the file."""
    return list(vars(value)) if isinstance(value, ModuleType) else dir(value)


def _found(target: Target, module: ModuleType, name: str, value: Any) -> Found:
    full = f"{module.__name__}:{name}"
    if isinstance(value, ModuleType):
        raise TargetError(f"{target.text!r}: {full} is a module. Write {value.__name__!r} to serve all of it.")
    if isinstance(value, type):
        return Found(target, full, candidates.checked_class(target.text, full, value), Role.CLASS)
    if candidates.is_application(value):
        return Found(target, full, value, Role.APPLICATION)
    if candidates.is_factory(value):
        return Found(target, full, value, Role.FACTORY)
    if candidates.is_finished(value) or candidates.has_handlers(type(value)):
        return Found(target, full, value, Role.INSTANCE)
    raise TargetError(
        f"{target.text!r}: {full} is {_article(type(value).__name__)}, neither a class with handlers, an instance "
        "of one, nor a function that makes one. A handler takes a context as its first parameter after self."
    )


def _article(word: str) -> str:
    return f"{'an' if word[:1].lower() in 'aeiou' else 'a'} {word}"
