"""What a request to the admin API says in its body and its path, and how it is refused."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from aiohttp import web

from restate_reflect.embedded import ids
from restate_reflect.embedded.http.replies import AdminError, Untyped

__all__ = [
    "LATEST_VERSION",
    "OLDEST_VERSION",
    "READING",
    "api_version",
    "empty",
    "expect",
    "invocation_id",
    "is_text_map",
    "read_json",
    "unfit",
]

OLDEST_VERSION: Final = 2
LATEST_VERSION: Final = 4


READING: Final[dict[str, Any]] = {
    "auto_decompress": False,
    "max_line_size": 65_534,
    "max_field_size": 400_000,
}
"""How aiohttp's ``AppRunner`` reads requests as restate-server does: bodies as they come, for what an encoding promises
may be huge, or a lie; targets and headers up to its limits, in bytes."""


async def expect(request: web.Request) -> None:
    """Whoever waits for it is told to send the body; of other expectations the server takes no notice."""
    if request.headers.get("expect", "").lower() == "100-continue" and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def api_version(request: web.Request) -> int:
    """Of the admin API that a request is made in: the path begins with it, or it is the latest."""
    return int(request.match_info.get("version", f"v{LATEST_VERSION}")[1:])


_JSON: Final = re.compile(r"application/(?:\S+\+)?json")


async def read_json(request: web.Request, one_of: str | None = None) -> dict[str, Any]:
    """The body, which must be a JSON object.

    Args:
        one_of: The server's name for what can have one of several forms, of which it says only that it is none.
    """
    if "content-type" not in request.headers or not _JSON.fullmatch(request.content_type):
        raise web.HTTPUnsupportedMediaType(text="Expected request with `Content-Type: application/json`")
    try:
        body = json.loads((await request.read()).decode())
    except (ValueError, RecursionError) as error:
        raise web.HTTPBadRequest(text=f"Failed to parse the request body as JSON: {error}") from None
    if not isinstance(body, dict):
        if one_of is not None:
            raise unfit(f"data did not match any variant of untagged enum {one_of}")
        raise unfit(f"invalid type: {type(body).__name__}, expected an object")
    return body


def unfit(what: str) -> web.HTTPUnprocessableEntity:
    """Of JSON that is not what is asked for."""
    return web.HTTPUnprocessableEntity(text=f"Failed to deserialize the JSON body into the target type: {what}")


def is_text_map(value: object) -> bool:
    """Names and values of headers, which hold no control characters."""
    return isinstance(value, dict) and all(
        isinstance(text, str) and text.isprintable() for pair in value.items() for text in pair
    )


def invocation_id(request: web.Request) -> str:
    """The id in the path."""
    identifier = request.match_info["invocation_id"]
    try:
        ids.parse_invocation_id(identifier)
    except ids.IdError as error:
        raise AdminError(400, f"The request field 'invocation_id' is invalid. Reason: {error}") from None
    return identifier


def empty(status: int, headers: dict[str, str] | None = None) -> web.Response:
    """An answer without a body."""
    return Untyped(status=status, headers=headers)
