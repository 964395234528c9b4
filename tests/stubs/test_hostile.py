"""Descriptions written to run code, read files or never end: whoever can register a service can write one."""

from __future__ import annotations

import ast
import random
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from restate_reflect.stubs import StubsError, generate_stubs
from restate_reflect.stubs import _allowed as allowed
from tests.stubs.described import INT, STRING, handler, loaded, manifest

FIRE = "__import__('canary_of_stubs').fire()"
"""What must not run."""


@pytest.fixture(autouse=True)
def canary(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Fails the test in which something of a description ran."""
    fired: list[str] = []
    module = types.ModuleType("canary_of_stubs")
    vars(module)["fire"] = lambda: fired.append("fired")
    monkeypatch.setitem(sys.modules, "canary_of_stubs", module)
    yield fired
    assert fired == []


def check(described: Any) -> bool:
    """Whether it became a module, which can be imported and runs nothing; else it was refused in words."""
    try:
        source = generate_stubs(described)
    except StubsError:
        return False
    with loaded(source) as module:
        for each in list(vars(module).values()):
            if hasattr(each, "model_rebuild") and each.__module__ == module.__name__:
                each.model_rebuild()
    return True


@pytest.mark.parametrize(
    "reference",
    [
        f"int={FIRE}",
        f"#/components/schemas/int={FIRE}",
        f"#/$defs/x={FIRE}",
        "file:///etc/passwd",
        "/etc/passwd",
        "other.json#/$defs/x",
        "http://127.0.0.1:9/schema.json",
        "https://example.org/x",
        "#x",
        "#/$defs/missing",
        "#/properties/n/9999999999999999999999",
        "../../secret.json",
    ],
)
def test_references_lead_nowhere_but_into_the_schema(reference: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a file nor an address is read for them; a ``$id`` changes nothing."""

    def refused(event: str, arguments: Any) -> None:
        if watching and (event == "open" or event.startswith("socket.")):
            raise AssertionError(f"{event}: {arguments}")

    sys.addaudithook(refused)  # it stays for the process, and does nothing afterwards
    watching = [True]
    schema = {
        "type": "object",
        "properties": {"n": {"$ref": reference}},
        "$defs": {"x": {"$id": reference, "$anchor": "x", **INT}},
        "$id": "file:///etc/",
    }
    try:
        with pytest.raises(
            StubsError, match=r"Shop\.go, input / n: the JSON Schema refers to .* which is no part of it"
        ):
            generate_stubs(manifest(handler("go", schema)))
    finally:
        watching.clear()


@pytest.mark.parametrize(
    "keyword, value",
    [
        ("customBasePath", "subprocess.Popen"),
        ("customTypePath", "subprocess.Popen"),
        ("x-python-type", f"int={FIRE}"),
        ("x-python-import", {"module": "canary_of_stubs", "name": "fire"}),
        ("x-python-validators", [f"lambda: {FIRE}"]),
        ("x-enum-varnames", [FIRE]),
        ("x-enum-field-as-literal", "all"),
        ("x-is-base-class", True),
        ("format", FIRE),
        ("pattern", f"'); {FIRE}; ('"),
        ("title", f"A(int): pass\n{FIRE}\nclass B"),
        ("description", f'"""\n{FIRE}\n"""'),
        ("description", f"'''\n{FIRE}\n\"\"\"\n{FIRE}\\"),
        ("default", FIRE),
        ("default", {FIRE: [FIRE]}),
        ("const", FIRE),
        ("enum", [FIRE, f"x'] | {FIRE}"]),
        ("minimum", FIRE),
        ("maxLength", FIRE),
        ("required", [FIRE, 1]),
        ("type", [FIRE, "string"]),
        ("discriminator", {"propertyName": FIRE, "mapping": {FIRE: FIRE}}),
        ("$dynamicRef", "file:///etc/passwd"),
        ("$recursiveRef", f"int={FIRE}"),
        ("extends", "file:///etc/passwd"),
    ],
)
def test_keywords_do_not_act(keyword: str, value: Any) -> None:
    """On a class, on a property, on a definition, beside a reference."""
    hostile = {**STRING, keyword: value}
    schema = {
        "title": "Order",
        "type": "object",
        "properties": {
            "a": hostile,
            "b": {"$ref": "#/$defs/C", keyword: value},
            "c": {"type": "array", "items": hostile},
        },
        "$defs": {"C": {"type": "object", "properties": {"n": INT}, keyword: value}},
        keyword: value,
    }
    described = manifest(handler("go", schema, schema))
    check(described)
    source = generate_stubs(described)
    assert "canary" not in "".join(line for line in source.splitlines() if line.startswith(("import", "from", "class")))


@pytest.mark.parametrize(
    "text", [FIRE, f"x(int): pass\n{FIRE}\nclass y", f'"""\n{FIRE}', "\\", "'", "\r", "\x00", "\u202e", "\ud800"]
)
def test_names_and_documentation_do_not_act(text: str) -> None:
    """Of services, handlers, properties, definitions; content types."""
    schema = {"type": "object", "properties": {text: {"$ref": f"#/$defs/{text}"}}, "$defs": {text: INT}}
    by_name = {"title": f"{text}_arguments", "type": "object", "properties": {text: INT, "b": INT}}
    proto = {"name": f"{text}2", "input": {"contentType": text}, "documentation": text}
    described = manifest(
        handler(text, by_name, documentation=text), handler("go", schema), proto, name=text, documentation=text
    )
    check(described)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"anyOf": [{"$ref": "#"}, {"$ref": "#/anyOf/0"}]},
    ],
)
def test_circles_end(schema: dict[str, Any]) -> None:
    assert "body: Any" in generate_stubs(manifest(handler("go", schema)))


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


