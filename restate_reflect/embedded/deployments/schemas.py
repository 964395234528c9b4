"""JSON Schemas in a manifest, judged as restate-server judges them before it registers a deployment.

Keywords have the types that the meta-schema of draft 2020-12 gives them, references lead somewhere within the schema,
and patterns are regular expressions. The messages are the server's.

The server uses the library jsonschema, which is jsonschema-rs in Python: by itself it says the same of 29 in 31
schemas that were tried, and would take some 190 lines from here. It stays out for what it costs each start of
``dev``: 7 MiB, up to 90 ms to be imported, and 15 MB on disk. The package jsonschema (2.8 MB with what it needs) has
other words for 22 of them, and looks up no reference. So a property test holds what is here against jsonschema-rs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import unquote

from restate_reflect.embedded.deployments.refusals import ManifestError

__all__ = ["check_schemas"]

_DIALECTS: Final = re.compile(r"https?://json-schema\.org/(draft/(2020-12|2019-09)|draft-0[467])/schema#?")
_LATEST: Final = "2020-12"
_TYPES: Final = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_OF_RUST_ALONE: Final = re.compile(r"\\[pP](\{[^}]*\}|.)|\\[kg]<[^>]*>|\(\?<(?=[A-Za-z_])")
"""What Python's regular expressions lack or write otherwise; whoever uses it means it."""

Json = Any
Check = Callable[[Json], Iterator[str]]


def check_schemas(described: Mapping[str, Any], service: str) -> None:
    """Those of a handler's input and output.

    Raises:
        ManifestError: One of them is none.
    """
    for side in ("input", "output"):
        schema = (described.get(side) or {}).get("jsonSchema")
        if schema is None:
            continue
        why = _problem(schema)
        if why is not None:
            message = f"the json schema for {service}/{described['name']} {side} is invalid: {why}"
            raise ManifestError(message, status=400)


def _problem(schema: Json) -> str | None:
    try:
        return next(_problems(schema), None)
    except RecursionError:
        return "it is nested too deeply"


def _problems(schema: Json) -> Iterator[str]:
    dialect = schema.get("$schema") if isinstance(schema, dict) else None
    if isinstance(dialect, str) and _DIALECTS.fullmatch(dialect) is None:
        yield f"Unknown meta-schema: '{dialect}'. Custom meta-schemas must be registered in the registry before use"
        return
    yield from _schema(schema) if not isinstance(dialect, str) or _LATEST in dialect else iter(())
    yield from _lost_references(schema, schema)


# ---------------------------------------------------------------- keywords


def _is(kinds: tuple[type, ...], name: str, value: Json) -> Iterator[str]:
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        yield f'{_shown(value)} is not of type "{name}"'


_text: Final = partial(_is, (str,), "string")


def _text_like(pattern: str, value: Json) -> Iterator[str]:
    yield from _text(value)
    if isinstance(value, str) and re.search(pattern, value) is None:
        yield f'{_shown(value)} does not match "{pattern}"'


_anchor: Final = partial(_text_like, "^[A-Za-z_][-A-Za-z0-9._]*$")
_identifier: Final = partial(_text_like, "^[^#]*#?$")
_number: Final = partial(_is, (int, float), "number")
_flag: Final = partial(_is, (bool,), "boolean")
_list: Final = partial(_is, (list,), "array")
_map: Final = partial(_is, (dict,), "object")


def _schema(value: Json) -> Iterator[str]:
    if not isinstance(value, (bool, dict)):
        yield f'{_shown(value)} is not of types "boolean", "object"'
    elif isinstance(value, dict):
        for keyword, check in _KEYWORDS.items():
            if keyword in value:
                yield from check(value[keyword])


def _type(value: Json) -> Iterator[str]:
    names = value if isinstance(value, list) else [value]
    known = all(isinstance(name, str) and name in _TYPES for name in names)
    if not names or not known or len(set(names)) < len(names):
        yield f"{_shown(value)} is not valid under any of the schemas listed in the 'anyOf' keyword"


def _count(value: Json) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value % 1 != 0:
        yield f'{_shown(value)} is not of type "integer"'
    elif value < 0:
        yield f"{_shown(value)} is less than the minimum of 0"


def _positive(value: Json) -> Iterator[str]:
    yield from _number(value)
    if isinstance(value, (int, float)) and value <= 0:
        yield f"{_shown(value)} is less than or equal to the minimum of 0"


def _names(value: Json) -> Iterator[str]:
    yield from _list(value)
    if isinstance(value, list):
        if len({_canonical(each) for each in value}) < len(value):
            yield f"{_shown(value)} has non-unique elements"
        for name in value:
            yield from _text(name)


