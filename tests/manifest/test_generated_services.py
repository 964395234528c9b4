"""For any annotated class: bodies come back as arguments, and the manifest describes them."""

from __future__ import annotations

import inspect
import json
import keyword
from pathlib import Path
from typing import Any

import jsonschema
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from restate_reflect.context import Context, ObjectContext, ObjectSharedContext, WorkflowContext, WorkflowSharedContext
from restate_reflect.manifest import VERSIONS, build_manifest
from restate_reflect.reflection import reflect
from tests.codecs.typed import Typed, typed

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "endpoint_manifest.schema.json").read_text())
SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NAMES = st.from_regex(r"[a-z_][a-zA-Z0-9_]{0,6}", fullmatch=True).filter(
    lambda name: not keyword.iskeyword(name) and name not in ("self", "ctx") and not name.startswith("__")
)


CONTEXTS: list[list[Any]] = [
    [Context],
    [ObjectContext, ObjectSharedContext],
    [WorkflowContext, WorkflowSharedContext],
]


@st.composite
def methods(draw: st.DrawFn, context: type) -> tuple[Any, dict[str, Typed]]:
    """A method with random parameters, some with defaults, some by keyword only."""
    parameters = draw(st.dictionaries(NAMES, typed(1), max_size=4))
    # A default for bytes that are the only parameter would be ambiguous with an empty body.
    defaults = {name: draw(of) for name, (tp, of) in parameters.items() if tp is not bytes and draw(st.booleans())}
    by_name = {name for name in parameters if draw(st.booleans())}
    kinds = inspect.Parameter
    shown = [
        kinds(
            name,
            kinds.KEYWORD_ONLY if name in by_name else kinds.POSITIONAL_OR_KEYWORD,
            default=defaults.get(name, kinds.empty),
        )
        for name in sorted(parameters, key=lambda name: (name in by_name, name in defaults))
    ]

    def method(self: Any, ctx: Any, *args: Any, **kwargs: Any) -> Any: ...

    first = [kinds(name, kinds.POSITIONAL_OR_KEYWORD) for name in ("self", "ctx")]
    method.__signature__ = inspect.Signature(first + shown)  # type: ignore[attr-defined]
    result, _ = draw(typed(1))
    method.__annotations__ = {"ctx": context, "return": result, **{name: tp for name, (tp, _) in parameters.items()}}
    return method, parameters


@st.composite
def services(draw: st.DrawFn) -> tuple[type, dict[str, dict[str, Typed]]]:
    """A class with one handler or two, of any kind."""
    contexts = draw(st.sampled_from(CONTEXTS))
    made = {f"handler{index}": draw(methods(context)) for index, context in enumerate(contexts)}
    cls = type("Made", (), {name: method for name, (method, _) in made.items()})
    return cls, {name: parameters for name, (_, parameters) in made.items()}


@given(services(), st.data())
@SETTINGS
def test_a_body_made_by_a_caller_comes_back_as_the_same_arguments(
    made: tuple[type, dict[str, dict[str, Typed]]], data: st.DataObject
) -> None:
    cls, by_handler = made
    definition = reflect(cls)
    for name, parameters in by_handler.items():
        received = definition.handlers[name].input
        optional = {p.name for p in received.parameters if not p.required}
        given_by_name = {
            key: data.draw(of) for key, (_, of) in parameters.items() if key not in optional or data.draw(st.booleans())
        }
        body = received.encode((), given_by_name)
        args, kwargs = received.decode(body)
        signature = inspect.signature(getattr(cls, name))
        arrived = signature.bind(None, None, *args, **kwargs)
        expected = signature.bind(None, None, **given_by_name)
        for bound in (arrived, expected):
            bound.apply_defaults()
        assert arrived.arguments == expected.arguments
        schema = received.json_schema()
        if schema is not None and body:
            assume(b"Infinity" not in body)
            jsonschema.Draft202012Validator(schema).validate(json.loads(body))


@given(services(), st.sampled_from(VERSIONS))
@SETTINGS
def test_the_manifest_of_any_class_fits_the_schema(made: tuple[type, Any], version: int) -> None:
    document = build_manifest([reflect(made[0])], version=version, protocol_mode="BIDI_STREAM")
    json.dumps(document, allow_nan=False)
    jsonschema.Draft202012Validator({"$ref": f"#/$defs/v{version}", "$defs": SCHEMA["$defs"]}).validate(document)
