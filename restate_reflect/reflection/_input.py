"""Parameters to an ``InputDefinition``: how a body becomes arguments, and arguments a body.

All decisions are taken here, once; what runs per call is a closure that looks at no type.
"""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from operator import itemgetter
from typing import Any, NotRequired, Required

from pydantic_core import PydanticSerializationError, to_json
from typing_extensions import TypedDict  # pydantic refuses the one of typing before Python 3.12

from restate_reflect.codecs import Codec, JsonCodec, JsonSchema, OwnCodec, SchemaMode, type_name
from restate_reflect.codecs._bytes import BytesCodec
from restate_reflect.codecs._functions import Decode, Encode
from restate_reflect.definitions import Arguments, InputDefinition, InputStyle, Parameter
from restate_reflect.errors import CodecError, DecodeError, UnsupportedTypeError

__all__ = ["FieldsCodec", "UnfitInput", "build_input"]

ChooseCodec = Callable[[Any], Codec[Any]]
EncodeArguments = Callable[[tuple[Any, ...], Mapping[str, Any]], bytes]
DecodeArguments = Callable[[bytes], Arguments]


class UnfitInput(Exception):
    """These parameters can't be an input."""

    def __init__(self, code: str, what: str, fix: str) -> None:
        super().__init__(what)
        self.code, self.fix = code, fix


def build_input(method: str, parameters: tuple[Parameter, ...], choose: ChooseCodec) -> InputDefinition:
    """Raises ``UnfitInput``. ``method`` is for error messages."""
    if not parameters:
        return _empty(method)
    built = _value(method, parameters[0], choose) if len(parameters) == 1 else _fields(method, parameters, choose)
    if any(_is_mutable(parameter) for parameter in parameters):
        return replace(built, decode=_with_fresh_defaults(parameters, built.decode))
    return built


def _is_mutable(parameter: Parameter) -> bool:
    """By pydantic's rule: a default that can't be hashed is copied for each use."""
    try:
        hash(parameter.default)
    except TypeError:
        return True
    return False


def _with_fresh_defaults(parameters: tuple[Parameter, ...], decode: DecodeArguments) -> DecodeArguments:
    """One list as a default would be one list for all invocations of the process, and be remembered between them."""
    positional = [parameter for parameter in parameters if not parameter.keyword_only]
    by_name = [parameter for parameter in parameters if parameter.keyword_only and not parameter.required]

    def fresh(body: bytes) -> Arguments:
        args, kwargs = decode(body)
        given = [*args, *(parameter.default for parameter in positional[len(args) :])]
        filled = [_fresh(value, parameter) for value, parameter in zip(given, positional, strict=True)]
        return tuple(filled), {**{each.name: _fresh(each.default, each) for each in by_name}, **kwargs}

    return fresh


def _fresh(value: Any, parameter: Parameter) -> Any:
    return copy.deepcopy(value) if value is parameter.default and _is_mutable(parameter) else value


