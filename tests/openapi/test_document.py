"""The document as a whole."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from restate_reflect.openapi import build_openapi
from restate_reflect.reflection import reflect_all
from tests.openapi.services import Backstage, Basket, Delivery, Shop

SERVICES = reflect_all([Shop, Basket, Delivery, Backstage])


@pytest.fixture
def document() -> dict[str, Any]:
    return build_openapi(SERVICES, server_url="https://ingress.example/", version="2.1")


def test_it_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    validator = pytest.importorskip("openapi_spec_validator")
    validator.OpenAPIV31SpecValidator(document).validate()


def test_it_says_what_it_is_about(document: dict[str, Any]) -> None:
    assert document["info"] == {"title": "Shop, Basket, Delivery", "version": "2.1"}
    assert document["servers"] == [{"url": "https://ingress.example", "description": "Restate ingress"}]
    assert document["tags"][0] == {"name": "Shop", "description": "Sells things.\n\nEvery day."}
    assert document["paths"]["/restate/call/Shop/buy"]["post"]["description"] == "Buys.\n\nAt once."


def test_private_handlers_and_services_are_left_out(document: dict[str, Any]) -> None:
    assert not [path for path in document["paths"] if "internal" in path or "Backstage" in path]


def test_operation_ids_are_unique(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for item in document["paths"].values() for operation in item.values()]
    assert len(ids) == len(set(ids))


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [found for part in node.values() for found in references(part)]
        return [found for part in node for found in references(part)] if isinstance(node, list) else []

    for reference in references(document):
        node: Any = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_examples_fit_their_schemas(document: dict[str, Any]) -> None:
    resolver = {"$ref": "", "components": document["components"]}
    checked = 0
    for path, item in document["paths"].items():
        body = item.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json")
        if body and path.startswith("/restate/call"):
            schema = {**body["schema"], "components": resolver["components"]}
            jsonschema.Draft202012Validator(schema).validate(body["example"])
            checked += 1
    assert checked == 6


def test_a_model_read_and_written_in_two_forms_has_two_components(document: dict[str, Any]) -> None:
    """Computed fields are only in answers. What is the same in both forms is one component."""
    schemas = document["components"]["schemas"]
    assert set(schemas["Order.Output"]["properties"]) - set(schemas["Order.Input"]["properties"]) == {"label"}
    assert "Address" in schemas
    echo = document["paths"]["/restate/call/Shop/echo"]["post"]
    assert echo["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/Order.Input")
    assert echo["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/Order.Output")


def test_inputs_are_described_as_the_server_wants_them(document: dict[str, Any]) -> None:
    """Binary, empty, optional and required bodies."""
    paths = document["paths"]
    assert paths["/restate/call/Shop/photo"]["post"]["requestBody"]["content"] == {
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
    }
    assert "requestBody" not in paths["/restate/call/Shop/ping"]["post"]
    assert "content" not in paths["/restate/call/Shop/ping"]["post"]["responses"]["200"]
    assert paths["/restate/call/Basket/{key}/put"]["post"]["requestBody"]["required"] is True


def test_handler_metadata_is_an_extension(document: dict[str, Any]) -> None:
    assert document["paths"]["/restate/call/Basket/{key}/size"]["post"]["x-restate-extensions"] == {"owner": "web"}


def test_the_document_belongs_to_the_caller() -> None:
    """Changing it does not change the next one."""
    first = build_openapi(SERVICES)
    first["components"]["schemas"].clear()
    first["paths"]["/restate/lookup"].clear()
    assert build_openapi(SERVICES) != first


def test_no_services_make_a_valid_document() -> None:
    validator = pytest.importorskip("openapi_spec_validator")
    validator.OpenAPIV31SpecValidator(build_openapi([])).validate()
