"""The manifest of each version, against our schema and against what is left out."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import jsonschema
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import BaseModel, Field

from restate_reflect.codecs import ProtobufJson
from restate_reflect.context import Context, ObjectContext, ObjectSharedContext, WorkflowContext, WorkflowSharedContext
from restate_reflect.definitions import ServiceDefinition
from restate_reflect.manifest import VERSIONS, build_manifest, content_type, patient, unsupported_options
from restate_reflect.options import HandlerOptions, RetryPolicy
from restate_reflect.reflection import handler, reflect, reflect_all, service

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "endpoint_manifest.schema.json").read_text())


class Order(BaseModel):
    sku: str
    qty: int = Field(gt=0)


@service(metadata={"team": "shop"}, inactivity_timeout=timedelta(minutes=1), idempotency_retention=1.5)
class Inventory:
    """Stock."""

    @handler(
        name="take",
        lazy_state=True,
        ingress_private=True,
        metadata={"a": "b"},
        retry_policy=RetryPolicy(
            initial_interval=0.1, factor=2.0, max_interval=timedelta(hours=1), max_attempts=5, on_max_attempts="kill"
        ),
    )
    async def reserve(self, ctx: ObjectContext, order: Order) -> int:
        """Takes from stock."""
        raise NotImplementedError

    async def available(self, ctx: ObjectSharedContext) -> None: ...


class Files:
    async def raw(self, ctx: Context, body: bytes) -> bytes: ...  # type: ignore[empty-body]
    async def proto(self, ctx: Context, at: Timestamp) -> Annotated[Timestamp, ProtobufJson]: ...  # type: ignore[empty-body]
    async def fields(self, ctx: Context, a: int = 1, *, b: Order | None = None) -> list[Order]: ...  # type: ignore[empty-body]
    async def maybe(self, ctx: Context, n: int = 3) -> int | None: ...


@service(workflow_retention=timedelta(days=1), journal_retention=0)
class Signup:
    async def run(self, ctx: WorkflowContext) -> bool: ...  # type: ignore[empty-body]
    async def status(self, ctx: WorkflowSharedContext) -> str: ...  # type: ignore[empty-body]


SERVICES = reflect_all([Inventory, Files, Signup])


def manifest(*services: ServiceDefinition, version: int = 4) -> dict[str, Any]:
    return build_manifest(services, version=version, protocol_mode="BIDI_STREAM")


def validate(document: Any, version: int) -> None:
    schema = {**SCHEMA, "$ref": f"#/$defs/v{version}"}
    del schema["anyOf"]
    jsonschema.Draft202012Validator(schema).validate(document)


def test_our_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_manifest_fits_the_schema_of_its_version(version: int) -> None:
    document = manifest(*SERVICES, version=version)
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    validate(document, version)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_newer_manifest_does_not_fit_an_older_schema(version: int) -> None:
    with pytest.raises(jsonschema.ValidationError):
        validate(manifest(*SERVICES, version=version + 1), version)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda m: m.pop("services"),
        lambda m: m.update(extra=1),
        lambda m: m.update(minProtocolVersion=0),
        lambda m: m["services"][0].update(name="a b"),
        lambda m: m["services"][0].update(ty="OBJECT"),
        lambda m: m["services"][0]["handlers"][0].update(name="a-b"),
        lambda m: m["services"][0]["handlers"][0].update(ty="WORKFLOW"),
        lambda m: m["services"][0]["handlers"][0].update(workflowCompletionRetention=1),
        lambda m: m["services"][0]["handlers"][0].update(inactivityTimeout=-1),
        lambda m: m["services"][0]["handlers"][0]["input"].pop("contentType"),
        lambda m: m["services"][1]["handlers"][0].update(ty="SHARED"),
        lambda m: m["services"][2]["handlers"][0].update(idempotencyRetention=1),
        lambda m: m["services"][2]["handlers"].pop(0),
        lambda m: m["services"][2].update(metadata={"a": 1}),
    ],
)
def test_the_schema_refuses_a_spoiled_manifest(spoil: Any) -> None:
    document = manifest(*SERVICES)
    spoil(document)
    with pytest.raises(jsonschema.ValidationError):
        validate(document, 4)


def test_the_newest_manifest_has_every_option_in_the_words_of_the_wire() -> None:
    take = manifest(*SERVICES)["services"][0]["handlers"][0]
    assert {name: value for name, value in take.items() if name not in ("input", "output")} == {
        "name": "take",
        "ty": "EXCLUSIVE",
        "documentation": "Takes from stock.",
        "metadata": {"a": "b"},
        "enableLazyState": True,
        "ingressPrivate": True,
        "retryPolicyInitialInterval": 100,
        "retryPolicyMaxInterval": 3_600_000,
        "retryPolicyMaxAttempts": 5,
        "retryPolicyExponentiationFactor": 2.0,
        "retryPolicyOnMaxAttempts": "KILL",
    }


def test_service_options_stand_at_the_service() -> None:
    inventory = manifest(*SERVICES)["services"][0]
    assert inventory["documentation"] == "Stock."
    assert inventory["metadata"] == {"team": "shop"}
    assert inventory["inactivityTimeout"] == 60_000
    assert inventory["idempotencyRetention"] == 1_500


def test_the_workflow_retention_of_a_service_stands_at_its_run_handler() -> None:
    signup = manifest(*SERVICES)["services"][2]
    assert "workflowCompletionRetention" not in signup
    assert [handler.get("workflowCompletionRetention") for handler in signup["handlers"]] == [86_400_000, None]


def test_zero_is_a_value_and_not_unset() -> None:
    assert manifest(*SERVICES)["services"][2]["journalRetention"] == 0


def test_the_workflow_retention_of_the_run_handler_wins() -> None:
    definition = reflect(Signup, handlers={"run": HandlerOptions(workflow_retention=0)})
    assert manifest(definition)["services"][0]["handlers"][0]["workflowCompletionRetention"] == 0


def test_payloads_say_what_is_required_and_of_which_type() -> None:
    handlers = {
        handler["name"]: handler for service in manifest(*SERVICES)["services"] for handler in service["handlers"]
    }
    assert handlers["available"]["input"] == {}
    assert handlers["available"]["output"] == {"setContentTypeIfEmpty": False}
    assert handlers["raw"]["input"] == {"required": True, "contentType": "application/octet-stream"}
    assert handlers["raw"]["output"] == {"contentType": "application/octet-stream", "setContentTypeIfEmpty": True}
    assert handlers["proto"]["input"] == {"required": True, "contentType": "application/proto"}
    assert handlers["proto"]["output"]["jsonSchema"] == {"type": "string", "format": "date-time"}
    assert handlers["maybe"]["input"] == {
        "required": False,
        "contentType": "application/json",
        "jsonSchema": {"type": "integer"},
    }
    assert handlers["fields"]["input"]["required"] is False
    assert set(handlers["fields"]["input"]["jsonSchema"]["properties"]) == {"a", "b"}
    assert handlers["take"]["input"]["jsonSchema"]["properties"]["qty"]["exclusiveMinimum"] == 0


def test_what_an_older_version_cannot_carry_is_listed() -> None:
    assert [str(lost) for lost in unsupported_options(SERVICES[:1], 2)] == [
        "Inventory: inactivity_timeout needs manifest version 3",
        "Inventory: idempotency_retention needs manifest version 3",
        "Inventory/take: lazy_state needs manifest version 3",
        "Inventory/take: ingress_private needs manifest version 3",
        "Inventory/take: retry_policy.initial_interval needs manifest version 4",
        "Inventory/take: retry_policy.max_interval needs manifest version 4",
        "Inventory/take: retry_policy.max_attempts needs manifest version 4",
        "Inventory/take: retry_policy.factor needs manifest version 4",
        "Inventory/take: retry_policy.on_max_attempts needs manifest version 4",
    ]
    assert {lost.option for lost in unsupported_options(SERVICES, 1)} >= {"metadata", "workflow_retention"}
    assert unsupported_options(SERVICES, 4) == ()


def test_listed_options_are_those_that_the_manifest_lacks() -> None:
    newest = manifest(*SERVICES)
    for version in VERSIONS:
        lost = _count(newest) - _count(manifest(*SERVICES, version=version))
        docs = _documentation(newest) if version < 2 else 0
        assert lost == len(unsupported_options(SERVICES, version)) + docs


def _count(document: dict[str, Any]) -> int:
    return sum(len(service) + sum(len(handler) for handler in service["handlers"]) for service in document["services"])


def _documentation(document: dict[str, Any]) -> int:
    holders = [holder for service in document["services"] for holder in (service, *service["handlers"])]
    return sum("documentation" in holder for holder in holders)


def test_protocol_mode_and_versions_are_the_callers() -> None:
    document = build_manifest(
        [], version=1, protocol_mode="REQUEST_RESPONSE", min_protocol_version=6, max_protocol_version=6
    )
    assert document == {
        "protocolMode": "REQUEST_RESPONSE",
        "minProtocolVersion": 6,
        "maxProtocolVersion": 6,
        "services": [],
    }


@pytest.mark.parametrize("version", [0, 5])
def test_an_unknown_version_is_refused(version: int) -> None:
    for use in (
        lambda: manifest(version=version),
        lambda: content_type(version),
        lambda: unsupported_options([], version),
    ):
        with pytest.raises(ValueError, match="unknown manifest version"):
            use()


def test_whoever_is_debugged_asks_for_a_day() -> None:
    """A handler's own abort timeout is not asked for either; all else stays."""

    @service(abort_timeout=1)
    class Hasty:
        @handler(abort_timeout=2, inactivity_timeout=3)
        async def run(self, ctx: Context) -> None: ...

    told = build_manifest([patient(reflect(Hasty))], version=4, protocol_mode="BIDI_STREAM")["services"][0]
    assert told["abortTimeout"] == 86_400_000
    assert "abortTimeout" not in told["handlers"][0]
    assert told["handlers"][0]["inactivityTimeout"] == 3000
    services = [patient(reflect(Hasty), debugged=True)]
    told = build_manifest(services, version=4, protocol_mode="BIDI_STREAM")["services"][0]
    assert (told["abortTimeout"], told["inactivityTimeout"]) == (86_400_000, 86_400_000)
    assert "inactivityTimeout" not in told["handlers"][0]
