"""Changes of state from outside: they wait in the queue of a key as invocations do, and are made when it is free.

What waits is stored, so that a change that was accepted is made after a restart, too.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from restate_reflect.embedded.kernel.keys import Key
from restate_reflect.embedded.kernel.store import Store

__all__ = ["Mutation", "apply", "load", "save", "state_version"]

_WAITING: Final = "mutations"


@dataclass(frozen=True, slots=True)
class Mutation:
    """All of a key's state is replaced, if it is in the version that somebody has seen."""

    serial: int
    where: Key
    state: Mapping[bytes, bytes]
    version: str | None = None

    @property
    def id(self) -> str:
        """In the queue; no invocation has such a one."""
        return f"mut_{self.serial}"


def apply(store: Store, mutation: Mutation) -> None:
    """Nothing is changed, and nobody told, if the version is another one: so does restate-server."""
    if mutation.version is not None and mutation.version != state_version(store.state(mutation.where)):
        return
    store.clear_all_state(mutation.where)
    for name, value in mutation.state.items():
        store.set_state(mutation.where, name, value)


def state_version(state: Mapping[bytes, bytes]) -> str:
    """Of a key's state, as restate-server and its clients compute it."""
    digest = hashlib.sha256()
    for number, (name, value) in enumerate(sorted(state.items())):
        digest.update(b"".join((number.to_bytes(8, "big"), b"\x01", name, b"\x02", value, b"\x03")))
    return base64.urlsafe_b64encode(digest.digest()).decode().rstrip("=")


def save(store: Store, waiting: Mapping[str, Mutation]) -> None:
    """What waits now."""
    described = [_describe(each) for each in waiting.values()]
    store.put_meta(_WAITING, json.dumps(described).encode())


def _describe(mutation: Mutation) -> list[object]:
    service, key, scope = mutation.where
    state = [[_text(name), _text(value)] for name, value in mutation.state.items()]
    return [mutation.serial, service, key, mutation.version, state, scope]


def load(store: Store) -> dict[str, Mutation]:
    """What waited when it was saved, oldest first."""
    found = (
        Mutation(serial, Key(service, key, *scope), {_bytes(name): _bytes(value) for name, value in state}, version)
        # Earlier versions knew no scopes, and left them out.
        for serial, service, key, version, state, *scope in json.loads(store.get_meta(_WAITING) or b"[]")
    )
    return {each.id: each for each in found}


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
