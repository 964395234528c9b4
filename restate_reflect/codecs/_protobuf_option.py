"""What users write to have messages carried as protobuf-JSON: beside a type, or as a codec of a service."""

from __future__ import annotations

from typing import Annotated, Any

from restate_reflect.codecs._base import Codec
from restate_reflect.codecs._choose import codec_for
from restate_reflect.codecs._names import bare
from restate_reflect.codecs._protobuf import JsonMark, is_message

__all__ = ["ProtobufJson"]

_NOT_GIVEN: Any = object()


class ProtobufJson(JsonMark):
    """Carries messages as protobuf-JSON.

    One of them by ``Annotated[Order, ProtobufJson]``; all inputs and outputs of a service (or handler) by
    ``@service(input_codec=ProtobufJson, output_codec=ProtobufJson)``, where other types keep their codecs.
    """

    def __new__(cls, annotation: Any = _NOT_GIVEN, /) -> Any:
        """With a type: its codec, which is what the options ``input_codec`` and ``output_codec`` ask for."""
        return super().__new__(cls) if annotation is _NOT_GIVEN else _codec_for(annotation)


def _codec_for(annotation: Any) -> Codec[Any]:
    return codec_for(Annotated[annotation, ProtobufJson] if is_message(bare(annotation)) else annotation)
