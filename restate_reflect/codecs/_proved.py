"""Models whose values are known to come back, so that they need not be read to see it.

A model whose fields are text, numbers and ``bool`` comes back if each value is of exactly the declared class: 0.1 µs a
field, where reading it and comparing take 2. That is so only while nothing else has a say: every key of the core schema
and of the config that is not known to be harmless (a constraint, a validator, a private attribute, ``str_to_lower``)
takes the careful way.
"""

from __future__ import annotations

from typing import Any, Final

from restate_reflect.codecs._nodes import LOSSLESS
from restate_reflect.codecs._usual import FlatCheck

__all__ = ["flat_check", "has_aliases"]

_CLASSES: Final = {"str": str, "int": int, "float": float, "bool": bool}
_MODEL_KEYS: Final = frozenset(
    {
        "type",
        "cls",
        "schema",
        "config",
        "ref",
        "metadata",
        "custom_init",
        "root_model",
        "frozen",
        "generic_origin",
        "extra_behavior",
    }
)
_FIELDS_KEYS: Final = frozenset({"type", "fields", "model_name", "computed_fields", "extra_behavior"})
_FIELD_KEYS: Final = frozenset({"type", "schema", "metadata", "validation_alias", "serialization_alias", "frozen"})
_VALUE_KEYS: Final = frozenset({"type", "schema", "metadata"})
_DEFAULT_KEYS: Final = _VALUE_KEYS | {"default", "default_factory", "default_factory_takes_data", "copy_default"}
_CONFIG_KEYS: Final = frozenset(
    {
        "title",
        "extra_fields_behavior",
        "frozen",
        "from_attributes",
        "hide_input_in_errors",
        "loc_by_alias",
        "revalidate_instances",
        "validate_by_alias",
        "validate_by_name",
        "validation_error_cause",
    }
)
_MOST_FIELDS: Final = 10
"""With more of them the check costs what it saves."""


def flat_check(core: Any) -> FlatCheck | None:
    """The check of values of this model, by its lossless schema; ``None`` for types that need more."""
    fields = _fields_of(core) if core.get("type") == "model" else None
    if fields is None or len(fields) > _MOST_FIELDS:
        return None
    return FlatCheck(core["cls"], fields)


def has_aliases(core: Any) -> bool:
    """Whether a field of a model that ``flat_check`` takes is written by another name."""
    return any("serialization_alias" in field for field in core["schema"]["fields"].values())


def _fields_of(core: Any) -> dict[str, tuple[type, ...]] | None:
    inner, config = core["schema"], core["config"]
    if not _MODEL_KEYS.issuperset(key for key, value in core.items() if value is not None):
        return None
    if core.get("root_model") or core.get("custom_init") or not _is_harmless(config):
        return None
    if inner.get("type") != "model-fields" or not _FIELDS_KEYS.issuperset(inner) or inner.get("computed_fields"):
        return None
    if "allow" in (core.get("extra_behavior"), inner.get("extra_behavior"), config.get("extra_fields_behavior")):
        return None
    found = {name: _classes_of(field) for name, field in inner["fields"].items()}
    return None if None in found.values() else {name: classes for name, classes in found.items() if classes}


def _is_harmless(config: Any) -> bool:
    return all(key in _CONFIG_KEYS or (key, value) in LOSSLESS.items() for key, value in config.items())


def _classes_of(field: Any) -> tuple[type, ...] | None:
    if not _FIELD_KEYS.issuperset(field):
        return None
    node, more = field["schema"], tuple[type, ...]()
    while (_DEFAULT_KEYS if node["type"] == "default" else _VALUE_KEYS).issuperset(node):
        match node["type"]:
            case "default":
                node = node["schema"]
            case "nullable":
                node, more = node["schema"], (type(None),)
            case kind:
                return (_CLASSES[kind], *more) if kind in _CLASSES else None
    return None
