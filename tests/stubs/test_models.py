"""Object schemas as classes: which, how they are called, what they take."""

from __future__ import annotations

import re
from typing import Any

import pytest

from restate_reflect.stubs import StubsError, generate_stubs
from tests.stubs.described import INT, STRING, handler, loaded, manifest


def obj(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


def classes(*handlers: dict[str, Any], **more: Any) -> list[str]:
    """Names of the models and enums, in order."""
    return re.findall(r"^class (\w+)\((?:StubModel|Enum)\):", generate_stubs(manifest(*handlers, **more)), re.MULTILINE)


def zod() -> dict[str, Any]:
    """What zod makes of nested objects: no titles, no definitions."""
    line = {**obj("sku", sku=STRING, qty=INT), "additionalProperties": False}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **obj("lines", lines={"type": "array", "items": line}, address=obj(street=STRING), first=line),
        "additionalProperties": False,
    }


def test_schemas_without_a_title_are_named_after_handler_and_position() -> None:
    """Nested ones, too; one that stands in two places is one class."""
    assert classes(handler("buy", zod(), obj(ok={"type": "boolean"}))) == [
        "BuyInput",
        "BuyInputAddress",
        "BuyInputFirst",
        "BuyOutput",
    ]


def test_models_of_nested_objects_take_and_give_json() -> None:
    source = generate_stubs(manifest(handler("buy", zod())))
    assert "async def buy(self, ctx: Context, body: BuyInput)" in source
    with loaded(source) as module:
        order = module.BuyInput(lines=[module.BuyInputFirst(sku="a")], address=module.BuyInputAddress())
        assert order.model_dump_json() == '{"lines":[{"sku":"a"}],"address":{}}'
        with pytest.raises(ValueError, match="extra_forbidden"):
            module.BuyInput(lines=[], adress=1)


def test_the_service_tells_classes_of_handlers_with_one_name_apart() -> None:
    services = [manifest(handler("buy", obj(n=kind)), name=name)["services"][0] for name, kind in SHOPS]
    source = generate_stubs({"services": services})
    assert "class AShopBuyInput(StubModel)" in source
    assert "class BShopBuyInput(StubModel)" in source


SHOPS = [("AShop", INT), ("BShop", STRING)]


@pytest.mark.parametrize(
    "title, name",
    [
        ("order line", "OrderLine"),
        ("order_line", "OrderLine"),
        ("Page[Order]", "PageOrder"),
        ("1st", "Model1st"),
        ("None", "ModelNone"),
        ("注文", "Model"),
        ("StubModel", "StubModelInput"),
        ("x" * 200, "GoInput"),
    ],
)
def test_class_names_are_class_names(title: str, name: str) -> None:
    """Whatever a schema calls itself; a sentence is no name."""
    assert classes(handler("go", {**obj(n=INT), "title": title})) == [name]


def test_definitions_are_classes_by_their_names() -> None:
    """``$defs`` and ``definitions``; names that generators make up are not used."""
    schema = {
        **obj(a={"$ref": "#/$defs/order_line"}, b={"$ref": "#/definitions/Color"}, c={"$ref": "#/$defs/__schema0"}),
        "$defs": {"order_line": obj(n=INT), "__schema0": obj(m=INT)},
        "definitions": {"Color": {"enum": ["red", "dark blue", "", "name"]}},
    }
    source = generate_stubs(manifest(handler("go", schema)))
    assert classes(handler("go", schema)) == ["Color", "GoInput", "GoInputC", "OrderLine"]
    assert (
        "class Color(Enum):\n    red = 'red'\n    dark_blue = 'dark blue'\n    empty = ''\n    name_ = 'name'\n"
        in source
    )


def test_one_schema_used_by_many_handlers_is_one_class() -> None:
    """Defined in one, the whole of another; with what it refers to."""
    at = {"title": "At", **obj(x=INT)}
    order = {"title": "Order", **obj(at={"$ref": "#/$defs/At"})}
    whole = {**order, "$defs": {"At": at}}
    listed = {"type": "array", "items": {"$ref": "#/$defs/Order"}, "$defs": {"At": at, "Order": order, "Other": INT}}
    assert classes(handler("a", whole), handler("b", listed, whole), handler("c", None, at)) == ["At", "Order"]


def test_different_schemas_of_one_name_are_told_apart_all_alike() -> None:
    first, second = {**obj(n=INT), "title": "Order"}, {**obj(n=STRING), "title": "Order"}
    assert classes(handler("a", first, second)) == ["OrderInput", "OrderOutput"]
    assert classes(handler("a", first), handler("b", second)) == ["ShopAOrderInput", "ShopBOrderInput"]


