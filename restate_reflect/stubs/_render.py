"""Descriptions of services to the source of a module: imports, models, one interface class per service."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Final

from restate_reflect.stubs._allowed import check_source
from restate_reflect.stubs._class_names import name_classes
from restate_reflect.stubs._expressions import IMPORTS, Spelling
from restate_reflect.stubs._interfaces import Interface, read_interface
from restate_reflect.stubs._models import field_names, made_class
from restate_reflect.stubs._names import class_name, unique
from restate_reflect.stubs._schemas import SchemaReader
from restate_reflect.stubs._shapes import Described, ServiceShape, StubsError, read_services
from restate_reflect.stubs._text import class_text
from restate_reflect.stubs._types import Model

__all__ = ["generate_stubs"]

_HEAD: Final = '''\
"""Interfaces of services that are implemented elsewhere, made by restate-reflect.

Changes are lost when it is made anew.
"""
# ruff: noqa
# mypy: disable-error-code="assignment"
# pyright: reportAssignmentType=false
# Defaults of models are written as JSON, and validated.

from __future__ import annotations
'''


def generate_stubs(described: Described, *, only: Iterable[str] = ()) -> str:
    """Python source of typed interface classes, for ``ctx.call`` and the clients.

    Each service becomes a ``Protocol`` with the context as the first parameter, and each JSON Schema with properties
    a pydantic model; a body that holds arguments by name becomes parameters again, which are keyword-only if they come
    from an admin API, as that does not keep their order: ``ctx.target(Shop.cut).call(length=5)``.

    What is described may come from anybody: names become identifiers, everything else literals or nothing, and the
    source is compared with what stubs may consist of before it is returned.

    Args:
        described: A manifest (``GET /discover``), the admin API's ``GET /services``, or a sequence of services from
            either, such as ``AdminClient.services()``.
        only: Names of the services wanted; all of them if empty.

    Raises:
        StubsError: it describes no services, or not all of those wanted; or a schema refers to something outside of
            itself.
    """
    services = _chosen(read_services(described), list(only))
    reader = SchemaReader()
    interfaces = [read_interface(service, reader) for service in services]
    return _source(interfaces, reader)


def _chosen(services: tuple[ServiceShape, ...], wanted: list[str]) -> list[ServiceShape]:
    names = [service.name for service in services]
    if missing := [name for name in wanted if name not in names]:
        there = f"There are {', '.join(names)}." if names else "There are none."
        raise StubsError(f"there is no service {' and no '.join(missing)}. {there}")
    return [service for service in services if not wanted or service.name in wanted]


def _source(interfaces: list[Interface], reader: SchemaReader) -> str:
    models = [each for each in reader.classes.values() if isinstance(each, Model)]
    hidden = {name for model in models for name in field_names(model).values()}
    hidden |= {name for interface in interfaces for name in interface.method_names().values()}
    taken = {*IMPORTS, *hidden}
    services = unique([interface.service.name for interface in interfaces], class_name, taken)
    names = name_classes(reader.classes, taken | set(services.values()))
    spelling = Spelling(names, hidden)
    by_name = {names[identity]: each for identity, each in reader.classes.items()}
    classes = [made_class(name, each, spelling) for name, each in sorted(by_name.items(), key=lambda item: item[0])]
    classes += [interface.made_class(services[interface.service.name], spelling) for interface in interfaces]
    return _checked(spelling.imports(), classes)


def _checked(imports: list[ast.stmt], classes: list[ast.ClassDef]) -> str:
    text = "\n".join([_HEAD, *map(ast.unparse, imports)]) + "\n"
    text += "".join(f"\n\n{class_text(each)}\n" for each in classes)
    check_source(text, ast.Module([*ast.parse(_HEAD).body, *imports, *classes], []))
    return text
