"""Type to codec: by marker, exact type, subclass, predicate, and JSON for the rest.

Called at start-up for handlers, and by ``ctx.get``, ``ctx.run`` and their like, where the answer is a dict
look-up (0.05 us). There is no silent default: what no codec can carry raises ``UnsupportedTypeError``.
"""

from __future__ import annotations

import sys
from typing import Any, TypeVar, overload

from restate_reflect.codecs._base import Codec
from restate_reflect.codecs._bytes import BytesCodec, ConstrainedBytesCodec
from restate_reflect.codecs._json import JsonCodec
from restate_reflect.codecs._names import UnresolvedAlias, bare, metadata_of, parts
from restate_reflect.codecs._own import held_to_the_law
from restate_reflect.codecs._protobuf import binary_codec_of, is_json_mark, is_message, json_codec_of
from restate_reflect.codecs._refused import refuse
from restate_reflect.errors import UnsupportedTypeError

__all__ = ["codec_for", "is_codec"]

T = TypeVar("T")

_cache: dict[Any, Codec[Any]] = {}
# Annotated metadata is often unhashable (pydantic's Field). The annotation is kept beside its codec, so that its
# id can't be reused; the bound is for callers that build a new annotation on every call.
_cache_by_id: dict[int, tuple[Any, Codec[Any]]] = {}
MAX_UNHASHABLE = 1024


@overload
def codec_for(annotation: type[T]) -> Codec[T]: ...
@overload
def codec_for(annotation: Any) -> Codec[Any]: ...
def codec_for(annotation: Any) -> Codec[Any]:
    """The codec of a type; the same object for equal annotations.

    Raises:
        UnsupportedTypeError: no codec can carry it; says why, and what to use instead.
    """
    try:
        return _cache[annotation]
    except KeyError:
        return _cache.setdefault(annotation, _choose(annotation))
    except TypeError:
        return _codec_for_unhashable(annotation)


def _codec_for_unhashable(annotation: Any) -> Codec[Any]:
    known = _cache_by_id.get(id(annotation))
    if known is not None:
        return known[1]
    codec = _choose(annotation)
    if len(_cache_by_id) >= MAX_UNHASHABLE:
        _cache_by_id.clear()
    _cache_by_id[id(annotation)] = annotation, codec
    return codec


def is_codec(candidate: Any) -> bool:
    """Whether it has the members of ``Codec``; a class is not a codec, an instance of it is."""
    if isinstance(candidate, type):
        return False
    return all(hasattr(candidate, member) for member in ("content_type", "encode", "decode", "json_schema"))


def _choose(annotation: Any) -> Codec[Any]:
    try:
        plain, metadata = bare(annotation), metadata_of(annotation)
    except UnresolvedAlias as error:
        raise UnsupportedTypeError(annotation, f"{error}.", "Define what it names, at module level.") from error
    for mark in metadata:
        if is_codec(mark):
            return held_to_the_law(mark)
    if plain is bytes:
        return ConstrainedBytesCodec(annotation) if metadata else BytesCodec()
    if is_message(plain):
        return json_codec_of(plain) if any(map(is_json_mark, metadata)) else binary_codec_of(plain)
    refuse(annotation, plain, metadata)
    return _msgspec_codec(annotation) if _holds_struct(annotation) else JsonCodec(annotation)


def _holds_struct(annotation: Any) -> bool:
    msgspec = sys.modules.get("msgspec")  # a struct can't exist before msgspec was imported
    if msgspec is None:
        return False
    return any(isinstance(part, type) and issubclass(part, msgspec.Struct) for part in parts(annotation))


def _msgspec_codec(annotation: Any) -> Codec[Any]:
    from restate_reflect.codecs._msgspec import MsgspecCodec

    return MsgspecCodec(annotation)
