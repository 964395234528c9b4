"""Column ``entry_lite_json``: what an entry is about, without what handlers have given and got."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["lite_command", "lite_notification"]

Json = dict[str, Any]

_KEPT: Final[Mapping[str, tuple[str, ...]]] = {
    "Output": ("result",),
    "GetLazyState": ("key", "completion_id"),
    "SetState": ("key",),
    "ClearState": ("key",),
    "GetLazyStateKeys": ("completion_id",),
    "GetEagerState": ("key", "result"),
    "GetPromise": ("key", "completion_id"),
    "PeekPromise": ("key", "completion_id"),
    "CompletePromise": ("key", "completion_id"),
    "Sleep": ("wake_up_time", "completion_id"),
    "Call": ("invocation_id", "invocation_target", "invocation_id_completion_id", "result_completion_id"),
    "OneWayCall": ("invocation_id", "invocation_target", "invoke_time", "invocation_id_completion_id"),
    "SendSignal": ("target_invocation_id", "signal_id", "result"),
    "Run": ("completion_id",),
    "AttachInvocation": ("target", "completion_id"),
    "GetInvocationOutput": ("target", "completion_id"),
    "CompleteAwakeable": ("id", "result"),
}
_NAMED: Final = frozenset({"Sleep", "Call", "OneWayCall", "Run"})
_NUMBERS: Final[Mapping[str, Any]] = {"completion_id": 0, "wake_up_time": 0, "invoke_time": 0, "key": ""}
"""What the wire leaves out where it is this."""


def lite_command(kind: str, content: Json) -> Json:
    """Of a command as ``entry_json`` shows it."""
    flat = {**content.get("request", {}), **content}
    lite = {name: _lite(name, flat.get(name, _NUMBERS.get(name))) for name in _KEPT.get(kind, ())}
    name = content.get("name")
    return {**lite, "name": name} if name and kind in _NAMED else lite


def _lite(name: str, value: Any) -> Any:
    return _outcome(value) if name == "result" else value


def _outcome(result: Any) -> str:
    return next(iter(result)) if isinstance(result, dict) else str(result)


def lite_notification(kind: str, content: Json) -> Json:
    """Of a notification as ``entry_json`` shows it."""
    if kind == "Signal":
        number_or_name = content["id"]
        identifier = {"SignalIndex": number_or_name["Index"]} if "Index" in number_or_name else {
            "SignalName": number_or_name["Name"]
        }  # fmt: skip
        return {"ty": "Signal", "id": identifier, "result": _outcome(content["result"])}
    result = "InvocationId" if "invocation_id" in content else "StateKeys" if "state_keys" in content else None
    return {
        "ty": {"Completion": kind},
        "id": {"CompletionId": content["completion_id"]},
        "result": result or _outcome(content.get("result", "Void")),
    }
