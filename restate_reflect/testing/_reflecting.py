"""Reflection for environments that are made again and again: classes are read once, instances are new."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final

from restate_reflect.definitions import ServiceDefinition
from restate_reflect.reflection import reflect_all

__all__ = ["reflect_fresh"]

_known: Final[dict[tuple[type, ...], tuple[ServiceDefinition, ...]]] = {}


def reflect_fresh(services: Sequence[object]) -> tuple[ServiceDefinition, ...]:
    """As ``reflect_all``. Classes that were reflected together before only get new instances.

    Reading a class takes some milliseconds, and a crash matrix makes dozens of environments.
    """
    classes = tuple(service for service in services if isinstance(service, type))
    if len(classes) != len(services):
        return reflect_all(services)
    if classes not in _known:
        _known[classes] = reflect_all(classes)
        return _known[classes]
    return tuple(map(_with_new_instance, _known[classes]))


def _with_new_instance(service: ServiceDefinition) -> ServiceDefinition:
    instance = service.cls()
    handlers = {
        name: dataclasses.replace(handler, call=getattr(instance, handler.method))
        for name, handler in service.handlers.items()
    }
    return dataclasses.replace(service, instance=instance, handlers=handlers)
