"""``restate-reflect inspect``: what the reflection found, without serving it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from restate_reflect.cli._options import json_option, print_json, targets_argument
from restate_reflect.cli._terminal import say

if TYPE_CHECKING:
    from restate_reflect.definitions import HandlerDefinition, ServiceDefinition

__all__ = ["command"]


@click.command("inspect")
@targets_argument
@json_option
def command(targets: tuple[str, ...], as_json: bool) -> None:
    """Show services, handlers and types of TARGETs, and the methods that are no handlers, with the reason."""
    from restate_reflect.cli._errors import plain_errors
    from restate_reflect.cli._manifest import definitions

    with plain_errors(as_json=as_json):
        found = definitions(targets)
    if as_json:
        print_json([_service(each) for each in found])
    else:
        say("\n".join(_lines(found)))


def _lines(found: Sequence[ServiceDefinition]) -> Iterator[str]:
    from restate_reflect.targets.table import table

    for service in found:
        title, *handlers = table([service]).splitlines()
        yield f"{title}  ({service.cls.__module__}.{service.cls.__qualname__}, {service.source})"
        if service.documentation:
            yield f"  {service.documentation.splitlines()[0]}"
        yield from handlers
        yield from (f"  - {skipped.name}: {skipped.reason}" for skipped in service.skipped)


def _service(service: ServiceDefinition) -> dict[str, Any]:
    from restate_reflect.manifest import build_manifest

    manifest = build_manifest([service], version=4, protocol_mode="BIDI_STREAM")["services"][0]
    handlers = [_handler(service.handlers[each["name"]], each) for each in manifest["handlers"]]
    return {
        **manifest,
        "class": f"{service.cls.__module__}.{service.cls.__qualname__}",
        "source": str(service.source),
        "handlers": handlers,
        "skipped": [{"name": each.name, "reason": each.reason} for each in service.skipped],
    }


def _handler(handler: HandlerDefinition, described: dict[str, Any]) -> dict[str, Any]:
    return {**described, "method": handler.qualified_name, "source": str(handler.source), "async": handler.is_async}