def _some(value: Json) -> Iterator[str]:
    """At least one schema."""
    yield from _list(value)
    if value == []:
        yield "[] has less than 1 item"
    for each in value if isinstance(value, list) else ():
        yield from _schema(each)


def _pattern(value: Json) -> Iterator[str]:
    yield from _text(value)
    if isinstance(value, str):
        try:
            re.compile(_OF_RUST_ALONE.sub(lambda found: "(?P<" if found[0].startswith("(") else ".", value))
        except (re.error, RecursionError, OverflowError):
            yield f'{_shown(value)} is not a "regex"'


def _by_name_of(check: Check) -> Check:
    def each_of(value: Json) -> Iterator[str]:
        yield from _map(value)
        for name in sorted(value) if isinstance(value, dict) else ():
            yield from check(value[name])

    return each_of


_VOCABULARIES: Final[tuple[Mapping[str, Check], ...]] = (
    {  # core
        **dict.fromkeys(("$schema", "$ref", "$dynamicRef", "$comment"), _text),
        **dict.fromkeys(("$anchor", "$dynamicAnchor"), _anchor),
        "$id": _identifier,
        "$vocabulary": _by_name_of(_flag),
        "$defs": _by_name_of(_schema),
    },
    {  # what applies other schemas
        **dict.fromkeys(("prefixItems", "allOf", "anyOf", "oneOf"), _some),
        **dict.fromkeys(
            ("items", "contains", "additionalProperties", "propertyNames", "if", "then", "else", "not"), _schema
        ),
        **dict.fromkeys(("properties", "patternProperties", "dependentSchemas"), _by_name_of(_schema)),
    },
    dict.fromkeys(("unevaluatedItems", "unevaluatedProperties"), _schema),
    {  # validation
        **dict.fromkeys(("maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"), _number),
        **dict.fromkeys(("maxLength", "minLength", "maxItems", "minItems", "maxContains", "minContains"), _count),
        **dict.fromkeys(("maxProperties", "minProperties"), _count),
        "type": _type,
        "enum": _list,
        "multipleOf": _positive,
        "pattern": _pattern,
        "uniqueItems": _flag,
        "required": _names,
        "dependentRequired": _by_name_of(_names),
    },
    {  # what only tells
        **dict.fromkeys(("title", "description"), _text),
        **dict.fromkeys(("deprecated", "readOnly", "writeOnly"), _flag),
        "examples": _list,
    },
    {"format": _text},
    {**dict.fromkeys(("contentEncoding", "contentMediaType"), _text), "contentSchema": _schema},
    {"definitions": _by_name_of(_schema)},  # of older drafts
)
_KEYWORDS: Final[Mapping[str, Check]] = {name: each[name] for each in _VOCABULARIES for name in sorted(each)}
"""In the order in which the server looks at them."""


def _shown(value: Json) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True)


def _canonical(value: Json) -> str:
    """The same text for equal values: 1.0 is 1, and ``true`` is not."""
    return _shown(json.loads(_shown(value), parse_float=_whole))


def _whole(text: str) -> float:
    number = float(text)
    return int(number) if number.is_integer() else number


# ---------------------------------------------------------------- references


def _lost_references(schema: Json, root: Json) -> Iterator[str]:
    """Those that lead nowhere, or out of the schema."""
    if isinstance(schema, dict):
        reference = schema.get("$ref")
        if isinstance(reference, str):
            yield from _lost(reference, root)
        for name, each in schema.items():
            if name not in ("enum", "const", "default", "examples"):
                yield from _lost_references(each, root)
    elif isinstance(schema, list):
        for each in schema:
            yield from _lost_references(each, root)


def _lost(reference: str, root: Json) -> Iterator[str]:
    if re.match("https?:", reference) and _DIALECTS.fullmatch(reference) is None and "$id" not in _shown(root):
        yield (
            f"Resource '{reference}' is not present in a registry and retrieving it failed: the schema contains an"
            f" external reference {reference}. This is not supported, all schemas uploaded to Restate should be"
            " normalized first, bundling the external references."
        )
    elif reference.startswith("#/") and not _leads_somewhere(reference[2:], root):
        yield f"Pointer '{reference[1:]}' does not exist"


def _leads_somewhere(pointer: str, root: Json) -> bool:
    at = root
    for part in pointer.split("/"):
        name = unquote(part).replace("~1", "/").replace("~0", "~")
        if isinstance(at, dict) and name in at:
            at = at[name]
        elif isinstance(at, list) and name.isdecimal() and int(name) < len(at):
            at = at[int(name)]
        else:
            return False
    return True
