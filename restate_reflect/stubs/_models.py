"""Models and enums as classes."""

from __future__ import annotations

import ast

from restate_reflect.stubs._expressions import Spelling
from restate_reflect.stubs._names import field_name, member_name, unambiguous, unique
from restate_reflect.stubs._nodes import assigned, call, class_, docstring, either, field, literal
from restate_reflect.stubs._types import ANY, NONE, EnumClass, Field, Model, Union

__all__ = ["field_names", "made_class"]

_INDENT = "    "


def field_names(model: Model) -> dict[str, str]:
    """Python names by wire names."""
    return unambiguous([each.wire for each in model.fields], field_name)


def made_class(name: str, described: Model | EnumClass, spelling: Spelling) -> ast.ClassDef:
    """The class for a schema."""
    if isinstance(described, EnumClass):
        return _enum(name, described, spelling)
    names = field_names(described)
    body = [_field(each, names[each.wire], spelling) for each in described.fields]
    if described.extra is not None:
        config = call(spelling.use("ConfigDict"), extra=ast.Constant(described.extra))
        body.insert(0, assigned("model_config", config))
    return class_(name, spelling.use("StubModel"), [*docstring(described.documentation, _INDENT), *body])


def _field(described: Field, name: str, spelling: Spelling) -> ast.stmt:
    """With a default if it may be left out: its own, or else None, which is not sent."""
    default = literal(described.default) if described.has_default else None
    shape = described.shape
    type_ = spelling.of(shape)
    if described.required:
        default = None
    elif default is None:
        default = ast.Constant(None)
        if shape not in (ANY, NONE) and not (isinstance(shape, Union) and NONE in shape.choices):
            type_ = either([type_, ast.Constant(None)])
    if name != described.wire:
        type_ = spelling.with_metadata(type_, call(spelling.use("Field"), alias=ast.Constant(described.wire)))
    return field(name, type_, default)


def _enum(name: str, described: EnumClass, spelling: Spelling) -> ast.ClassDef:
    by_text = {str(value): value for value in described.values}
    names = unique(by_text, member_name)
    members = [assigned(names[text], literal(value) or ast.Constant(text)) for text, value in by_text.items()]
    return class_(name, spelling.use("Enum"), [*docstring(described.documentation, _INDENT), *members])
