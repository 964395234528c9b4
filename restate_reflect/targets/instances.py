"""Constructs what is served: classes without arguments, factories by a call."""

from __future__ import annotations

import inspect
from typing import Any

from restate_reflect.errors import TargetError
from restate_reflect.targets.candidates import has_handlers, is_application, is_finished, required_parameters
from restate_reflect.targets.importing import user_traceback
from restate_reflect.targets.target import Found, Role

__all__ = ["construct"]


async def construct(found: Found) -> Any:
    """The instance to serve. Runs on the loop that serves it: what a factory opens belongs to that loop.

    Raises:
        TargetError: a constructor or factory raised, or made something else.
    """
    if found.role in (Role.INSTANCE, Role.APPLICATION):
        return found.value
    if found.role is Role.FACTORY:
        _check_factory(found)
    try:
        made = found.value()
        made = await made if inspect.isawaitable(made) else made
    except Exception as error:
        raise TargetError(f"{found.target.text!r}: {found.name}() raised:\n{user_traceback(error)}") from error
    if not (is_application(made) or is_finished(made) or has_handlers(type(made))):
        raise TargetError(f"{found.target.text!r}: {_made_no_service(found, made)}")
    return made


def _check_factory(found: Found) -> None:
    needed = required_parameters(found.value)
    if needed:
        raise TargetError(
            f"{found.target.text!r}: {found.name} needs {', '.join(needed)}. A function that makes a service is "
            "called without arguments: give them defaults, or read them from the environment."
        )
    if inspect.isgeneratorfunction(found.value) or inspect.isasyncgenfunction(found.value):
        raise TargetError(
            f"{found.target.text!r}: {found.name} yields. Return the instance; start-up and shut-down go into its "
            "__aenter__ and __aexit__."
        )


def _made_no_service(found: Found, made: Any) -> str:
    if isinstance(made, type):
        return f"{found.name} returned the class {made.__name__}. Return an instance: {made.__name__}()."
    if made is None:
        return f"{found.name} returned None. Return the instance to serve."
    return f"{found.name} returned an object of {type(made).__name__}, which has no handlers."
