"""Members of enums, whatever their values are: pydantic writes the value, and does not know a tuple or a date again."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any, cast

from pydantic_core import (
    PydanticSerializationUnexpectedValue,
    SchemaSerializer,
    SchemaValidator,
    core_schema,
    from_json,
    to_json,
)

from restate_reflect.codecs._nodes import LOSSLESS

__all__ = ["json_value", "readable_enum", "readable_literal", "unreadable_members"]


def readable_enum(node: dict[str, Any]) -> dict[str, Any]:
    """The same enum; where pydantic does not read what it writes, members are told by the JSON of their values."""
    if _is_readable(node):
        return node
    forms = _forms(node["members"])
    written = {member: from_json(form) for form, member in forms.items()}

    def write(member: Any) -> Any:
        if member not in written:
            raise PydanticSerializationUnexpectedValue(f"{member!r} is no member of {node['cls'].__name__}")
        return written[member]

    return _translated(node, forms, core_schema.plain_serializer_function_ser_schema(write, when_used="json"))


def unreadable_members(node: dict[str, Any]) -> str | None:
    """Why its members can't be told by the JSON of their values."""
    if _is_readable(node):
        return None
    seen: dict[bytes, Enum] = {}
    for member in node["members"]:
        try:
            form = _form(member.value)
        except Exception:  # what a class of the user's raises when it is looked at
            return f"the value of {member} has no JSON form."
        if (other := seen.setdefault(form, member)) is not member:
            return f"{other} and {member} have the same JSON form."
    return None


def _is_readable(node: dict[str, Any]) -> bool:
    try:
        bare: Any = {key: value for key, value in node.items() if key != "ref"}
        read = SchemaValidator(bare, LOSSLESS).validate_json
        write = SchemaSerializer(bare, LOSSLESS).to_json
        return all(read(write(member)) is member for member in node["members"])
    except Exception:
        return False


def readable_literal(node: dict[str, Any]) -> dict[str, Any]:
    """pydantic writes ``Literal[Colour.RED]`` as ``"red"``, but does not read that.

    It also lets values outside of the literal pass, of which a union would choose the wrong member.
    """
    node.setdefault("serialization", _only(node["expected"]))
    members = [member for member in node["expected"] if isinstance(member, Enum)]
    return _translated(node, _forms(members), node["serialization"]) if members else node


def _only(expected: list[Any]) -> core_schema.SerSchema:
    def check(value: Any) -> Any:
        if value not in expected:
            raise PydanticSerializationUnexpectedValue(f"Expected one of {expected!r}, got {value!r}")
        return value

    return core_schema.plain_serializer_function_ser_schema(check, when_used="json")


def _translated(node: dict[str, Any], forms: dict[bytes, Enum], serialization: Any) -> dict[str, Any]:
    def to_member(value: Any) -> Any:
        return forms.get(to_json(value, inf_nan_mode="strings"), value)

    ref = {"ref": node.pop("ref")} if "ref" in node else {}
    outer = core_schema.no_info_before_validator_function(to_member, cast(core_schema.CoreSchema, node))
    return {**outer, "serialization": serialization, **ref}


def json_value(value: Any) -> Any:
    """The JSON of a value, or of a member's."""
    return from_json(_form(value.value if isinstance(value, Enum) else value))


def _forms(members: Iterable[Enum]) -> dict[bytes, Enum]:
    return {_form(member.value): member for member in members}


def _form(value: Any) -> bytes:
    return to_json(value, bytes_mode="base64", inf_nan_mode="strings")
