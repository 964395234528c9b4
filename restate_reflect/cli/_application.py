"""What was found -> the application to serve: one that ``endpoint(...)`` made, or a new one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from restate_reflect.cli._candidates import is_application
from restate_reflect.cli._instances import construct
from restate_reflect.cli._targets import Found
from restate_reflect.definitions import ServiceDefinition
from restate_reflect.errors import TargetError

__all__ = ["application", "definitions_of"]


async def application(found: Sequence[Found], identity_keys: Sequence[str] = ()) -> Any:
    """Constructs what is to be served.

    Raises:
        TargetError: something can't be constructed, or an application is mixed with what it excludes.
        ReflectionError: something can't be a service.
    """
    from restate_reflect.endpoint import endpoint

    made = [await construct(each) for each in found]
    for each, value in zip(found, made, strict=True):
        if is_application(value):
            _check_alone(each, found, identity_keys)
            return value
    return endpoint(*made, identity_keys=identity_keys)


def definitions_of(app: Any) -> tuple[ServiceDefinition, ...]:
    """The services of an application."""
    from restate_reflect.endpoint import CORE

    return tuple(app[CORE].services.values())


def _check_alone(application: Found, found: Sequence[Found], identity_keys: Sequence[str]) -> None:
    name = f"{application.target.text!r}: {application.name} is an application"
    if len(found) > 1:
        others = ", ".join(each.name for each in found if each is not application)
        raise TargetError(f"{name}, which is served alone. Give {others} to its endpoint(...) as well.")
    if identity_keys:
        raise TargetError(
            f"{name} with options of its own. Write endpoint(…, identity_keys=[…]) in place of --identity-key."
        )
