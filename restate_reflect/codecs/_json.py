"""JSON by pydantic: models, dataclasses, TypedDict, NamedTuple, enums, dates, UUID, Decimal, unions, ...

Reading is pydantic's lax JSON mode, by aliases as the model says; writing is by alias. What differs from
pydantic's defaults, and why, stands in ``_core_schema``. Computed fields are written, and ignored when read.
``Json[T]`` fields, and models that forbid extra fields but compute some, are written in pydantic's
round-trip form; then the schema for output is the one for input.

What it costs to see that a value comes back stands in ``_json_encoder``.
"""

from __future__ import annotations

import copy
import json
from types import SimpleNamespace
from typing import Any, Generic, TypeVar

from pydantic import PydanticUserError, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import SchemaValidator, core_schema, to_json

from restate_reflect.codecs._base import JsonSchema, SchemaMode
from restate_reflect.codecs._core_schema import lossless
from restate_reflect.codecs._dict_keys import has_readable_keys
from restate_reflect.codecs._encoded import holds_secrets
from restate_reflect.codecs._factories import makes_defaults
from restate_reflect.codecs._functions import Decode, Encode
from restate_reflect.codecs._json_encoder import encoder
from restate_reflect.codecs._large import large_reader
from restate_reflect.codecs._members import json_value
from restate_reflect.codecs._names import type_name
from restate_reflect.codecs._nodes import LOSSLESS, nodes
from restate_reflect.codecs._unfit import refusals
from restate_reflect.codecs._usual import Reader
from restate_reflect.errors import UnsupportedTypeError

__all__ = ["JsonCodec"]

T = TypeVar("T")


class JsonCodec(Generic[T]):
    """JSON of one type; everything that looks at the type happens in the constructor.

    Raises ``UnsupportedTypeError`` when pydantic can't carry the type in both directions.
    """

    content_type = "application/json"

    def __init__(self, annotation: Any) -> None:
        self.annotation = annotation
        core = _core_schema_of(annotation)
        round_trip = _needs_round_trip(core)
        self._schemas = _json_schemas(annotation, core, round_trip)
        patched = lossless(core)
        # Without _use_prebuilt=False the classes' own validators would be taken, and the patches lost.
        validator = SchemaValidator(patched, LOSSLESS, _use_prebuilt=False)
        self.makes_defaults = makes_defaults(core)
        """Whether reading may make defaults that another reading would make otherwise (``noting`` tells of them)."""
        secret = holds_secrets(core)
        self.encode: Encode[T] = encoder(annotation, patched, validator, round_trip, secret)
        read = validator.validate_json
        self.decode: Decode[T] = Reader(annotation, read, large_reader(annotation, patched, read), secret).decode

    def json_schema(self, mode: SchemaMode) -> JsonSchema:
        return copy.deepcopy(self._schemas[mode])

    def __repr__(self) -> str:
        return f"JsonCodec({type_name(self.annotation)})"


def _core_schema_of(annotation: Any) -> Any:
    try:
        adapter = TypeAdapter(annotation)
        # One that is built late (defer_build) is built now; one that is not fully defined raises.
        adapter.core_schema.get("type")
        core = adapter.core_schema
    except Exception as error:  # hooks of user classes run here and may raise anything
        raise UnsupportedTypeError(annotation, *_explain(annotation, error)) from error
    for why, fix in refusals(core):
        raise UnsupportedTypeError(annotation, why, fix)
    return core


def _explain(annotation: Any, error: Exception) -> tuple[str, str]:
    if isinstance(error, PydanticUserError) and error.code == "typed-dict-version":
        return (
            "typing.TypedDict lacks what pydantic needs before Python 3.12.",
            "Write 'from typing_extensions import TypedDict'.",
        )
    if isinstance(error, NameError) or "not fully defined" in str(error):
        why = str(error).splitlines()[0]
        return f"a name in it is not defined at run time: {why}.", "Import or define it at module level."
    why = str(error).splitlines()[0].rstrip(".").replace("Set `arbitrary_types_allowed=True` in the model_config", "")
    return (
        f"pydantic has no JSON form for it: {why.split('. ')[0]}.",
        "Use a dataclass or a pydantic model, or give a codec by Annotated[T, codec].",
    )


def _needs_round_trip(core: Any) -> bool:
    keeping = computing = False
    for node in nodes(core):
        if node.get("type") == "json":
            return True
        computing = computing or bool(node.get("computed_fields"))
        config = node.get("config")
        extra = config.get("extra_fields_behavior") if isinstance(config, dict) else None
        keeping = keeping or extra in ("forbid", "allow") or node.get("extra_behavior") in ("forbid", "allow")
    return keeping and computing


class _LosslessJsonSchema(GenerateJsonSchema):
    """``bytes`` shown as they travel: base64, unless the class's own config says otherwise."""

    # A default that has no JSON form is left out of the schema; nothing is wrong with it.
    ignored_warning_kinds: set[JsonSchemaWarningKind] = {  # noqa: RUF012 - the base class declares it like this
        "skipped-choice",
        "non-serializable-default",
    }

    def enum_schema(self, schema: core_schema.EnumSchema) -> JsonSchema:
        members: Any = [SimpleNamespace(value=json_value(member)) for member in schema["members"]]
        return super().enum_schema({**schema, "members": members})

    def literal_schema(self, schema: core_schema.LiteralSchema) -> JsonSchema:
        return super().literal_schema({**schema, "expected": list(map(json_value, schema["expected"]))})

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchema:
        shown = super().dict_schema(schema)
        if not has_readable_keys(schema):
            shown.pop("propertyNames", None)  # it speaks of the key itself, and JSON has a text there
        return shown

    def encode_default(self, dft: Any) -> Any:
        plain = json.loads(to_json(dft, bytes_mode="base64", inf_nan_mode="strings"))
        return sorted(plain, key=to_json) if isinstance(dft, (set, frozenset)) else plain

    def bytes_schema(self, schema: core_schema.BytesSchema) -> JsonSchema:
        shown = super().bytes_schema(schema)
        if "ser_json_bytes" not in self._config.config_dict:
            shown["format"] = "base64url"
            for limit in ("minLength", "maxLength"):  # they count bytes, not base64 characters
                shown.pop(limit, None)
        return shown


def _json_schemas(annotation: Any, core: Any, round_trip: bool) -> dict[SchemaMode, JsonSchema]:
    modes: dict[SchemaMode, SchemaMode] = {
        "validation": "validation",
        "serialization": "validation" if round_trip else "serialization",
    }
    try:
        return {name: _LosslessJsonSchema(by_alias=True).generate(core, mode=mode) for name, mode in modes.items()}
    except PydanticUserError as error:
        why = str(error).splitlines()[0].rstrip(".")
        raise UnsupportedTypeError(
            annotation, f"it has no JSON Schema: {why}.", "Add pydantic.WithJsonSchema({...}) to its Annotated."
        ) from error
