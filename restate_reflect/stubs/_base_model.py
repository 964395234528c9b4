"""The base of generated models."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, SerializationInfo, SerializerFunctionWrapHandler, model_serializer

__all__ = ["StubModel"]


class StubModel(BaseModel):
    """A model that leaves out what nobody gave.

    A property that JSON Schema calls neither required nor nullable is ``None`` in Python while it is absent, and must
    not be sent as ``null``: most validators of other languages refuse that.
    """

    model_config = ConfigDict(
        # Generated defaults are JSON values, such as "PT5S" for a timedelta.
        validate_default=True,
        # `Item(class_="c")` as well as the wire's `class`.
        validate_by_name=True,
        validate_by_alias=True,
        # A service's names are its own business.
        protected_namespaces=(),
    )

    @model_serializer(mode="wrap")
    def _without_absent(self, serialize: SerializerFunctionWrapHandler, info: SerializationInfo):  # type: ignore[no-untyped-def]
        # Without a return annotation, as that would take the place of the model's JSON Schema.
        data = serialize(self)
        for name, field in type(self).model_fields.items():
            if getattr(self, name) is None and name not in self.model_fields_set:
                data.pop(field.serialization_alias or name if info.by_alias else name, None)
        return data
