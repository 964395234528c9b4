"""A journal as steps in time: each command with the notification that completed it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from restate_reflect.definitions import HandlerDefinition
from restate_reflect.ingress import JournalEntry
from restate_reflect.page._bodies import show

__all__ = ["timeline"]

Json = dict[str, Any]

_ID_OF_CALLEE: Final = "CallInvocationId"
_OWN_TARGET: Final = ("Service", "VirtualObject", "Workflow")


def timeline(entries: Iterable[JournalEntry], handler: HandlerDefinition | None = None) -> list[Json]:
    """Steps in the order of the journal.

    Args:
        entries: As the admin API gives them.
        handler: Whose journal it is, if it is known here: its codecs make its input and output readable.

    Returns:
        For each: ``index``, ``type``, ``name``, ``start`` and ``end`` (ISO 8601 or ``None``), ``state`` (``done``,
        ``failed`` or ``waiting``), ``details`` (label and text each) and ``invocationId`` of who was called.
    """
    steps: list[Json] = []
    waiting: dict[int | None, Json] = {}
    for entry in entries:
        kind, body = _take_apart(entry)
        if kind == _ID_OF_CALLEE:
            continue  # the call itself tells it
        if _is_notification(entry) and (command := waiting.pop(_number(body, "completion_id"), None)):
            _complete(command, entry, body)
            continue
        step = _step(entry, kind, body, handler)
        steps.append(step)
        completion = _number(body, "result_completion_id") or _number(body, "completion_id")
        if completion and not _is_notification(entry):
            step |= {"state": "waiting", "end": None}
            waiting[completion] = step
    return steps


def _number(body: Mapping[str, Any], name: str) -> int | None:
    found = body.get(name)
    return found if isinstance(found, int) else None


def _is_notification(entry: JournalEntry) -> bool:
    return entry.type.startswith("Notification")


def _take_apart(entry: JournalEntry) -> tuple[str, Mapping[str, Any]]:
    """The type without its prefix, and what the entry holds."""
    kind = entry.type.rpartition(": ")[2]
    content: Any = entry.content if isinstance(entry.content, Mapping) else {}
    for layer in ("Command", "Notification", "Completion", kind):
        if isinstance(content, Mapping) and layer in content:
            content = content[layer]
    return kind, content if isinstance(content, Mapping) else {}


def _step(entry: JournalEntry, kind: str, body: Mapping[str, Any], handler: HandlerDefinition | None) -> Json:
    at = _iso(entry.appended_at)
    request = body["request"] if isinstance(body.get("request"), Mapping) else {}
    codec = None
    if handler is not None:
        codec = {"Input": handler.input.codec, "Output": handler.output.codec}.get(kind)
    step: Json = {
        "index": entry.index,
        "type": kind,
        "name": entry.name or _target(request.get("invocation_target")) or _subject(body),
        "start": at,
        "end": at,
        "state": "done",
        "details": [],
        "invocationId": request.get("invocation_id") or _attached(body),
    }
    for label, field in (("Input", body.get("payload")), ("Input", request.get("parameter"))):
        _add_bytes(step, label, field, codec)
    for field in ("result", "value"):
        _add_result(step, "Value" if kind != "Output" else "Output", body.get(field), codec)
    for label, time in (("Wakes up", body.get("wake_up_time")), ("Starts", body.get("invoke_time"))):
        if isinstance(time, int) and time:
            _add(step, label, {"form": "time", "text": str(time)})
    if isinstance(keys := body.get("state_keys"), list):
        _add(step, "Keys", {"form": "text", "text": ", ".join(map(str, keys)) or "none"})
    return step


def _complete(step: Json, entry: JournalEntry, body: Mapping[str, Any]) -> None:
    step |= {"end": _iso(entry.appended_at), "state": "done"}
    _add_result(step, "Result", body.get("result"), None)


def _add_result(step: Json, label: str, result: Any, codec: Any) -> None:
    if isinstance(result, list):
        _add_bytes(step, label, result, codec)
    elif isinstance(result, Mapping) and "Success" in result:
        _add_bytes(step, label, result["Success"], codec)
    elif isinstance(result, Mapping) and isinstance(failure := result.get("Failure"), Mapping):
        step["state"] = "failed"
        _add(step, "Failure", {"form": "text", "text": f"[{failure.get('code')}] {failure.get('message')}"})


def _add_bytes(step: Json, label: str, field: Any, codec: Any) -> None:
    if isinstance(field, list) and all(isinstance(byte, int) and 0 <= byte <= 255 for byte in field):
        _add(step, label, show(bytes(field), codec).as_json())


def _add(step: Json, label: str, shown: Mapping[str, str]) -> None:
    step["details"].append({"label": label, **shown})


def _target(target: Any) -> str:
    """``Service/handler`` or ``Service/key/handler``."""
    if not isinstance(target, Mapping):
        return ""
    inner: Mapping[str, Any] = next((target[kind] for kind in _OWN_TARGET if isinstance(target.get(kind), Mapping)), {})
    return "/".join(str(inner[part]) for part in ("name", "key", "handler") if inner.get(part) is not None)


def _subject(body: Mapping[str, Any]) -> str:
    """What it is about: the key of a state or promise, the id or name of an awakeable or signal."""
    if isinstance(body.get("key"), str):
        return str(body["key"])
    signal = body.get("signal_id") or body.get("id")
    if isinstance(signal, Mapping):
        return str(next(iter(signal.values()), ""))
    return str(signal or "")


def _attached(body: Mapping[str, Any]) -> str | None:
    target = body.get("target")
    found = target.get("InvocationId") if isinstance(target, Mapping) else body.get("target_invocation_id")
    return found if isinstance(found, str) else None


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