def doubling() -> dict[str, Any]:
    """Two references to the next one, which has two references to the next one."""
    definitions = {
        f"a{n}": {"type": "array", "prefixItems": [{"$ref": f"#/$defs/a{n + 1}"}] * 2, "minItems": 2, "maxItems": 2}
        for n in range(25)
    }
    return {"$ref": "#/$defs/a0", "$defs": {**definitions, "a25": INT}}


@pytest.mark.parametrize(
    "schema",
    [nested(70), nested(5000), pytest.param(doubling(), marks=pytest.mark.slow)],
    ids=["deep", "deeper", "wide"],
)
def test_schemas_without_end_are_refused(schema: dict[str, Any]) -> None:
    """In words, and soon."""
    with pytest.raises(StubsError, match=r"Shop\.go, input.*(nested|inside of each other|too large)"):
        generate_stubs(manifest(handler("go", schema)))


def test_a_long_chain_of_classes_is_no_deep_one() -> None:
    definitions: dict[str, Any] = {
        f"C{n}": {"type": "object", "properties": {"next": {"$ref": f"#/$defs/C{n + 1}"}}} for n in range(500)
    }
    schema = {"$ref": "#/$defs/C0", "$defs": {**definitions, "C500": INT}}
    assert generate_stubs(manifest(handler("go", schema))).count("(StubModel):") == 500


@pytest.mark.parametrize(
    "source",
    [
        f"x = {FIRE}",
        f"class A(StubModel):\n    a: {FIRE}",
        f"class A({FIRE}): ...",
        "import os",
        "from os import system as Any",
        "class A(Protocol, metaclass=Any): ...",
        "@Any\nclass A(Protocol): ...",
        "class A(StubModel):\n    a: Any = open",
        "class A(StubModel):\n    a: Any = Field(default_factory=Any)",
        "class A(StubModel):\n    a: Any = [x for x in ()]",
        "class A(StubModel):\n    a: Any = Any.b",
        "class A(StubModel):\n    a: Any = f'{Any}'",
        "class A(StubModel):\n    def f(self): ...",
        "Any",
        "while True: ...",
    ],
)
def test_the_last_check_refuses_what_stubs_never_hold(source: str) -> None:
    """Even if everything before it had failed."""
    head = "from typing import Any, Protocol\nfrom pydantic import Field\nfrom restate_reflect.stubs import StubModel\n"
    with pytest.raises(StubsError, match="the stubs would hold"):
        allowed.check_source(head + source, ast.parse(head + source))


def test_the_last_check_compares_what_was_meant() -> None:
    with pytest.raises(StubsError, match="something else than was meant"):
        allowed.check_source("'a'", ast.parse("'b'"))
    with pytest.raises(StubsError, match="no Python"):
        allowed.check_source("class", ast.parse(""))


