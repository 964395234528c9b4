from google.protobuf import timestamp_pb2 as _timestamp_pb2
from restate_reflect.protobuf import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Quantity(_message.Message):
    __slots__ = ("pieces",)
    PIECES_FIELD_NUMBER: _ClassVar[int]
    pieces: int
    def __init__(self, pieces: _Optional[int] = ...) -> None: ...

class AvailableRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Order(_message.Message):
    __slots__ = ("lines", "notes")
    class Line(_message.Message):
        __slots__ = ("sku", "pieces")
        SKU_FIELD_NUMBER: _ClassVar[int]
        PIECES_FIELD_NUMBER: _ClassVar[int]
        sku: str
        pieces: int
        def __init__(self, sku: _Optional[str] = ..., pieces: _Optional[int] = ...) -> None: ...
    class NotesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    LINES_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    lines: _containers.RepeatedCompositeFieldContainer[Order.Line]
    notes: _containers.ScalarMap[str, str]
    def __init__(self, lines: _Optional[_Iterable[_Union[Order.Line, _Mapping]]] = ..., notes: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Price(_message.Message):
    __slots__ = ("cents",)
    CENTS_FIELD_NUMBER: _ClassVar[int]
    cents: int
    def __init__(self, cents: _Optional[int] = ...) -> None: ...

class Payment(_message.Message):
    __slots__ = ("card", "voucher")
    CARD_FIELD_NUMBER: _ClassVar[int]
    VOUCHER_FIELD_NUMBER: _ClassVar[int]
    card: str
    voucher: str
    def __init__(self, card: _Optional[str] = ..., voucher: _Optional[str] = ...) -> None: ...

class PayResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Receipt(_message.Message):
    __slots__ = ("price", "payment", "paid_at")
    PRICE_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    PAID_AT_FIELD_NUMBER: _ClassVar[int]
    price: Price
    payment: Payment
    paid_at: _timestamp_pb2.Timestamp
    def __init__(self, price: _Optional[_Union[Price, _Mapping]] = ..., payment: _Optional[_Union[Payment, _Mapping]] = ..., paid_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
