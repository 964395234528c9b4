"""What was found -> what to serve: the application that ``endpoint(...)`` made, or a core of the services found."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from restate_reflect.definitions import ServiceDefinition
from restate_reflect.errors import TargetError
from restate_reflect.targets.candidates import is_application
from restate_reflect.targets.instances import construct
from restate_reflect.targets.target import Found

if TYPE_CHECKING:
    from restate_reflect.payloads import Chain

__all__ = ["application", "definitions_of", "servable"]


async def application(
    found: Sequence[Found],
    identity_keys: Sequence[str] = (),
    *,
    guard: str | None = None,
    error_details: str | None = None,
    interceptors: Sequence[object] = (),
    payloads: Chain | None = None,
    max_protocol_version: int | None = None,
) -> Any:
    """What ``servable`` gives, as an application in any case: something is to be added to it."""
    from restate_reflect.endpoint import Core, endpoint

    made = await servable(
        found,
        identity_keys,
        guard=guard,
        error_details=error_details,
        interceptors=interceptors,
        payloads=payloads,
        max_protocol_version=max_protocol_version,
    )
    return endpoint(made) if isinstance(made, Core) else made


async def servable(
    found: Sequence[Found],
    identity_keys: Sequence[str] = (),
    *,
    guard: str | None = None,
    error_details: str | None = None,
    interceptors: Sequence[object] = (),
    payloads: Chain | None = None,
    max_protocol_version: int | None = None,
) -> Any:
    """Constructs what is to be served: a core, which needs no aiohttp yet, or the application that was found.

    ``None`` leaves an option to ``endpoint(...)``.

    Raises:
        TargetError: something can't be constructed, or an application is mixed with what it excludes.
        ReflectionError: something can't be a service.
    """
    from restate_reflect.endpoint.core import core_of

    asked = {
        "identity_keys": identity_keys,
        "guard": guard,
        "error_details": error_details,
        "interceptors": interceptors,
        "payloads": payloads,
        "max_protocol_version": max_protocol_version,
    }
    options: dict[str, Any] = {name: value for name, value in asked.items() if value}
    made = [await construct(each) for each in found]
    for each, value in zip(found, made, strict=True):
        if is_application(value):
            _check_alone(each, found, options)
            return value
    return core_of(made, **options)


def definitions_of(served: Any) -> tuple[ServiceDefinition, ...]:
    """The services of an application or a core."""
    from restate_reflect.endpoint import Core

    if isinstance(served, Core):
        return tuple(served.services.values())
    from restate_reflect.endpoint import CORE

    return tuple(served[CORE].services.values())


_FLAGS = {
    "identity_keys": "--identity-key",
    "guard": "--guard",
    "error_details": "--error-details",
    "interceptors": "--interceptor",
    "payloads": "--payloads",
    "max_protocol_version": "--max-protocol-version",
}


def _check_alone(application: Found, found: Sequence[Found], options: Collection[str]) -> None:
    name = f"{application.target.text!r}: {application.name} is an application"
    if len(found) > 1:
        others = ", ".join(each.name for each in found if each is not application)
        raise TargetError(f"{name}, which is served alone. Give {others} to its endpoint(...) as well.")
    for option in options:
        raise TargetError(
            f"{name} with options of its own. Write endpoint(…, {option}=…) in place of {_FLAGS[option]}."
        )