PIECES = [
    FIRE,
    '"""',
    "'''",
    "\\",
    "\n",
    "'",
    '"',
    "{",
    "(",
    "#",
    ":",
    "\x1b]0;x\x07",
    "\u202e",
    "\x00",
    "\ud800",
    "__x",
]
NAMES = ["A", "b", "class", "date", "int", "_x", "__y", "A B", "é", "ﬁ", "self", "model_dump", FIRE]
KEYWORDS = [
    "title", "description", "default", "const", "minimum", "exclusiveMaximum", "minLength", "maxItems", "format",
    "customBasePath", "customTypePath", "$id", "$anchor", "x-python-type", "x-python-import", "required", "type",
    "uniqueItems", "additionalProperties", "enum", "properties", "$defs", "items", "anyOf", "$ref",
]  # fmt: skip


class Hostile:
    """Draws manifests of known keywords, with sensible and with hostile values. Hypothesis takes 300 ms for each."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def manifest(self) -> dict[str, Any]:
        ty, kind = self._random.choice([("SERVICE", None), ("VIRTUAL_OBJECT", "SHARED"), ("WORKFLOW", "WORKFLOW")])
        names = {self._name() for _ in range(self._random.randint(0, 3))}
        handlers = [
            handler(name, self._root(name), self._root(name), documentation=self._text(), ty=kind)
            for name in sorted(names)
        ]
        return manifest(*handlers, name=self._name(), ty=ty, documentation=self._text())

    def _root(self, name: str) -> Any:
        schema = self._schema(3)
        if isinstance(schema, dict) and self._maybe(0.2):
            return {**schema, "title": f"{name}_arguments", "properties": self._table(self._schema, 1)}
        return schema

    def _maybe(self, share: float) -> bool:
        return self._random.random() < share

    def _name(self) -> str:
        return self._random.choice(NAMES) if self._maybe(0.7) else self._text()

    def _text(self) -> str:
        pieces = [*PIECES, "a", "B", " ", chr(self._random.randrange(0xD800))]
        return "".join(self._random.choices(pieces, k=self._random.randint(0, 4)))

    def _value(self, depth: int = 2) -> Any:
        numbers = [0, 1, -1, 2**70, 0.5, float("nan"), float("-inf"), 1e308]
        scalars = [None, True, False, self._text(), *numbers]
        if depth == 0 or self._maybe(0.6):
            return self._random.choice(scalars)
        inside = [self._value(depth - 1) for _ in range(self._random.randint(0, 3))]
        return inside if self._maybe(0.5) else {self._text(): value for value in inside}

    def _table(self, value: Callable[[int], Any], depth: int) -> dict[str, Any]:
        return {self._name(): value(depth) for _ in range(self._random.randint(0, 3))}

    def _schema(self, depth: int) -> Any:
        if self._maybe(0.05):
            return self._value()
        schema: dict[str, Any] = {
            "type": self._random.choice(["object", "array", "string", "integer", "null", ["string", "null"]])
        }
        if depth > 0:
            schema |= {key: value for key, value in self._larger(depth - 1).items() if self._maybe(0.3)}
        if self._maybe(0.1):
            schema["$ref"] = self._random.choice(["#", "#/properties/b", "#/$defs/A", "#/$defs/b", f"int={FIRE}"])
        return schema | {self._random.choice(KEYWORDS): self._value() for _ in range(self._random.choice([0, 0, 1, 2]))}

    def _larger(self, depth: int) -> dict[str, Any]:
        several = [self._schema(depth) for _ in range(self._random.randint(0, 2))]
        return {
            "properties": self._table(self._schema, depth),
            "items": self._schema(depth),
            "prefixItems": several,
            "anyOf": several,
            "allOf": several,
            "$defs": {name: self._schema(depth) for name in ("A", "b")},
            "enum": [self._value() for _ in range(self._random.randint(0, 3))],
            "title": self._text(),
            "default": self._value(),
            "format": self._random.choice(["date", "date-time", FIRE]),
        }


def described_at_random(seeds: range) -> Iterator[bool]:
    """Whether stubs could be made, for each seed."""
    for seed in seeds:
        try:
            yield check(Hostile(seed).manifest())
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error


def test_no_description_runs_code() -> None:
    """Drawn at random; a good part of them becomes a module."""
    assert 50 < sum(described_at_random(range(200))) < 200


@pytest.mark.slow
def test_no_description_runs_code_at_length() -> None:
    assert sum(described_at_random(range(1000, 5000))) > 1000
