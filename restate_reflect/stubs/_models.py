"""JSON Schemas to pydantic models, by ``datamodel-code-generator`` (the extra ``stubs``)."""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Mapping
from typing import Any

from restate_reflect.stubs._shapes import StubsError

__all__ = ["class_name", "models_source"]


def class_name(name: str) -> str:
    """A class name in Python's manner of any name: ``page[order]`` becomes ``PageOrder``."""
    parts = re.findall(r"[A-Za-z0-9]+", name)
    made = "".join(part[0].upper() + part[1:] for part in parts) or "Model"
    return f"Model{made}" if made[0].isdigit() or keyword.iskeyword(made) else made


def models_source(schemas: Mapping[str, Any]) -> str:
    """Imports and classes, one for each schema, under these names.

    Args:
        schemas: By class name; references are ``#/components/schemas/NAME``.

    Raises:
        StubsError: the generator is not installed, or did not make what was asked.
    """
    if not schemas:
        return ""
    source = _generated({"$defs": _with_local_references(schemas)})
    defined = {node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef)}
    defined |= {ast.unparse(node.targets[0]) for node in ast.parse(source).body if isinstance(node, ast.Assign)}
    if missing := sorted(set(schemas) - defined):
        raise StubsError(f"no class was generated for {', '.join(missing)}. Please report it with the JSON Schema.")
    return source


def _generated(document: Mapping[str, Any]) -> str:
    try:
        from datamodel_code_generator import InputFileType, generate
        from datamodel_code_generator.enums import DataModelType
        from datamodel_code_generator.format import DatetimeClassType, Formatter, PythonVersion
    except ImportError as error:
        raise StubsError(
            "models are made by datamodel-code-generator; install it by: pip install 'restate-reflect[stubs]'"
        ) from error
    source = generate(
        document,
        input_file_type=InputFileType.JsonSchema,
        output_model_type=DataModelType.PydanticV2BaseModel,
        target_python_version=PythonVersion.PY_311,
        formatters=[Formatter.BUILTIN],
        base_class="restate_reflect.stubs.StubModel",
        skip_root_model=True,
        custom_class_name_generator=lambda name: name,
        custom_file_header="# models",
        disable_future_imports=True,
        keep_model_order=True,
        strict_nullable=True,
        set_default_enum_member=True,
        use_default_factory_for_optional_nested_models=True,
        use_annotated=True,
        use_schema_description=True,
        use_standard_collections=True,
        use_union_operator=True,
        use_double_quotes=True,
        output_datetime_class=DatetimeClassType.Datetime,
    )
    if not isinstance(source, str):
        raise StubsError("the generated models are spread over several modules; please report it.")
    return source.removeprefix("# models").strip()


def _with_local_references(node: Any) -> Any:
    if isinstance(node, list):
        return [_with_local_references(part) for part in node]
    if isinstance(node, Mapping):
        return {key: _with_local_references(value) for key, value in node.items()}
    return node.replace("#/components/schemas/", "#/$defs/") if isinstance(node, str) else node
