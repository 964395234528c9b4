"""The generated source: names, types, defaults, docstrings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from restate_reflect.stubs import StubModel, StubsError, generate_stubs
from tests.stubs.described import INT, handler, lines, manifest
from tests.support import ROOT


@pytest.mark.parametrize(
    "schema, type_",
    [
        (INT, "int"),
        ({"type": "string", "format": "date-time"}, "datetime"),
        ({"type": ["string", "null"]}, "str | None"),
        ({"anyOf": [INT, {"type": "null"}]}, "int | None"),
        ({"anyOf": [{"type": "null"}, INT]}, "int | None"),
        ({"type": "array", "items": {"type": "array", "items": INT}}, "list[list[int]]"),
        ({"type": "array", "items": INT, "uniqueItems": True}, "set[int]"),
        ({"type": "array", "items": {"type": "array", "items": INT}, "uniqueItems": True}, "list[list[int]]"),
        ({"type": "array", "prefixItems": [INT, {"type": "string"}], "minItems": 2, "maxItems": 2}, "tuple[int, str]"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "dict[str, float]"),
        ({"type": "object"}, "dict[str, Any]"),
        ({"enum": ["a", 1, None, True, -2]}, "Literal['a', 1, None, True, -2]"),
        ({"const": 1.5}, "Any"),
        ({"anyOf": [INT, {}]}, "Any"),
        ({"type": "integer", "minimum": -3, "exclusiveMaximum": 9}, "Annotated[int, Field(ge=-3, lt=9)]"),
        ({"type": "string", "minLength": -1, "maxLength": 2, "pattern": "("}, "Annotated[str, Field(max_length=2)]"),
        ({"$ref": "#/$defs/Sku", "$defs": {"Sku": {"type": "string"}}}, "str"),
        ({"allOf": [{"$ref": "#/$defs/Sku"}], "$defs": {"Sku": {"type": "string"}}}, "str"),
        ({"$ref": "#/$defs/J", "$defs": {"J": {"type": "array", "items": {"$ref": "#/$defs/J"}}}}, "list[Any]"),
    ],
)
def test_schemas_become_types(schema: Any, type_: str) -> None:
    assert f"    async def go(self, ctx: Context, body: {type_}) -> None: ..." in lines(manifest(handler("go", schema)))


@pytest.mark.parametrize(
    "value, schema, shown",
    [
        (1, INT, "a: int = 1"),
        (1, {"type": "number"}, "a: float = 1"),
        (True, INT, "a: int = ..."),
        (True, {"type": "boolean"}, "a: bool = True"),
        (None, {"type": ["string", "null"]}, "a: str | None = None"),
        ("a", {"enum": ["a"]}, "a: Literal['a'] = ..."),
        ([], {"type": "array", "items": INT}, "a: list[int] = ..."),
        (1.5, INT, "a: int = ..."),
        (float("nan"), {"type": "number"}, "a: float = ..."),
    ],
)
def test_only_defaults_that_fit_are_spelled(value: Any, schema: dict[str, Any], shown: str) -> None:
    """``...`` leaves the argument out, so that the service applies its own."""
    properties = {"a": {**schema, "default": value}, "b": {**INT, "default": 0}}
    arguments = {"title": "go_arguments", "type": "object", "properties": properties}
    assert f"ctx: Context, {shown}, b: int = 0)" in "\n".join(lines(manifest(handler("go", arguments))))


def test_names_that_python_can_not_spell_are_marked() -> None:
    """Keywords, private names, dots; and names that become the same one."""
    source = lines(manifest(handler("from"), handler("a-b"), handler("a_b"), handler("_x"), name="acme.shop"))
    assert "@service(name='acme.shop')" in source
    assert "class AcmeShop(Protocol):" in source
    text = "\n".join(source)
    assert "    @handler(name='from')\n    async def from_(self, ctx: Context) -> None: ..." in text
    assert "    @handler(name='a-b')\n    async def a_b(self" in text
    assert "    @handler(name='a_b')\n    async def a_b2(self" in text
    assert "    @handler(name='_x')\n    async def x(self" in text


def test_a_service_named_like_an_import_gets_another_class_name() -> None:
    assert "class Protocol2(Protocol):" in lines(manifest(handler("go"), name="Protocol"))


def test_kinds_choose_the_context() -> None:
    shared = handler("look", ty="SHARED")
    exclusive = handler("change", ty="EXCLUSIVE")
    source = "\n".join(lines(manifest(shared, exclusive, name="Cart", ty="VIRTUAL_OBJECT")))
    assert "async def look(self, ctx: ObjectSharedContext)" in source
    assert "async def change(self, ctx: ObjectContext)" in source


def test_content_types_other_than_json_are_bytes() -> None:
    """Annotated with their content type, which the server checks."""
    proto = {"name": "p", "input": {"contentType": "application/proto", "required": True}, "output": {}}
    raw = {"name": "r", "input": {}, "output": {"contentType": "application/octet-stream"}}
    unknown = {"name": "u", "input": {"contentType": "application/json", "required": False}, "output": {}}
    source = "\n".join(lines(manifest(proto, raw, unknown)))
    assert "async def p(self, ctx: Context, body: Annotated[bytes, ContentType('application/proto')]) -> None" in source
    assert "async def r(self, ctx: Context) -> bytes" in source
    assert "async def u(self, ctx: Context, body: Any = ...) -> None" in source


def test_arguments_by_name_become_parameters() -> None:
    """Required ones after optional ones by name only."""
    schema = {
        "title": "buy_arguments",
        "type": "object",
        "properties": {"a": {**INT, "title": "A"}, "b": {**INT, "default": 2}, "c": {"type": "string"}},
        "required": ["a", "c"],
    }
    source = "\n".join(lines(manifest(handler("buy", schema))))
    assert "async def buy(self, ctx: Context, a: int, b: int = 2, *, c: str) -> None" in source


def test_parameters_may_refer_to_definitions_and_to_each_other() -> None:
    """All references start at the schema of all of them."""
    properties = {"a": {"$ref": "#/$defs/A"}, "b": {"$ref": "#/properties/c"}, "c": {"type": "array", "items": INT}}
    definitions = {"A": {"type": "object", "properties": {"n": INT}}}
    schema = {"title": "go_arguments", "type": "object", "properties": properties, "$defs": definitions}
    shown = "a: A = ..., b: list[int] = ..., c: list[int] = ..."
    assert f"    async def go(self, ctx: Context, {shown}) -> None: ..." in lines(manifest(handler("go", schema)))


def test_docstrings_are_quoted() -> None:
    text = 'Says """hi""" \\ and "bye"'
    source = generate_stubs(manifest(handler("go"), documentation=text))
    namespace: dict[str, Any] = {"__name__": "quoted"}
    exec(compile(source, "stubs", "exec"), namespace)
    assert namespace["Shop"].__doc__.strip() == text


@pytest.mark.parametrize("described", [{}, {"services": 1}, [1], {"services": [{"name": "x"}]}, 5])
def test_other_data_is_refused(described: Any) -> None:
    with pytest.raises(StubsError, match="neither a manifest nor"):
        generate_stubs(described)


def test_absent_and_null_are_told_apart() -> None:
    """What nobody gave is not sent; a ``None`` that somebody gave is."""

    class Order(StubModel):
        sku: str | None = None
        kind: str = "plain"

    assert Order().model_dump_json() == '{"kind":"plain"}'
    assert Order(sku=None).model_dump_json() == '{"sku":null,"kind":"plain"}'
    assert Order.model_json_schema(mode="serialization")["properties"].keys() == {"sku", "kind"}


USAGE = """
from typing import assert_type
from restate_reflect import Context
from restate_reflect.ingress import Client, SentInvocation
from shop_stubs import Cart, Order, Shop

