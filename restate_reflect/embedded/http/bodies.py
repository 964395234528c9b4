"""What a request to the admin API says in its body and its path, and how it is refused."""

from __future__ import annotations

import json
from typing import Any, Final

from aiohttp import web

from restate_reflect.embedded import ids
from restate_reflect.embedded.http.replies import AdminError, Untyped

__all__ = [
    "LATEST_VERSION",
    "OLDEST_VERSION",
    "api_version",
    "empty",
    "invocation_id",
    "is_text_map",
    "read_json",
    "unfit",
]

OLDEST_VERSION: Final = 2
LATEST_VERSION: Final = 4


def api_version(request: web.Request) -> int:
    """Of the admin API that a request is made in: the path begins with it, or it is the latest."""
    return int(request.match_info.get("version", f"v{LATEST_VERSION}")[1:])


async def read_json(request: web.Request) -> dict[str, Any]:
    """The body, which must be a JSON object."""
    if request.content_type != "application/json" or "content-type" not in request.headers:
        raise web.HTTPUnsupportedMediaType(text="Expected request with `Content-Type: application/json`")
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError) as error:
        raise web.HTTPBadRequest(text=f"Failed to parse the request body as JSON: {error}") from None
    if not isinstance(body, dict):
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
