"""State of a key for the page: what is stored, as text that can be edited."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from restate_reflect.ingress import AdminClient
from restate_reflect.page._bodies import show

__all__ = ["StateConflictError", "edit", "keys", "look"]

Json = dict[str, Any]

_MOST: Final = 200
"""Keys of an object in a list."""


class StateConflictError(Exception):
    """Somebody else has changed it meanwhile."""


async def keys(admin: AdminClient, service: str) -> list[str]:
    """Keys of an object or workflow that have state, sorted."""
    quoted = service.replace("'", "''")
    sql = f"SELECT DISTINCT service_key FROM state WHERE service_name = '{quoted}' ORDER BY service_key LIMIT {_MOST}"
    return [str(row["service_key"]) for row in await admin.query(sql)]


async def look(admin: AdminClient, service: str, key: str) -> Json:
    """``values`` by name (form and text each), and ``version``, which tells whether somebody has changed them."""
    state = await admin.state(service, key)
    return {"values": {name: show(value).as_json() for name, value in state.items()}, "version": _version(state)}


async def edit(admin: AdminClient, service: str, key: str, changes: Mapping[str, Json | None], version: str) -> None:
    """Sets values (form and text) and removes those that are ``None``; the others stay.

    Raises:
        StateConflictError: it is not what ``version`` was given for.
        ValueError: a text is not of its form.
    """
    state = await admin.state(service, key)
    if _version(state) != version:
        raise StateConflictError(f"the state of {service}/{key} has changed since the page showed it. Look again.")
    for name, value in changes.items():
        if value is None:
            state.pop(name, None)
        else:
            state[name] = _stored(name, value)
    await admin.replace_state(service, key, state)


def _stored(name: str, value: Json) -> bytes:
    form, text = value["form"], value["text"]
    try:
        if form == "base64":
            return base64.b64decode(text, validate=True)
        if form == "json":
            json.loads(text)
    except binascii.Error as error:
        raise ValueError(f"{name} is no base64: {error}") from None
    except ValueError as error:
        raise ValueError(f"{name} is no JSON: {error}") from None
    return str(text).encode()


def _version(state: Mapping[str, bytes]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(state):
        for part in (name.encode(errors="surrogatepass"), state[name]):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
