"""Reflection for environments that are made again and again: classes are read once, instances are new."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from restate_reflect.definitions import ServiceDefinition
from restate_reflect.embedded import InProcessDeployment
from restate_reflect.reflection import reflect_all, reflect_interface

__all__ = ["Reflected", "construct"]

_MOST_REMEMBERED: Final = 64
"""Sets of classes: tests define classes of their own, which must not live for ever."""

_interface: Final = lru_cache(_MOST_REMEMBERED)(reflect_interface)


async def construct(service: object) -> object:
    """What a factory function (``make_shop``, plain or ``async``) makes; everything else as it is."""
    if not (inspect.isroutine(service) or isinstance(service, functools.partial)):
        return service
    made: Any = service()
    return await made if inspect.isawaitable(made) else made


@dataclasses.dataclass(slots=True)
class _Known:
    services: tuple[ServiceDefinition, ...]
    manifest: Mapping[str, Any] | None = None


_known: Final[dict[tuple[tuple[type, ...], tuple[type, ...]], _Known]] = {}


class Reflected:
    """Services under test and interfaces that are mocked, as definitions.

    Reading a class takes some milliseconds, a manifest 0.7 ms, and a crash matrix makes dozens of
    environments: if all that is given are classes, both are remembered, and only instances are new.
    """

    def __init__(self, services: Iterable[object], mocks: Iterable[type]) -> None:
        given, interfaces = tuple(services), tuple(mocks)
        classes = tuple(service for service in given if isinstance(service, type))
        self._memory: _Known | None = None
        if len(classes) == len(given):
            self._memory, read = _recall(classes, interfaces)
        else:
            read = reflect_all(given)
        self.definitions = (*read, *map(_interface, interfaces))

    async def fill(self, deployment: InProcessDeployment) -> None:
        """Gives the deployment its manifest, if it is known."""
        if self._memory is None:
            return
        if self._memory.manifest is None:
            self._memory.manifest = await deployment.discover()
        deployment.manifest = self._memory.manifest


def _recall(classes: tuple[type, ...], interfaces: tuple[type, ...]) -> tuple[_Known, tuple[ServiceDefinition, ...]]:
    known = _known.get((classes, interfaces))
    if known is not None:
        return known, tuple(map(_with_new_instance, known.services))
    if len(_known) >= _MOST_REMEMBERED:
        del _known[next(iter(_known))]
    known = _known[classes, interfaces] = _Known(reflect_all(classes))
    return known, known.services


def _with_new_instance(service: ServiceDefinition) -> ServiceDefinition:
    instance = service.cls()
    handlers = {
        name: dataclasses.replace(handler, call=getattr(instance, handler.method))
        for name, handler in service.handlers.items()
    }
    return dataclasses.replace(service, instance=instance, handlers=handlers)
