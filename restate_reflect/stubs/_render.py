"""Shapes to the source of a module: imports, models, one interface class per service."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from restate_reflect.definitions import HandlerKind, ServiceKind
from restate_reflect.openapi._components import Components, Use
from restate_reflect.stubs._expressions import IMPORTS, Types, default_of
from restate_reflect.stubs._models import class_name, models_source
from restate_reflect.stubs._shapes import Described, HandlerShape, Payload, ServiceShape, read_services

__all__ = ["generate_stubs"]

_CONTEXTS: dict[tuple[ServiceKind, HandlerKind | None], str] = {
    (ServiceKind.SERVICE, None): "Context",
    (ServiceKind.VIRTUAL_OBJECT, HandlerKind.EXCLUSIVE): "ObjectContext",
    (ServiceKind.VIRTUAL_OBJECT, None): "ObjectContext",
    (ServiceKind.VIRTUAL_OBJECT, HandlerKind.SHARED): "ObjectSharedContext",
    (ServiceKind.WORKFLOW, HandlerKind.WORKFLOW): "WorkflowContext",
    (ServiceKind.WORKFLOW, HandlerKind.SHARED): "WorkflowSharedContext",
    (ServiceKind.WORKFLOW, None): "WorkflowSharedContext",
}
# Imports of the module, spelled as classes are; a service or model of such a name gets another one.
_TAKEN = frozenset(
    {*IMPORTS, "BaseModel", "ConfigDict", "Decimal", "Enum", "Field", "Optional", "RootModel", "StrEnum"}
)
_HEAD = '''\
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

    Args:
        described: A manifest (``GET /discover``), the admin API's ``GET /services``, or a sequence of services from
            either, such as ``AdminClient.services()``.
        only: Names of the services wanted; all of them if empty.

    Raises:
        StubsError: it describes no services, or there is no datamodel-code-generator.
    """
    wanted = set(only)
    services = [service for service in read_services(described) if not wanted or service.name in wanted]
    return _Module(services).source()


@dataclass(frozen=True, slots=True)
class _Argument:
    name: str
    use: Use
    required: bool


class _Module:
    """One module of stubs."""

    def __init__(self, services: list[ServiceShape]) -> None:
        self._services = services
        self._classes = _unique([service.name for service in services], class_name, _TAKEN)
        self._components = Components(
            self._uses(), _TAKEN | set(self._classes.values()), clean=class_name, separator=""
        )
        self._types = Types()

    def source(self) -> str:
        classes = [self._service(service) for service in self._services]
        models = models_source(self._components.schemas)
        return "\n".join([_HEAD, self._imports(), *([models, ""] if models else []), *classes]).rstrip() + "\n"

    def _imports(self) -> str:
        by_module: dict[str, list[str]] = {}
        for name in sorted(self._types.used):
            by_module.setdefault(IMPORTS[name], []).append(name)
        lines = [f"from {module} import {', '.join(names)}" for module, names in sorted(by_module.items())]
        return "\n".join([*lines, ""])

    def _uses(self) -> Iterator[Use]:
        for service in self._services:
            for handler in service.handlers:
                if (arguments := _arguments(service, handler)) is not None:
                    yield from (argument.use for argument in arguments)
                elif use := _use(service, handler, "Input", handler.input):
                    yield use
                if use := _use(service, handler, "Output", handler.output):
                    yield use

    def _service(self, service: ServiceShape) -> str:
        name = self._classes[service.name]
        mark = [f"@{self._types.use('service')}(name={service.name!r})"] if name != service.name else []
        head = [*mark, f"class {name}({self._types.use('Protocol')}):", *_docstring(service.documentation, "    ")]
        methods = _unique([handler.name for handler in service.handlers], _method_name)
        body = [self._handler(service, handler, methods[handler.name]) for handler in service.handlers]
        return "\n".join(["", *head, *([""] if service.documentation else []), *body])

    def _handler(self, service: ServiceShape, handler: HandlerShape, method: str) -> str:
        context = self._types.use(_CONTEXTS[service.kind, handler.kind])
        parameters = ", ".join(["self", f"ctx: {context}", *self._parameters(service, handler)])
        returns = self._payload(_use(service, handler, "Output", handler.output), handler.output)
        mark = [f"    @{self._types.use('handler')}(name={handler.name!r})"] if method != handler.name else []
        head = f"    async def {method}({parameters}) -> {returns}:"
        if not handler.documentation:
            return "\n".join([*mark, f"{head} ...", ""])
        return "\n".join([*mark, head, *_docstring(handler.documentation, "        "), "        ...", ""])

    def _parameters(self, service: ServiceShape, handler: HandlerShape) -> Iterator[str]:
        arguments = _arguments(service, handler)
        if arguments is not None and handler.input is not None:
            if not handler.input.ordered:
                yield "*"  # in an unknown order only names are safe
            yield from self._spread(arguments, by_name=not handler.input.ordered)
        elif handler.input is not None:
            type_ = self._payload(_use(service, handler, "Input", handler.input), handler.input)
            yield f"body: {type_}{'' if handler.input.required else ' = ...'}"

    def _spread(self, arguments: list[_Argument], *, by_name: bool) -> Iterator[str]:
        optional = False
        for argument in arguments:
            if argument.required and optional and not by_name:
                yield "*"  # a required parameter can't follow an optional one but by name
                by_name = True
            optional = optional or not argument.required
            type_ = self._types.of(self._components.reference(argument.use))
            default = "" if argument.required else f" = {default_of(argument.use.schema, type_)}"
            yield f"{argument.name}: {type_}{default}"

    def _payload(self, use: Use | None, payload: Payload | None) -> str:
        if payload is None:
            return "None"
        if use is not None:
            return self._types.of(self._components.reference(use))
        if payload.content_type == "application/json":
            return self._types.use("Any")
        if payload.content_type in ("application/octet-stream", "*/*"):
            return "bytes"
        return f"{self._types.use('Annotated')}[bytes, {self._types.use('ContentType')}({payload.content_type!r})]"