def test_references_into_the_schema_are_followed() -> None:
    """Of older zod, and to the schema itself."""
    tree = obj(
        left={"$ref": "#"}, right={"$ref": "#/properties/left"}, leaf=obj(n=INT), other={"$ref": "#/properties/leaf"}
    )
    source = generate_stubs(manifest(handler("go", tree)))
    assert re.findall(r"    (\w+: .*)", source.partition("class GoInput(")[2].partition("class")[0]) == [
        "left: GoInput | None = None",
        "right: GoInput | None = None",
        "leaf: GoInputLeaf | None = None",
        "other: GoInputLeaf | None = None",
    ]


def test_an_intersection_of_objects_is_one_class() -> None:
    both = {"allOf": [obj("a", a=INT), {"$ref": "#/$defs/B"}], "$defs": {"B": obj("b", b=INT)}}
    source = generate_stubs(manifest(handler("go", both)))
    assert "class GoInput(StubModel):\n    a: int\n    b: int\n" in source
    assert "body: Any" in generate_stubs(manifest(handler("go", {"allOf": [obj(a=INT), STRING]})))


@pytest.mark.parametrize(
    "wire, name",
    [("class", "class_"), ("from-date", "from_date"), ("_id", "id"), ("$ref", "ref"), ("1st", "field_1st"),
     ("model_config", "model_config_"), ("copy", "copy_"), ("ﬁeld", "field"), ("", "field_"), ("größe", "größe")],
)  # fmt: skip
def test_models_take_their_own_names_and_those_of_the_wire(wire: str, name: str) -> None:
    with loaded(generate_stubs(manifest(handler("go", obj(wire, **{wire: STRING}))))) as module:
        by_name = module.GoInput(**{name: "c"})
        assert by_name == module.GoInput(**{wire: "c"}) == module.GoInput.model_validate({wire: "c"})
        assert by_name.model_dump(by_alias=True) == {wire: "c"}


def test_what_is_absent_stays_absent_beside_a_field_with_its_name() -> None:
    """``a-b`` would be ``a_b`` here, which is another one."""
    with loaded(generate_stubs(manifest(handler("go", obj(**{"a-b": INT, "a_b": INT}))))) as module:
        assert module.GoInput(a_b2=2).model_dump(by_alias=True) == {"a-b": 2}
        assert module.GoInput(a_b=1).model_dump(by_alias=True) == {"a_b": 1}


def test_fields_may_be_called_like_types() -> None:
    """``date: date | None = None`` would be evaluated as ``None | None``."""
    properties = {"date": {"type": "string", "format": "date"}, "int": INT, "list": {"type": "array", "items": INT}}
    source = generate_stubs(manifest(handler("str", obj(**properties), STRING)))
    assert "date: _date | None = None" in source
    with loaded(source) as module:
        made = module.StrInput(date="2020-01-02", int=1, list=[2])
        assert made.model_dump(mode="json") == {"date": "2020-01-02", "int": 1, "list": [2]}


def test_defaults_are_applied_as_the_service_would() -> None:
    """JSON, validated; those that Python can't write are left to the service."""
    properties = {
        "wait": {"type": "string", "format": "duration", "default": "PT5S"},
        "at": {"$ref": "#/$defs/At", "default": {"x": -1}},
        "color": {"$ref": "#/$defs/Color", "default": "r"},
        "big": {"type": "number", "default": float("inf")},
        "deep": {"default": [[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]},
    }
    schema = {**obj(**properties), "$defs": {"At": obj(x=INT), "Color": {"enum": ["r"]}}}
    with loaded(generate_stubs(manifest(handler("go", schema)))) as module:
        made = module.GoInput()
        assert (made.wait.total_seconds(), made.at, made.color) == (5, module.At(x=-1), module.Color.r)
        assert made.model_dump(mode="json").keys() == {"wait", "at", "color"}


def test_unknown_services_are_an_error() -> None:
    """Rather than a module without them."""
    with pytest.raises(StubsError, match=r"there is no service Shp and no Cart\. There are Shop\."):
        generate_stubs(manifest(handler("go")), only=["Shp", "Shop", "Cart"])


@pytest.mark.parametrize(
    "described, error",
    [
        ({"services": [*manifest()["services"], *manifest()["services"]]}, "two services have one name"),
        (manifest(handler("a"), handler("a")), "two handlers of one name"),
        (manifest(handler("a", ty="SHARED")), "Shop.a: a SERVICE has no handlers of this kind"),
        ({"services": [{"name": 5, "ty": "SERVICE", "handlers": []}]}, "5 is no name"),
    ],
)
def test_what_is_no_service_is_refused(described: Any, error: str) -> None:
    with pytest.raises(StubsError, match=re.escape(error)):
        generate_stubs(described)
