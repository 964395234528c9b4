"""What an environment shows is plain, whatever its endpoint does to payloads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from restate_reflect.durable.payload_slots import Positions, slot_of
from restate_reflect.embedded import Entry
from restate_reflect.errors import PayloadError, PayloadUnavailableError, TerminalError
from restate_reflect.payloads import Chain, Position
from restate_reflect.testing._state import StateAccess
from restate_reflect.testing._views import PromiseAccess

__all__ = ["PlainPromises", "PlainState", "plain_entries", "plain_outputs"]


def plain_entries(chain: Chain | None, target: Any, entries: Iterable[Entry]) -> list[Entry]:
    """A journal; what can't be decoded stays as it is. ``target`` has ``service``, ``handler`` and ``key``."""
    if chain is None:
        return [*entries]
    positions = Positions(target.service, target.handler)
    positions.key = target.key or ""
    return [_plain(chain, positions, entry) for entry in entries]


def _plain(chain: Chain, positions: Positions, entry: Entry) -> Entry:
    positions.note(entry.type, entry.payload)
    slot = slot_of(entry.type, entry.payload)
    if slot is None:
        return entry
    try:
        plain = chain.at_hand(slot.payload, positions.of(entry.type, slot.message))
    except PayloadError:
        return entry
    return entry if plain == slot.payload else entry._replace(payload=slot.replaced(plain))


def plain_outputs(chain: Chain | None, returns: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """What reads an output, which is encoded where a handler was the caller."""
    if chain is None:
        return returns
    return lambda data: returns(chain.at_hand(data, Position("output")))


class PlainState:
    """State as handlers see it."""

    def __init__(self, access: StateAccess, chain: Chain) -> None:
        self._access, self._chain = access, chain

    def state(self, service: str, key: str, scope: str | None = None) -> dict[str, bytes]:
        found = self._access.state(service, key, scope)
        return {name: self._plain(_state(service, key, name), data) for name, data in found.items()}

    def _plain(self, position: Position, data: bytes) -> bytes:
        """What is kept elsewhere, and not at hand, stays as it is: it is one of many."""
        try:
            return self._chain.at_hand(data, position)
        except PayloadUnavailableError:
            return data

    def set_state(self, service: str, key: str, values: Mapping[str, bytes | None], scope: str | None = None) -> None:
        encoded = {name: self._encoded(_state(service, key, name), value) for name, value in values.items()}
        self._access.set_state(service, key, encoded, scope)

    def _encoded(self, position: Position, value: bytes | None) -> bytes | None:
        """All of it is stored: nothing is put into the store of a claim check from here."""
        if value is None:
            return None
        encoded = self._chain.encode(value, position)
        return encoded.payload if encoded.kept is None else encoded.kept


def _state(service: str, key: str, name: str) -> Position:
    return Position("state", service, key, name)


class PlainPromises:
    """Promises as handlers see them."""

    def __init__(self, access: PromiseAccess, chain: Chain) -> None:
        self._access, self._chain = access, chain

    def peek_promise(self, service: str, key: str, name: str, scope: str | None = None) -> bytes | TerminalError | None:
        found = self._access.peek_promise(service, key, name, scope)
        return (
            self._chain.at_hand(found, Position("promise", service, name=name)) if isinstance(found, bytes) else found
        )

    def complete_promise(
        self, service: str, key: str, name: str, result: bytes | TerminalError, scope: str | None = None
    ) -> bool:
        return self._access.complete_promise(service, key, name, result, scope)
