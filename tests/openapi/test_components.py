"""Schemas of many handlers become one set of components."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from restate_reflect.openapi._components import Components, Use


def use(schema: dict[str, Any], service: str = "S", handler: str = "h", side: Any = "Input") -> Use:
    return Use(service, handler, side, schema)


def model(title: str, **properties: Any) -> dict[str, Any]:
    return {"title": title, "type": "object", "properties": properties}


INT: dict[str, Any] = {"type": "integer"}
TEXT: dict[str, Any] = {"type": "string"}


def test_equal_definitions_are_one_component() -> None:
    """As a root, nested, and in several services."""
    nested = {"type": "array", "items": {"$ref": "#/$defs/Order"}, "$defs": {"Order": model("Order", n=INT)}}
    uses = [use(model("Order", n=INT)), use(nested, "T"), use(nested, "U", side="Output")]
    components = Components(uses)
    assert components.schemas == {"Order": model("Order", n=INT)}
    assert components.reference(uses[0]) == {"$ref": "#/components/schemas/Order"}
    assert components.reference(uses[1]) == {"type": "array", "items": {"$ref": "#/components/schemas/Order"}}


def test_two_forms_of_one_class_are_told_apart_by_side() -> None:
    uses = [use(model("Order", n=INT)), use(model("Order", n=TEXT), side="Output")]
    assert list(Components(uses).schemas) == ["Order.Input", "Order.Output"]


def test_two_classes_of_one_name_are_told_apart_by_service() -> None:
    """Both get the long name, so that it does not matter which comes first."""
    uses = [use(model("Order", n=INT), "A"), use(model("Order", n=TEXT), "B")]
    assert list(Components(uses).schemas) == ["A.Order", "B.Order"]
    assert Components(reversed(uses)).schemas == Components(uses).schemas


def test_clashes_within_a_service_are_told_apart_by_handler() -> None:
    uses = [use(model("O", n=INT), handler="a"), use(model("O", n=TEXT), handler="b")]
    assert list(Components(uses).schemas) == ["S.a.O.Input", "S.b.O.Input"]


def test_a_difference_further_down_counts() -> None:
    """Two equal classes that refer to different ones of one name are different."""

    def holder(inner: dict[str, Any]) -> dict[str, Any]:
        return {**model("Outer", inner={"$ref": "#/$defs/Inner"}), "$defs": {"Inner": model("Inner", n=inner)}}

    uses = [use(holder(INT), "A"), use(holder(TEXT), "B")]
    components = Components(uses)
    assert list(components.schemas) == ["A.Inner", "A.Outer", "B.Inner", "B.Outer"]
    assert components.schemas["B.Outer"]["properties"]["inner"] == {"$ref": "#/components/schemas/B.Inner"}


def test_reserved_names_are_left_alone() -> None:
    assert list(Components([use(model("RestateError", n=INT))], ["RestateError"]).schemas) == ["RestateError.Input"]


def test_names_have_the_characters_that_openapi_allows() -> None:
    assert list(Components([use(model("Page[Order]", n=INT))]).schemas) == ["Page_Order_"]


def test_recursion_ends() -> None:
    tree = model("Tree", next={"$ref": "#/$defs/Tree"})
    schema = {"$ref": "#/$defs/Tree", "$defs": {"Tree": tree}}
    components = Components([use(schema)])
    assert components.reference(use(schema)) == {"$ref": "#/components/schemas/Tree"}
    assert components.schemas["Tree"]["properties"]["next"] == {"$ref": "#/components/schemas/Tree"}


def test_a_schema_that_refers_to_itself_as_a_whole_is_a_component() -> None:
    """Hand-written ones do: ``#`` and pointers into it."""
    schema = {"type": "array", "items": {"anyOf": [INT, {"$ref": "#"}, {"$ref": "#/items"}]}}
    components = Components([use(schema)])
    assert components.schemas["S.h.Input"]["items"]["anyOf"][1:] == [
        {"$ref": "#/components/schemas/S.h.Input"},
        {"$ref": "#/components/schemas/S.h.Input/items"},
    ]


def test_discriminators_are_rewritten_and_data_is_not() -> None:
    schema = {
        "discriminator": {"propertyName": "kind", "mapping": {"a": "#/$defs/A"}},
        "oneOf": [{"$ref": "#/$defs/A"}],
        "examples": [{"$ref": "#/$defs/A"}],
        "$defs": {"A": model("A", n=INT)},
    }
    shown = Components([use(schema)]).reference(use(schema))
    assert shown["discriminator"]["mapping"] == {"a": "#/components/schemas/A"}
    assert shown["examples"] == [{"$ref": "#/$defs/A"}]


@given(
    st.lists(
        st.tuples(
            st.sampled_from("AB"), st.sampled_from("hi"), st.sampled_from(["Input", "Output"]), st.integers(0, 3)
        ),
        unique_by=lambda place: place[:3],
    )
)
def test_every_reference_leads_to_what_was_meant(places: list[tuple[str, str, Any, int]]) -> None:
    """For any clashes of a name."""
    uses = [use(model("Order", n={"const": n}), service, handler, side) for service, handler, side, n in places]
    components = Components(uses)
    for (*_, n), each in zip(places, uses, strict=True):
        name = components.reference(each)["$ref"].rpartition("/")[2]
        assert components.schemas[name]["properties"]["n"] == {"const": n}
    assert len(components.schemas) == len({n for *_, n in places})
