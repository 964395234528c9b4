"""What tables of a server have of payloads that a chain has encoded, decoded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from restate_reflect.errors import PayloadError
from restate_reflect.ingress._admin_data import InvocationInfo, JournalEntry
from restate_reflect.payloads import Chain, Position
from restate_reflect.payloads._envelope import MAGIC

__all__ = ["invocation_target", "plain_journal", "plain_state", "stored_state", "taken_apart"]

_OWN_TARGET: Final = ("Service", "VirtualObject", "Workflow")


def taken_apart(entry: JournalEntry) -> tuple[str, Mapping[str, Any]]:
    """The type without its prefix, and what the entry holds."""
    kind = entry.type.rpartition(": ")[2]
    content: Any = entry.content if isinstance(entry.content, Mapping) else {}
    for layer in ("Command", "Notification", "Completion", kind):
        if isinstance(content, Mapping) and layer in content:
            content = content[layer]
    return kind, content if isinstance(content, Mapping) else {}


def invocation_target(target: Any) -> Mapping[str, Any]:
    """Its parts, from under the kind of service."""
    parts: Mapping[str, Any] = target if isinstance(target, Mapping) else {}
    return next((parts[kind] for kind in _OWN_TARGET if isinstance(parts.get(kind), Mapping)), {})


# ------------------------------------------------------------ journals


async def plain_journal(
    chain: Chain, info: InvocationInfo, entries: Iterable[JournalEntry]
) -> tuple[JournalEntry, ...]:
    """The entries with plain payloads; what can't be decoded says so in its place."""
    announced: dict[Any, Position] = {}
    return tuple([await _plain_entry(chain, info, entry, announced) for entry in entries])


async def _plain_entry(
    chain: Chain, info: InvocationInfo, entry: JournalEntry, announced: dict[Any, Position]
) -> JournalEntry:
    kind, body = taken_apart(entry)
    position = _position(kind, body, entry, info)
    if entry.type.startswith("Notification"):
        position = announced.get(body.get("completion_id"), position)
    else:
        result = body.get("result_completion_id") or body.get("completion_id")
        announced[result] = _OUTPUT if kind == "Call" else position
    return replace(entry, content=await _plain(chain, entry.content, position))


_OUTPUT: Final = Position("output")


def _position(kind: str, body: Mapping[str, Any], entry: JournalEntry, info: InvocationInfo) -> Position:
    match kind:
        case "Input":
            return Position("input", f"{info.service}/{info.handler}")
        case "Call" | "OneWayCall":
            request = body.get("request")
            callee = invocation_target(request.get("invocation_target")) if isinstance(request, Mapping) else {}
            return Position("input", f"{callee.get('name')}/{callee.get('handler')}")
        case "SetState" | "GetEagerState" | "GetLazyState":
            return Position("state", info.service, info.key or "", str(body.get("key")))
        case "GetPromise" | "PeekPromise" | "CompletePromise":
            return Position("promise", info.service, name=str(body.get("key")))
        case "Run":
            return Position("step", info.service, name=entry.name or str(body.get("name") or ""))
        case "CompleteAwakeable":
            return Position("awakeable")
        case "Signal":
            signal = body.get("id") or body.get("signal_id")
            return Position("awakeable" if isinstance(signal, Mapping) and "Index" in signal else "signal")
        case "SendSignal":
            return Position("signal")
        case _:
            return _OUTPUT


async def _plain(chain: Chain, node: Any, position: Position) -> Any:
    """Payloads are lists of byte values, at any depth."""
    if isinstance(node, Mapping):
        return {name: await _plain(chain, value, position) for name, value in node.items()}
    if not isinstance(node, list):
        return node
    if node[: len(MAGIC)] == [*MAGIC]:
        return [*await _read(chain, bytes(node), position)]
    return [await _plain(chain, each, position) for each in node] if node and not isinstance(node[0], int) else node


async def _read(chain: Chain, data: bytes, position: Position) -> bytes:
    try:
        return await chain.read(data, position)
    except PayloadError as error:
        return f"({error})".encode()


# ------------------------------------------------------------ state


async def plain_state(chain: Chain, service: str, key: str, state: Mapping[str, bytes]) -> dict[str, bytes]:
    """Values as handlers see them; what can't be decoded is as it is stored, to be written so again."""
    return {name: await _value(chain, value, Position("state", service, key, name)) for name, value in state.items()}


async def _value(chain: Chain, value: bytes, position: Position) -> bytes:
    try:
        return await chain.read(value, position)
    except PayloadError:
        return value


async def stored_state(chain: Chain, service: str, key: str, state: Mapping[str, bytes]) -> dict[str, bytes]:
    """Values as they are to be stored. Raises ``PayloadError``."""
    if "state" in chain.plain:
        return {**state}
    return {
        name: value if value.startswith(MAGIC) else await chain.write(value, Position("state", service, key, name))
        for name, value in state.items()
    }