class Caller:
    async def run(self, ctx: Context) -> None:
        assert_type(await ctx.call(Shop.buy, Order(n=1)), int)
        assert_type(await ctx.call(Cart.add, 1, key="a"), list[Order])

async def main(client: Client) -> None:
    assert_type(await client.call(Shop.buy, Order(n=1)), int)
    assert_type(await client.send(Cart.add, 1, key="a"), SentInvocation[list[Order]])
    assert_type(await client.target(Shop.cut).call(1, color=client), str)  # refused
    await client.call(Cart.add, 1)  # refused
"""


def checked_services() -> dict[str, Any]:
    """Nested models with a default, arguments with a default that is no literal of Python's types."""
    at = {"title": "At", "type": "object", "properties": {"x": INT}}
    fields = {"n": INT, "at": {"default": {"x": 1}, "$ref": "#/$defs/At"}}
    order = {"title": "Order", "type": "object", "properties": fields, "required": ["n"]}
    orders = {"type": "array", "items": {"$ref": "#/$defs/Order"}, "$defs": {"At": at, "Order": order}}
    parameters = {"n": INT, "color": {"enum": ["r"], "default": "r"}}
    cut = {"title": "cut_arguments", "type": "object", "properties": parameters, "required": ["n"]}
    buy = handler("buy", {**order, "$defs": {"At": at}}, INT)
    shop = manifest(buy, handler("cut", cut, {"type": "string"}))
    cart = manifest(handler("add", INT, orders, ty="EXCLUSIVE"), name="Cart", ty="VIRTUAL_OBJECT")
    return {"services": shop["services"] + cart["services"]}


@pytest.mark.slow
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_checkers_understand_stubs(checker: str, tmp_path: Path) -> None:
    """They pass the strict mode, and calls through them are inferred and refused."""
    pytest.importorskip(checker)
    (tmp_path / "shop_stubs.py").write_text(generate_stubs(checked_services()))
    (tmp_path / "usage.py").write_text(USAGE)
    (tmp_path / "pyrightconfig.json").write_text(f'{{"typeCheckingMode": "strict", "extraPaths": ["{ROOT}"]}}')
    options = (
        ["-p", str(tmp_path), "--pythonpath", sys.executable] if checker == "pyright" else ["usage.py", "shop_stubs.py"]
    )
    config = ["--config-file", str(ROOT / "pyproject.toml")] if checker == "mypy" else []
    environment = {**os.environ, "MYPYPATH": str(ROOT), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", checker, *options, *config],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    errors = [line for line in done.stdout.splitlines() if " error: " in line or " error " in line]
    refused = {number for number, line in enumerate(USAGE.splitlines(), 1) if "# refused" in line}
    assert {int(line.split(":")[1]) for line in errors if "usage.py" in line} == refused, done.stdout + done.stderr
    assert not [line for line in errors if "shop_stubs" in line], done.stdout
