"""JSON Schemas of manifests are judged as the library of restate-server judges them, word for word."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from restate_reflect.embedded.deployments.refusals import ManifestError
from restate_reflect.embedded.deployments.schemas import check_schemas

KEYWORDS = """
    $id $ref $anchor $dynamicRef $dynamicAnchor $vocabulary $comment $defs prefixItems items contains
    additionalProperties properties patternProperties dependentSchemas propertyNames if then else allOf anyOf oneOf
    not unevaluatedItems unevaluatedProperties type enum const multipleOf maximum exclusiveMaximum minimum
    exclusiveMinimum maxLength minLength pattern maxItems minItems uniqueItems maxContains minContains maxProperties
    minProperties required dependentRequired title description default deprecated readOnly writeOnly examples format
    contentEncoding contentMediaType contentSchema definitions other
""".split()  # noqa: SIM905 - sixty lines otherwise
TEXTS = ("", "a", "string", "object", "#", "#/x", "#/$defs/a", "(", "a|b", "^a$")

leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 3), st.sampled_from((0.5, 1.0, -1.5)), st.sampled_from(TEXTS)
)


def larger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(KEYWORDS), inner, max_size=3),
        st.dictionaries(st.sampled_from(("a", "b")), inner, max_size=2),
    )


schemas = st.dictionaries(st.sampled_from(KEYWORDS), st.recursive(leaves, larger, max_leaves=6), min_size=1, max_size=3)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(schemas)
def test_a_schema_is_judged_as_jsonschema_rs_judges_it(schema: dict[str, Any]) -> None:
    """Of any shape: whether it is one, and if not, what is told first."""
    assert _ours(schema) == _theirs(schema)


REPEATED: tuple[list[Any], ...] = (
    [None, None],
    ["a", "a", 1],
    [1, "a", "a"],
    [1, 1.0],
    [1, True],
    [[True], [1]],
    [{}, {}],
    [None],
    ["a", "b"],
)


@pytest.mark.parametrize("names", REPEATED)
def test_what_is_required_twice_is_told_first(names: list[Any]) -> None:
    for schema in ({"required": names}, {"dependentRequired": {"a": names}}):
        assert _ours(schema) == _theirs(schema)


def _ours(schema: Any) -> str | None:
    try:
        check_schemas({"name": "h", "input": {"jsonSchema": schema}}, "Svc")
    except ManifestError as error:
        return error.told.removeprefix("the json schema for Svc/h input is invalid: ")
    return None


def _theirs(schema: Any) -> str | None:
    try:
        jsonschema_rs.validator_for(schema)
    except jsonschema_rs.ValidationError as error:
        return error.message
    return None


@pytest.mark.parametrize("schema", [{"$ref": "http://localhost:1/x"}, {"$schema": "http://nope/", "type": 5}])
def test_what_is_elsewhere_is_not_looked_up(schema: dict[str, Any]) -> None:
    """Nobody is asked for it."""
    assert _ours(schema) is not None