def _use(service: ServiceShape, handler: HandlerShape, side: Any, payload: Payload | None) -> Use | None:
    if payload is None or not isinstance(payload.schema, Mapping):
        return None
    return Use(service.name, handler.name, side, payload.schema)


def _arguments(service: ServiceShape, handler: HandlerShape) -> list[_Argument] | None:
    """What a restate-reflect service with several parameters calls ``NAME_arguments``, taken apart."""
    payload = handler.input
    if payload is None or payload.schema is None or payload.schema.get("title") != f"{handler.name}_arguments":
        return None
    properties = payload.schema.get("properties", {})
    if len(properties) < 2 or not all(_is_identifier(name) for name in properties):
        return None
    required = set(payload.schema.get("required", ()))
    definitions = {"$defs": payload.schema["$defs"]} if "$defs" in payload.schema else {}
    return [
        _Argument(
            name, Use(service.name, handler.name, "Input", {**_untitled(schema), **definitions}), name in required
        )
        for name, schema in properties.items()
    ]


def _untitled(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Titles of parameters are their names, and would become names of models."""
    return {key: value for key, value in schema.items() if key != "title" or "properties" in schema}


def _unique(names: Iterable[str], clean: Callable[[str], str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Python names by wire names; names that become the same one are numbered."""
    made: dict[str, str] = {}
    for name in names:
        wanted = chosen = clean(name)
        number = 2
        while chosen in taken or chosen in made.values():
            chosen, number = f"{wanted}{number}", number + 1
        made[name] = chosen
    return made


def _method_name(name: str) -> str:
    """Public, and no keyword."""
    cleaned = re.sub(r"\W", "_", name).lstrip("_")
    return cleaned if _is_identifier(cleaned) else f"{cleaned}_" if keyword.iskeyword(cleaned) else f"handler_{cleaned}"


def _is_identifier(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name) and name not in ("self", "ctx")


def _docstring(text: str | None, indent: str) -> list[str]:
    if not text:
        return []
    escaped = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    if escaped.endswith('"'):
        escaped += " "
    lines = escaped.splitlines()
    if len(lines) == 1:
        return [f'{indent}"""{lines[0]}"""']
    return [f'{indent}"""{lines[0]}', *((indent + line).rstrip() for line in lines[1:]), f'{indent}"""']
