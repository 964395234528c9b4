"""The first bytes of an attempt: start message and journal."""

from __future__ import annotations

from restate_reflect.embedded import ids
from restate_reflect.embedded.kernel.kernel import Kernel
from restate_reflect.embedded.kernel.records import Invocation
from restate_reflect.embedded.kernel.retrying import handler_info
from restate_reflect.protocol import _pb2 as pb
from restate_reflect.protocol.framing import encode_frame
from restate_reflect.protocol.messages import MessageType
from restate_reflect.protocol.versions import ProtocolVersion

__all__ = ["request_headers", "start_message"]


def request_headers(invocation: Invocation, version: ProtocolVersion) -> dict[str, str]:
    """Those of restate-server."""
    return {
        "content-type": version.content_type,
        "accept": version.content_type,
        "x-restate-invocation-id": invocation.id,
    }


def start_message(kernel: Kernel, invocation: Invocation, version: ProtocolVersion) -> bytes:
    """Start message and journal, ready to be written."""
    message = pb.StartMessage(
        id=ids.parse_invocation_id(invocation.id),
        debug_id=invocation.id,
        known_entries=invocation.length,
        key=invocation.target.key or "",
        retry_count_since_last_stored_entry=invocation.retries_since_entry,
        duration_since_last_stored_entry=max(kernel.now() - invocation.modified_at, 0),
    )
    if version.has_random_seed:
        message.random_seed = ids.random_seed(invocation.id)
    if version.has_scopes:
        _fill_request(message, invocation)
    message.partial_state = _fill_state(kernel, invocation, message)
    journal = [entry.frame for entry in kernel.store.journal(invocation.id)]
    return b"".join([encode_frame(MessageType.START, message.SerializeToString()), *journal])


def _fill_request(message: pb.StartMessage, invocation: Invocation) -> None:
    request = {
        "scope": invocation.target.scope,
        "limit_key": invocation.limit_key,
        "idempotency_key": invocation.idempotency_key,
    }
    for name, value in request.items():
        if value is not None:
            setattr(message, name, value)


def _fill_state(kernel: Kernel, invocation: Invocation, message: pb.StartMessage) -> bool:
    """Adds as much state as the limit allows, in key order; whether some is missing."""
    keyed = invocation.target.keyed
    info = handler_info(kernel, invocation)
    limit = kernel.settings.eager_state_limit
    if keyed is None or limit == 0 or (info is not None and info.lazy_state):
        return True
    size = 0
    for name, value in kernel.store.state(keyed).items():
        size += len(name) + len(value)
        if size > limit:
            return True
        message.state_map.add(key=name, value=value)
    return False
