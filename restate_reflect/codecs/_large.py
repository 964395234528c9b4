"""Large inputs, whose mistakes could cost far more memory than they have bytes.

pydantic collects every mistake, and with each a copy of what was wrong: 12 MB of ``["", "", …]`` for ``list[int]`` made
2 GB, 3 MB that lack 50 fields another 2 GB and 14 s. So in what is longer than ``MOST_PLAIN`` bytes and has many values
each collection ends at its first mistake.

Where the copies that are left could be large, the input is looked at once more before: as Python objects, which errors
refer to instead of copying them. That look is lenient where a model is strict, as strictness means another thing for
objects than for JSON. It takes as long as reading.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any, Final, cast

from pydantic import ValidationError
from pydantic_core import PydanticCustomError, SchemaValidator, core_schema

from restate_reflect.codecs._nodes import BY_NAME, LOSSLESS, OPAQUE, nodes
from restate_reflect.codecs._report import large_input_error

__all__ = ["MOST_PLAIN", "large_reader"]

MOST_PLAIN: Final = 16 << 10
"""Bytes whose mistakes are all told: 5,000 of them, which take 50 ms and 10 MiB."""

_COLLECTIONS: Final = frozenset(
    {"counter", "deque", "dict", "frozen-dict", "frozenset", "list", "ordered-dict", "set", "tuple"}
)
_CONTAINERS: Final = _COLLECTIONS | {"arguments", "dataclass-args", "model-fields", "typed-dict"}
_MOST_VALUES: Final = 5_000
_MOST_COPIED: Final = 4 << 20
"""Bytes of input that errors may copy: they take 64 MiB and 0.4 s."""
_FIELDS: Final = frozenset({"dataclass-field", "model-field", "typed-dict-field"})

_Read = Callable[[bytes], Any]


def large_reader(annotation: Any, core: Any, read: _Read) -> _Read:
    """For what is longer than ``MOST_PLAIN``: ``read`` where that is harmless, and else something more careful.

    Raises ``DecodeError`` for an input that does not fit, where ``read`` raises pydantic's ``ValidationError``.
    """
    if not any(node.get("type") in _CONTAINERS for node in nodes(core)):
        return read
    large = _LargeReader(annotation, core)
    return lambda data: read(data) if large.is_harmless(data) else large.read(data)


def _copies(core: Any) -> float:
    """How many mistakes may each copy the same piece of an input: a field that is missing, a choice that does not fit.

    In a type that contains itself a piece lies in as many others as the input is deep.
    """
    return sum(map(_copies_of, nodes(core)))


def _copies_of(node: dict[str, Any]) -> float:
    kind = node.get("type")
    if kind == "definitions":
        return math.inf
    if kind in _FIELDS:
        return int(node.get("required", True) and node["schema"]["type"] != "default")
    return len(node["choices"]) if kind in ("union", "tagged-union") else 0


class _LargeReader:
    """Made with the type, and ready with the first large input: most types never see one."""

    def __init__(self, annotation: Any, core: Any) -> None:
        self._annotation = annotation
        self._core = core

    @cached_property
    def _early(self) -> Any:
        return _changed(self._core, _ending_early)

    @cached_property
    def _copies(self) -> float:
        return _copies(self._core)

    @cached_property
    def _read(self) -> _Read:
        return SchemaValidator(self._early, LOSSLESS, _use_prebuilt=False).validate_json

    @cached_property
    def _look(self) -> _Read:
        # A function of Python's gets objects of Python's, and so does what it hands them on to.
        core = core_schema.no_info_wrap_validator_function(_handed_on, _changed(self._early, _lenient))
        return SchemaValidator(core, LOSSLESS, _use_prebuilt=False).validate_json

    def is_harmless(self, data: bytes) -> bool:
        """Whether there is little in it that can be wrong, long as it is."""
        return data.count(b",") <= _MOST_VALUES and not self._copies_much(data)

    def _copies_much(self, data: bytes) -> bool:
        return len(data) * self._copies > _MOST_COPIED

    def read(self, data: bytes) -> Any:
        try:
            if self._copies_much(data):
                self._look(data)
            return self._read(data)
        except ValidationError as error:
            raise large_input_error(self._annotation, error) from None


def _handed_on(value: Any, check: core_schema.ValidatorFunctionWrapHandler) -> Any:
    return check(value)


def _one_for_many(value: Any, check: core_schema.ValidatorFunctionWrapHandler) -> Any:
    """Of what contains itself there may be as many mistakes as there are values in it."""
    try:
        return check(value)
    except ValidationError as error:
        count = error.error_count()
        if count <= _MANY:
            raise
        seen = {"count": count, "first": error.errors(include_url=False, include_input=False)[0]["msg"]}
        raise PydanticCustomError("many", "{count} mistakes in here: {first}", seen) from None


_MANY: Final = 20


def _ending_early(node: dict[str, Any]) -> dict[str, Any]:
    return {**node, "fail_fast": True} if node.get("type") in _COLLECTIONS else node


def _lenient(node: dict[str, Any]) -> dict[str, Any]:
    if node.get("type") == "definitions":
        return {**node, "definitions": list(map(_summarized, node["definitions"]))}
    config = node.get("config")
    if isinstance(config, dict) and "strict" in config:
        node = {**node, "config": {**config, "strict": False}}
    return {**node, "strict": False} if node.get("strict") else node


def _summarized(definition: dict[str, Any]) -> Any:
    inner = {key: value for key, value in definition.items() if key != "ref"}
    return core_schema.no_info_wrap_validator_function(_one_for_many, cast(Any, inner), ref=definition["ref"])


def _changed(schema: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    if isinstance(schema, dict):
        return change({key: _child(key, value, change) for key, value in schema.items()})
    if isinstance(schema, (list, tuple)):
        return type(schema)(_changed(item, change) for item in schema)
    return schema


def _child(key: str, value: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    if key in OPAQUE or key == "serialization":
        return value
    if key in BY_NAME and isinstance(value, dict):
        return {name: _changed(schema, change) for name, schema in value.items()}
    return _changed(value, change)
