from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class ServiceKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SERVICE: _ClassVar[ServiceKind]
    VIRTUAL_OBJECT: _ClassVar[ServiceKind]
    WORKFLOW: _ClassVar[ServiceKind]

class HandlerKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BY_DEFAULT: _ClassVar[HandlerKind]
    EXCLUSIVE: _ClassVar[HandlerKind]
    SHARED: _ClassVar[HandlerKind]
    RUN: _ClassVar[HandlerKind]

class Encoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BY_PARAMETER: _ClassVar[Encoding]
    BINARY: _ClassVar[Encoding]
    JSON: _ClassVar[Encoding]
SERVICE: ServiceKind
VIRTUAL_OBJECT: ServiceKind
WORKFLOW: ServiceKind
BY_DEFAULT: HandlerKind
EXCLUSIVE: HandlerKind
SHARED: HandlerKind
RUN: HandlerKind
BY_PARAMETER: Encoding
BINARY: Encoding
JSON: Encoding
KIND_FIELD_NUMBER: _ClassVar[int]
kind: _descriptor.FieldDescriptor
ENCODING_FIELD_NUMBER: _ClassVar[int]
encoding: _descriptor.FieldDescriptor
HANDLER_FIELD_NUMBER: _ClassVar[int]
handler: _descriptor.FieldDescriptor
