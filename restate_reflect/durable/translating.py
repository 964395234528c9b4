"""Between the messages of the server, whose payloads a chain has encoded, and those of the engine, which are plain.

The engine compares commands by what the handler meant, then: neither a fresh nonce, nor another key, nor another
version of a compressor makes a journal of another code. What was written before there was a chain is plain on both
sides.
"""

from __future__ import annotations

from restate_reflect.durable.payload_slots import Positions, Slot, slot_of
from restate_reflect.errors import PayloadError
from restate_reflect.payloads import Chain, Position
from restate_reflect.payloads._chain import Encoded
from restate_reflect.payloads._envelope import MAGIC, NOTHING, is_enveloped, seal
from restate_reflect.protocol import pb
from restate_reflect.protocol.messages import MessageType, parsed

__all__ = ["Arriving", "ArrivingState", "Translation"]


class Arriving:
    """A message of the server whose payload is encoded."""

    __slots__ = ("error", "limit", "message_type", "payload", "position", "slot")

    def __init__(self, message_type: int, slot: Slot, position: Position, limit: int) -> None:
        self.message_type = message_type
        self.slot = slot
        self.payload = slot.payload
        """As it came; what was fetched takes its place."""
        self.position = position
        self.limit = limit
        self.error: PayloadError | None = None
        """Why its payload could not be fetched."""


class ArrivingState:
    """The start message, with values of the state that are kept elsewhere."""

    __slots__ = ("claims", "fetched", "payload")

    def __init__(self, payload: bytes, claims: dict[bytes, bytes]) -> None:
        self.payload = payload
        self.claims = claims
        self.fetched: dict[bytes, bytes] = {}


class Translation:
    """Of one attempt, both ways. Nothing here waits."""

    def __init__(
        self, chain: Chain, services: frozenset[str], service: str, handler: str, max_input_bytes: int
    ) -> None:
        """``services``: those of this endpoint, calls to which are encoded."""
        self.positions = Positions(service, handler)
        self._chain = chain
        self._services = services
        self._max_input_bytes = max_input_bytes
        self._answers = False
        """Whether whoever called reads encoded outputs: its input was encoded."""
        self._state: dict[bytes, tuple[bytes, bytes]] = {}
        """Values of the state, plain and as they are stored: an eager read writes one into the journal again."""

    # ------------------------------------------------------------ from the server

    def arrived(self, message_type: int, payload: bytes) -> bytes | Arriving | ArrivingState:
        """The message for the engine, or one whose payload is to be decoded.

        Raises:
            ProtocolViolationError: It is malformed.
        """
        if message_type == MessageType.START:
            return self._arrived_start(payload)
        self.positions.note(message_type, payload)
        if MAGIC not in payload:
            return payload
        slot = slot_of(message_type, payload)
        if slot is None or not is_enveloped(slot.payload):
            return payload
        is_input = message_type == MessageType.INPUT_COMMAND
        self._answers |= is_input
        limit = self._max_input_bytes if is_input else self._chain.max_bytes
        return Arriving(message_type, slot, self.positions.of(message_type, slot.message), limit)

    def decoded(self, arriving: Arriving) -> bytes:
        """The message for the engine. Raises ``PayloadError``."""
        plain = self._chain.decode(arriving.payload, arriving.position, arriving.limit)
        return arriving.slot.replaced(plain)

    def _arrived_start(self, payload: bytes) -> bytes | ArrivingState:
        start = parsed(pb.StartMessage, payload)
        self.positions.key = start.key
        if MAGIC not in payload:
            return payload
        claims = {entry.key: entry.value for entry in start.state_map if self._chain.is_claim(entry.value)}
        return ArrivingState(payload, claims) if claims else self.start(payload, {})

    def start(self, payload: bytes, fetched: dict[bytes, bytes]) -> bytes:
        """The start message for the engine. State that can't be read is left out, as if it were lazy: it matters once
        the handler asks for it."""
        start = parsed(pb.StartMessage, payload)
        kept = []
        for entry in start.state_map:
            plain = self._readable(entry.key, fetched.get(entry.key, entry.value))
            if plain is not None:
                self._state[entry.key] = plain, entry.value
                kept.append(pb.StartMessage.StateEntry(key=entry.key, value=plain))
        start.partial_state |= len(kept) < len(start.state_map)
        del start.state_map[:]
        start.state_map.extend(kept)
        return start.SerializeToString()

    def _readable(self, name: bytes, value: bytes) -> bytes | None:
        if not is_enveloped(value):
            return value
        try:
            return self._chain.decode(value, self.positions.state(name))
        except PayloadError:
            return None

    # ------------------------------------------------------------ from the engine

    def leaving(self, message_type: int, payload: bytes) -> tuple[bytes, bytes | None, Position | None]:
        """The message for the server, what must be kept before it is written, and whose payload that is.

        Raises:
            PayloadError: A codec has failed.
        """
        self.positions.note(message_type, payload)
        slot = slot_of(message_type, payload)
        if slot is None:
            return payload, None, None
        position = self.positions.of(message_type, slot.message)
        encoded = self._encoded(message_type, slot, position)
        if encoded is None:
            return payload, None, None
        return slot.replaced(encoded.payload), encoded.kept, position

    def _encoded(self, message_type: int, slot: Slot, position: Position) -> Encoded | None:
        if not self._is_encoded(message_type, slot, position):
            looks_encoded = is_enveloped(slot.payload) and position.kind not in ("input", "output")
            return Encoded(seal(NOTHING, slot.payload)) if looks_encoded else None
        if position.kind != "state":
            return self._chain.encode(slot.payload, position, marked=position.kind == "input")
        return self._state_encoded(slot, position)

    def _is_encoded(self, message_type: int, slot: Slot, position: Position) -> bool:
        if position.kind in self._chain.plain:
            return False
        if message_type == MessageType.OUTPUT_COMMAND:
            return self._answers
        return position.kind != "input" or self._is_peer(slot.message.service_name)  # type: ignore[attr-defined]

    def _is_peer(self, service: str) -> bool:
        return service in self._services or service in self._chain.peers

    def _state_encoded(self, slot: Slot, position: Position) -> Encoded:
        """One that is as it was is written as it was: neither encrypted nor kept again."""
        name, plain = slot.message.key, slot.payload  # type: ignore[attr-defined]
        known = self._state.get(name)
        if known is not None and known[0] == plain:
            return Encoded(known[1])
        encoded = self._chain.encode(plain, position)
        self._state[name] = plain, encoded.payload
        return encoded
