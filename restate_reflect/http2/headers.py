"""From header blocks to requests: the rules of RFC 9113 section 8.3, and the cache in front of the decoder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from .decoder import FieldDecoder
from .errors import ErrorCode, StreamFault
from .fields import CHECKED, INVALID, PLAIN, PSEUDO, Field
from .limits import Limits

__all__ = ["HeaderReader", "MalformedRequest", "OversizedHeaders", "Request", "RequestHead"]


class RequestHead:
    """What a request says before its body.

    ``fields`` has lower-case names; a repeated header is joined by ``", "`` (``cookie`` by ``"; "``). Octets
    that are not UTF-8 are surrogate-escaped. ``authority`` is ``:authority``, or else ``host``, or else empty.
    ``path`` includes the query; it and ``scheme`` are empty for CONNECT.
    """

    __slots__ = ("authority", "fields", "method", "path", "scheme")

    def __init__(self, method: str, path: str, scheme: str, authority: str, fields: dict[str, str]) -> None:
        self.method = method
        self.path = path
        self.scheme = scheme
        self.authority = authority
        self.fields = fields
        """Not to be changed, nor given to anybody who might: equal requests share it."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The fields, for others."""
        return MappingProxyType(self.fields)


Request: TypeAlias = "tuple[RequestHead, int]"
"""The head, and the body length it promises (-1: none)."""

_MAX_CACHED_SIZE: Final = 4096
"""Larger requests are decoded each time, so that the cache of a hostile peer stays below 1 MiB."""

_LENGTH: Final = re.compile(r"[0-9]{1,18}")


class MalformedRequest(Exception):
    """The fields do not make a request (RFC 9113 section 8.1.1); the stream is reset with PROTOCOL_ERROR."""


class OversizedHeaders(Exception):
    """The field list exceeds ``Limits.max_header_list_size``; the stream is answered with status 431."""


class HeaderReader:
    """Reads the header blocks of one connection, in order."""

    def __init__(self, limits: Limits) -> None:
        self._decoder = FieldDecoder(limits)
        self._requests: dict[tuple[int, bytes], Request] = {}
        """By the state of the dynamic table, and the block that meant this then."""
        self._max_requests = limits.header_cache_entries

    def request(self, block: bytes) -> Request:
        """The request of a block that opens a stream.

        A block that repeats byte for byte while the dynamic table has not changed means the same; then
        this takes 0.1 µs. Raises ``ConnectionFault``, ``OversizedHeaders`` or ``MalformedRequest``.
        """
        before = self._decoder.changes
        if self._requests:  # seldom, with peers whose blocks change the table each time
            known = self._requests.get((before, block))
            if known is not None:
                return known
        request = _request(self._fields(block))
        if before == self._decoder.changes:
            self._remember(block, request)
        return request

    def discard(self, block: bytes) -> None:
        """Keep the table up to date with a block nobody is interested in."""
        self._decoder.decode(block)

    def trailers(self, block: bytes) -> None:
        """Check a trailer section, which has no pseudo-header fields; nobody reads its content."""
        for name, value, _, kind in self._fields(block):
            if kind == INVALID:
                raise MalformedRequest(value)
            if kind == PSEUDO:
                raise MalformedRequest(f"{name} in a trailer section")

    def _fields(self, block: bytes) -> list[Field]:
        fields = self._decoder.decode(block)
        if fields is None:
            raise OversizedHeaders
        return fields

    def _remember(self, block: bytes, request: Request) -> None:
        size = len(block) + sum(map(len, request[0].fields.values()))
        if size <= _MAX_CACHED_SIZE:
            if len(self._requests) >= self._max_requests:
                self._requests.clear()
            self._requests[self._decoder.changes, block] = request


def _request(fields: list[Field]) -> Request:
    pseudo: dict[str, str] = {}
    headers: dict[str, str] = {}
    length, names = -1, 0
    for name, value, _, kind in fields:
        if kind == PLAIN:
            headers[name] = value
            names += 1
        elif kind == PSEUDO:
            if headers or name in pseudo:
                raise MalformedRequest(f"{name} comes twice or after a header")
            pseudo[name] = value
        elif kind == CHECKED:
            if name == "content-length":
                length = _content_length(value, headers)
            names += name not in headers
            headers[name] = _joined(name, value, headers)
        else:
            raise MalformedRequest(value)
    if len(headers) != names:
        _join_repeated(fields, headers)
    return _head(pseudo, headers), length


def _join_repeated(fields: list[Field], headers: dict[str, str]) -> None:
    """RFC 9110 section 5.3. Looked for once all are there: few requests have a header twice."""
    joined: dict[str, str] = {}
    for name, value, _, kind in fields:
        if kind == PLAIN:
            joined[name] = f"{joined[name]}, {value}" if name in joined else value
    headers.update(joined)


def _content_length(value: str, headers: dict[str, str]) -> int:
    if not _LENGTH.fullmatch(value) or headers.get("content-length", value) != value:
        raise MalformedRequest(f"content-length {value!r} is no length, or another one came before")
    return int(value)


def _joined(name: str, value: str, headers: dict[str, str]) -> str:
    if name not in headers or name == "content-length":
        return value
    if name == "host":
        raise MalformedRequest("host comes twice")
    return f"{headers[name]}; {value}"  # cookie: RFC 9113 section 8.2.3


def _head(pseudo: dict[str, str], headers: dict[str, str]) -> RequestHead:
    method, path, scheme = pseudo.get(":method", ""), pseudo.get(":path", ""), pseudo.get(":scheme", "")
    authority = pseudo.get(":authority", "")
    if method == "CONNECT":
        _check_connect(pseudo)
    else:
        _check_target(method, path, scheme)
    if "host" in headers:
        authority = _agreed_authority(authority, headers["host"])
    return RequestHead(method, path, scheme, authority, headers)


def _check_target(method: str, path: str, scheme: str) -> None:
    if not (method and path and scheme):
        raise MalformedRequest(":method, :scheme or :path is missing")
    if path == "*" and method != "OPTIONS":
        raise MalformedRequest(f":path '*' with {method}")


def _check_connect(pseudo: dict[str, str]) -> None:
    # RFC 9113 section 8.5.
    if ":path" in pseudo or ":scheme" in pseudo or not pseudo.get(":authority"):
        raise MalformedRequest("CONNECT takes :authority and neither :path nor :scheme")


def _agreed_authority(authority: str, host: str) -> str:
    if authority and authority.lower() != host.lower():
        raise MalformedRequest(f"host {host!r} differs from :authority {authority!r}")
    return authority or host


def malformed(stream_id: int, why: object) -> StreamFault:
    """How a malformed request is answered (RFC 9113 section 8.1.1)."""
    return StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, f"malformed request: {why}")