def _empty(method: str) -> InputDefinition:
    def decode(body: bytes) -> Arguments:
        if body:
            raise DecodeError(f"{method} takes no input, but a body of {len(body)} bytes was sent; leave it empty.")
        return (), {}

    def encode(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bytes:
        if args or kwargs:
            raise TypeError(f"{method}() takes no arguments after the context")
        return b""

    return InputDefinition(InputStyle.EMPTY, (), None, False, decode, encode)


def _value(method: str, parameter: Parameter, choose: ChooseCodec) -> InputDefinition:
    codec = _codec_of(parameter, choose)
    if not parameter.required:
        _refuse_ambiguous_default(parameter, codec)
    decode = _value_decoder(parameter, codec.decode)
    encode = _value_encoder(method, parameter, codec.encode)
    required = parameter.required and not _reads_nothing(codec)
    return InputDefinition(InputStyle.VALUE, (parameter,), codec, required, decode, encode)


def _reads_nothing(codec: Codec[Any]) -> bool:
    """Whether an empty body is a value to it: ``None``, as other SDKs write it."""
    try:
        return codec.content_type == "application/json" and codec.decode(b"") is None
    except Exception:  # of a codec or a validator of the user's
        return False


def _codec_of(parameter: Parameter, choose: ChooseCodec) -> Codec[Any]:
    try:
        return choose(parameter.annotation)
    except UnsupportedTypeError as error:
        what = f"parameter '{parameter.name}' has the type {type_name(error.annotation)}: {error.why}"
        raise UnfitInput("param-unschemable", what, error.fix) from error


def _refuse_ambiguous_default(parameter: Parameter, codec: Codec[Any]) -> None:
    """An empty body means the default; in a binary format it is a value as well."""
    if codec.content_type == "application/json":
        return
    try:
        same = codec.encode(parameter.default) == b""
    except CodecError:
        same = False
    if not same:
        what = f"parameter '{parameter.name}' has a default, but an empty body is also a {codec.content_type} value."
        raise UnfitInput("ambiguous-default", what, "Remove the default, or make it the empty value.")


def _value_decoder(parameter: Parameter, read: Callable[[bytes], Any]) -> DecodeArguments:
    name, optional = parameter.name, not parameter.required
    if parameter.keyword_only:
        return lambda body: ((), {name: read(body)} if body or not optional else {})
    if optional:
        return lambda body: ((read(body),) if body else (), {})
    return lambda body: ((read(body),), {})


def _value_encoder(method: str, parameter: Parameter, write: Callable[[Any], bytes]) -> EncodeArguments:
    bind = _binder(method, (parameter,))
    name, positional = parameter.name, not parameter.keyword_only

    def encode(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bytes:
        if positional and len(args) == 1 and not kwargs:
            return write(args[0])
        given = bind(args, kwargs)
        return write(given[name]) if given else b""

    return encode


def _fields(method: str, parameters: tuple[Parameter, ...], choose: ChooseCodec) -> InputDefinition:
    codec = _codec_of_fields(method, parameters, choose)
    read = codec.decode if isinstance(codec, FieldsCodec) else _checked(codec, parameters)
    required = any(parameter.required for parameter in parameters)
    decode = _fields_decoder(parameters, read)
    if not required:
        decode = _with_empty_body(decode)
    encode = _fields_encoder(method, parameters, codec.encode)
    return InputDefinition(InputStyle.FIELDS, parameters, codec, required, decode, encode)


def _codec_of_fields(method: str, parameters: tuple[Parameter, ...], choose: ChooseCodec) -> Codec[Any]:
    codecs = [_codec_of(parameter, choose) for parameter in parameters]
    try:
        codec = choose(_typed_dict(method, parameters))
    except UnsupportedTypeError as error:
        _refuse_own_codecs(parameters, codecs)
        raise UnfitInput("param-unschemable", f"the parameters make no JSON object: {error.why}", error.fix) from error
    if not isinstance(codec, JsonCodec):
        return codec  # chosen by an option: it carries all arguments in its own way
    _refuse_own_codecs(parameters, codecs)
    return FieldsCodec(codec, parameters)


def _typed_dict(method: str, parameters: tuple[Parameter, ...]) -> Any:
    shape = {
        parameter.name: (Required if parameter.required else NotRequired)[parameter.annotation]
        for parameter in parameters
    }
    return TypedDict(f"{method}_arguments", shape)  # type: ignore[operator]  # the functional form, with fields known only now


def _refuse_own_codecs(parameters: tuple[Parameter, ...], codecs: list[Codec[Any]]) -> None:
    for parameter, codec in zip(parameters, codecs, strict=True):
        # bytes among other parameters are base64 strings of the JSON object.
        if not isinstance(codec, (JsonCodec, BytesCodec)):
            what = f"parameter '{parameter.name}' is carried by {_name_of(codec)}, but several make one JSON object."
            fix = "Make it the only parameter, or use types that pydantic carries."
            raise UnfitInput("param-own-codec", what, fix)


def _name_of(codec: Codec[Any]) -> str:
    return type(codec.codec if isinstance(codec, OwnCodec) else codec).__name__


class FieldsCodec:
    """One JSON object of arguments by name; its input schema shows the defaults."""

    content_type = "application/json"

    def __init__(self, inner: JsonCodec[Any], parameters: tuple[Parameter, ...]) -> None:
        self._inner = inner
        self._parameters = parameters
        self.makes_defaults = inner.makes_defaults
        self.encode: Encode[Any] = inner.encode
        self.decode: Decode[Any] = inner.decode

    def json_schema(self, mode: SchemaMode) -> JsonSchema:
        schema = self._inner.json_schema(mode)
        if mode == "validation":
            for parameter in self._parameters:
                _show_default(schema["properties"], parameter)
        return schema


def _show_default(properties: dict[str, Any], parameter: Parameter) -> None:
    if parameter.required or parameter.name not in properties:  # a field with an alias goes by that
        return
    try:
        default = json.loads(to_json(parameter.default, bytes_mode="base64", inf_nan_mode="strings"))
    except PydanticSerializationError:
        return  # a default without a JSON form works, it just can't be shown
    properties[parameter.name]["default"] = default


def _fields_decoder(parameters: tuple[Parameter, ...], read: Callable[[bytes], Mapping[str, Any]]) -> DecodeArguments:
    positional = [parameter for parameter in parameters if not parameter.keyword_only]
    by_name = [parameter.name for parameter in parameters if parameter.keyword_only]
    if not by_name and len(positional) > 1 and all(parameter.required for parameter in positional):
        pick = itemgetter(*(parameter.name for parameter in positional))
        return lambda body: (pick(read(body)), {})
    defaults = [(parameter.name, parameter.default) for parameter in positional]

    def decode(body: bytes) -> Arguments:
        fields = read(body)
        args = tuple([fields.get(name, default) for name, default in defaults])
        return args, {name: fields[name] for name in by_name if name in fields}

    return decode


def _with_empty_body(decode: DecodeArguments) -> DecodeArguments:
    return lambda body: decode(body) if body else ((), {})


def _checked(codec: Codec[Any], parameters: tuple[Parameter, ...]) -> Callable[[bytes], Mapping[str, Any]]:
    """A codec of the user's own may decode anything; missing arguments must not reach the handler."""
    required = {parameter.name for parameter in parameters if parameter.required}

    def read(body: bytes) -> Mapping[str, Any]:
        fields = codec.decode(body)
        if not isinstance(fields, Mapping):
            raise DecodeError(f"{_name_of(codec)} gave {type(fields).__name__}, not a mapping of arguments.")
        if missing := sorted(required - set(fields)):
            raise DecodeError("\n".join(["not valid arguments:", *(f"  {name}: Field required" for name in missing)]))
        return fields

    return read


def _fields_encoder(method: str, parameters: tuple[Parameter, ...], write: Callable[[Any], bytes]) -> EncodeArguments:
    bind = _binder(method, parameters)
    names = tuple(parameter.name for parameter in parameters if not parameter.keyword_only)
    count = len(names)
    needs_names = any(parameter.keyword_only and parameter.required for parameter in parameters)

    def encode(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bytes:
        if kwargs or len(args) != count or needs_names:
            return write(bind(args, kwargs))
        return write(dict(zip(names, args, strict=True)))

    return encode


def _binder(
    method: str, parameters: tuple[Parameter, ...]
) -> Callable[[tuple[Any, ...], Mapping[str, Any]], dict[str, Any]]:
    """Binds like a Python call; only what was given is in the result."""
    signature = inspect.Signature([_as_python(parameter) for parameter in parameters])

    def bind(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return dict(signature.bind(*args, **kwargs).arguments)
        except TypeError as error:
            raise TypeError(f"{method}(): {error}") from None

    return bind


def _as_python(parameter: Parameter) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY if parameter.keyword_only else inspect.Parameter.POSITIONAL_OR_KEYWORD
    default = inspect.Parameter.empty if parameter.required else parameter.default
    return inspect.Parameter(parameter.name, kind, default=default)
