"""Services as interface classes."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from restate_reflect.definitions import HandlerKind, ServiceKind
from restate_reflect.stubs._expressions import Spelling, default_of
from restate_reflect.stubs._names import is_parameter, method_name, unique
from restate_reflect.stubs._nodes import argument, call, class_, docstring, function, loaded
from restate_reflect.stubs._schemas import SchemaReader, strings
from restate_reflect.stubs._shapes import HandlerShape, Payload, ServiceShape, StubsError
from restate_reflect.stubs._types import Place, Shape

__all__ = ["Interface", "read_interface"]

_INDENT: Final = "    "
_CONTEXTS: Final[dict[tuple[ServiceKind, HandlerKind | None], str]] = {
    (ServiceKind.SERVICE, None): "Context",
    (ServiceKind.VIRTUAL_OBJECT, HandlerKind.EXCLUSIVE): "ObjectContext",
    (ServiceKind.VIRTUAL_OBJECT, None): "ObjectContext",
    (ServiceKind.VIRTUAL_OBJECT, HandlerKind.SHARED): "ObjectSharedContext",
    (ServiceKind.WORKFLOW, HandlerKind.WORKFLOW): "WorkflowContext",
    (ServiceKind.WORKFLOW, HandlerKind.SHARED): "WorkflowSharedContext",
    (ServiceKind.WORKFLOW, None): "WorkflowSharedContext",
}


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    shape: Shape
    required: bool
    default: Any = ...


@dataclass(frozen=True, slots=True)
class _Method:
    handler: HandlerShape
    context: str
    parameters: tuple[_Parameter, ...] | None
    """``None``: it takes one body, whatever that is."""
    input: Shape | None
    output: Shape | None


@dataclass(frozen=True, slots=True)
class Interface:
    """A service whose schemas were read."""

    service: ServiceShape
    methods: tuple[_Method, ...]

    def method_names(self) -> dict[str, str]:
        """Python names by handler."""
        return unique([method.handler.name for method in self.methods], method_name)

    def made_class(self, name: str, spelling: Spelling) -> ast.ClassDef:
        """The class."""
        names = self.method_names()
        body = [
            *docstring(self.service.documentation, _INDENT),
            *(_made_method(method, names[method.handler.name], spelling) for method in self.methods),
        ]
        mark = _mark("service", self.service.name, name, spelling)
        return class_(name, spelling.use("Protocol"), body, mark)


def read_interface(service: ServiceShape, reader: SchemaReader) -> Interface:
    """Raises ``StubsError`` for schemas that lead out of themselves."""
    return Interface(service, tuple(_read(service, handler, reader) for handler in service.handlers))


def _read(service: ServiceShape, handler: HandlerShape, reader: SchemaReader) -> _Method:
    context = _CONTEXTS.get((service.kind, handler.kind))
    if context is None:
        raise StubsError(f"{service.name}.{handler.name}: a {service.kind.value} has no handlers of this kind.")
    place = Place(service.name, handler.name, "Input")
    parameters = _parameters(handler, place, reader)
    input = _payload(handler.input, place, reader) if parameters is None else None
    output = _payload(handler.output, Place(service.name, handler.name, "Output"), reader)
    return _Method(handler, context, parameters, input, output)


def _payload(payload: Payload | None, place: Place, reader: SchemaReader) -> Shape | None:
    if payload is None or payload.schema is None:
        return None
    return reader.read(payload.schema, place)


def _parameters(handler: HandlerShape, place: Place, reader: SchemaReader) -> tuple[_Parameter, ...] | None:
    """What a restate-reflect service with several parameters calls ``NAME_arguments``, taken apart."""
    payload = handler.input
    if payload is None or payload.schema is None or payload.schema.get("title") != f"{handler.name}_arguments":
        return None
    properties = payload.schema.get("properties")
    if not isinstance(properties, Mapping) or len(properties) < 2 or not all(map(is_parameter, properties)):
        return None
    required = strings(payload.schema.get("required"))
    return tuple(
        _parameter(name, schema, name in required, payload.schema, place, reader) for name, schema in properties.items()
    )


def _parameter(
    name: str, schema: Any, required: bool, whole: Mapping[str, Any], place: Place, reader: SchemaReader
) -> _Parameter:
    if not isinstance(schema, Mapping):
        return _Parameter(name, reader.read(schema, place.inside(name)), required)
    # Titles of parameters are their names, and would become names of classes.
    described = {key: value for key, value in schema.items() if key != "title" or "properties" in schema}
    shape = reader.read(described, place.inside(name), within=whole)
    return _Parameter(name, shape, required, schema.get("default", ...))


def _made_method(method: _Method, name: str, spelling: Spelling) -> ast.stmt:
    return function(
        name,
        _made_arguments(method, spelling),
        _made_payload(method.output, method.handler.output, spelling),
        docstring(method.handler.documentation, _INDENT * 2),
        _mark("handler", method.handler.name, name, spelling),
    )


def _mark(kind: str, wire: str, name: str, spelling: Spelling) -> ast.expr | None:
    """``@service(name=…)`` or ``@handler(name=…)`` where Python can't have the name."""
    return None if wire == name else call(spelling.use(kind), name=ast.Constant(wire))


def _made_arguments(method: _Method, spelling: Spelling) -> ast.arguments:
    context = argument("ctx", loaded(spelling.use(method.context)))
    made = ast.arguments([], [argument("self"), context], None, [], [], None, [])
    payload = method.handler.input
    if method.parameters is not None and payload is not None:
        _add_parameters(made, method.parameters, spelling, by_name=not payload.ordered)
    elif payload is not None:
        made.args.append(argument("body", _made_payload(method.input, payload, spelling)))
        made.defaults += [] if payload.required else [ast.Constant(...)]
    return made


def _add_parameters(
    made: ast.arguments, parameters: tuple[_Parameter, ...], spelling: Spelling, *, by_name: bool
) -> None:
    """By name only in an unknown order, and from the first required one after an optional one."""
    for parameter in parameters:
        made_one = argument(parameter.name, spelling.of(parameter.shape))
        default = None if parameter.required else default_of(parameter.default, parameter.shape)
        by_name = by_name or (parameter.required and bool(made.defaults))
        if by_name:
            made.kwonlyargs.append(made_one)
            made.kw_defaults.append(default)
        else:
            made.args.append(made_one)
            made.defaults += _present(default)


def _present(default: ast.expr | None) -> Iterator[ast.expr]:
    if default is not None:
        yield default


def _made_payload(shape: Shape | None, payload: Payload | None, spelling: Spelling) -> ast.expr:
    if payload is None:
        return ast.Constant(None)
    if shape is not None:
        return spelling.of(shape)
    if payload.content_type == "application/json":
        return loaded(spelling.use("Any"))
    type_ = loaded(spelling.use("bytes"))
    if payload.content_type in ("application/octet-stream", "*/*"):
        return type_
    return spelling.with_metadata(type_, call(spelling.use("ContentType"), ast.Constant(payload.content_type)))
