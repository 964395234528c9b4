"""A field that is written under another name than it is read by is read by both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["clash", "read_as_written", "readable_tag"]

_Path = list[str | int]
_WITH_FIELDS = ("model-fields", "dataclass-args", "typed-dict")


def read_as_written(node: dict[str, Any]) -> dict[str, Any]:
    """The fields of a model, dataclass or TypedDict, each of them read by the name it is written by as well."""
    for name, field in _fields(node):
        paths, written = _paths(name, field), [_written(name, field)]
        if written not in paths:
            field["validation_alias"] = [*paths, written]
    return node


def readable_tag(node: dict[str, Any]) -> dict[str, Any]:
    """A union whose tag is found by the name it is written by as well; its classes are changed already."""
    discriminator = node["discriminator"]
    if callable(discriminator):
        return node
    paths: list[_Path] = [[discriminator]] if isinstance(discriminator, str) else list(discriminator)
    for choice in node["choices"].values():
        for name, field in _fields_within(choice):
            others = _paths(name, field)
            if any(path in paths for path in others):
                paths += [path for path in others if path not in paths]
    return {**node, "discriminator": paths} if len(paths) > 1 else node


def _fields_within(choice: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    while isinstance(choice, dict) and choice["type"] not in _WITH_FIELDS:
        choice = choice.get("schema")
    return _fields(choice) if isinstance(choice, dict) else iter(())


def clash(node: dict[str, Any]) -> tuple[str, str, str] | None:
    """Two fields of which one would be read from what the other is written to, and that name."""
    fields = list(_fields(node))
    writers = {_written(name, field): name for name, field in fields}
    computed = node.get("computed_fields", ())
    writers |= {each.get("alias", each["property_name"]): each["property_name"] for each in computed}
    for name, field in fields:
        own = _written(name, field)
        for path in _paths(name, field):
            if path == [own]:
                break
            if path[0] in writers:
                return name, writers[str(path[0])], str(path[0])
    return None


def _fields(node: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    fields = node["fields"]
    return iter(fields.items()) if isinstance(fields, dict) else ((field["name"], field) for field in fields)


def _written(name: str, field: dict[str, Any]) -> str:
    alias = field.get("serialization_alias")
    return name if alias is None else str(alias)


def _paths(name: str, field: dict[str, Any]) -> list[_Path]:
    alias = field.get("validation_alias")
    if alias is None:
        return [[name]]
    if isinstance(alias, str):
        return [[alias]]
    return [path if isinstance(path, list) else alias for path in alias] if isinstance(alias[0], list) else [alias]
