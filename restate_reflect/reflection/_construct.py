"""A class without an instance: its constructor is called without arguments."""

from __future__ import annotations

import inspect
from typing import Any

from restate_reflect.annotations import signature_of
from restate_reflect.reflection._problems import Problems

__all__ = ["construct", "report_unconstructible"]


def report_unconstructible(cls: type, problems: Problems) -> bool:
    """Reports why the class can't be constructed without arguments, without trying it."""
    if inspect.isabstract(cls) or getattr(cls, "_is_protocol", False):
        what = f"it is {'abstract' if inspect.isabstract(cls) else 'a Protocol'} and can't be constructed."
        fix = "Serve a class that implements it; to call a service implemented elsewhere, nothing has to be served."
        problems.at_class("abstract", what, fix)
        return True
    missing = _required_arguments(cls)
    if missing:
        names = ", ".join(missing)
        given = ", ".join(f"{name}=..." for name in missing)
        what = f"its constructor needs {names}, and a class is constructed without arguments."
        fix = f"Give an instance, {cls.__name__}({given}), or a factory function that makes it."
        problems.at_class("constructor-arguments", what, fix)
    return bool(missing)


def _required_arguments(cls: type) -> list[str]:
    try:
        parameters = signature_of(cls).parameters.values()
    except (ValueError, TypeError):  # constructors written in C may have no signature
        return []
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is inspect.Parameter.empty and p.kind not in variadic]


def construct(cls: Any, problems: Problems) -> Any:
    """An instance of a class or a bound generic one, or ``None`` with a problem reported."""
    try:
        return cls()
    except Exception as error:  # the user's constructor may raise anything
        what = f"its constructor raised {type(error).__name__}: {error}."
        problems.at_class("constructor-failed", what, "Mend it, or give an instance or a factory function.")
        return None
