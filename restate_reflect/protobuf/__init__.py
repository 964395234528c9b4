r"""Protobuf services: options for .proto files, and ``protoc-gen-restate-reflect``, which makes interfaces of them::

    protoc -I. -I"$(protoc-gen-restate-reflect --include)" \
        --python_out=. --pyi_out=. --restate-reflect_out=. shop.proto

writes ``shop_restate.py`` beside ``shop_pb2.py``: a class for each ``service``, to call it by, and to derive an
implementation from. protoc's request goes in, text of modules comes out: ``_read`` makes a ``_model`` of a file,
``_render`` a module of the model. Start reading at ``plugin``.
"""

from __future__ import annotations

from restate_reflect.codecs import ProtobufJson

__all__ = ["ProtobufJson"]
