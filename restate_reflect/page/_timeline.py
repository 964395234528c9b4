"""A journal as steps in time: each command with the notification that completed it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from restate_reflect.codecs import Codec
from restate_reflect.definitions import HandlerDefinition
from restate_reflect.ingress import JournalEntry
from restate_reflect.ingress._plain import invocation_target, taken_apart
from restate_reflect.page._bodies import show

__all__ = ["Known", "timeline"]

Json = dict[str, Any]

_ID_OF_CALLEE: Final = "CallInvocationId"


@dataclass(frozen=True, slots=True)
class Known:
    """Codecs of what a journal names, as far as the code is here."""

    handlers: Mapping[tuple[str, str], HandlerDefinition] = field(default_factory=dict)
    """Callees, by names of service and handler."""
    state: Mapping[str, Codec[Any]] = field(default_factory=dict)
    """Of the service's declared keys."""


def timeline(
    entries: Iterable[JournalEntry], handler: HandlerDefinition | None = None, known: Known | None = None
) -> list[Json]:
    """Steps in the order of the journal.

    Args:
        entries: As the admin API gives them.
        handler: Whose journal it is, if it is known here: its codecs make its input and output readable.
        known: Does the same for its calls and its state.

    Returns:
        For each: ``index``, ``type``, ``name``, ``start`` and ``end`` (ISO 8601 or ``None``), ``state`` (``done``,
        ``failed`` or ``waiting``), ``details`` (label and text each) and ``invocationId`` of who was called.
    """
    steps: list[Json] = []
    waiting: dict[int | None, tuple[Json, Codec[Any] | None]] = {}
    codecs = _Codecs(handler, known or Known())
    for entry in entries:
        kind, body = taken_apart(entry)
        if kind == _ID_OF_CALLEE:
            continue  # the call itself tells it
        if _is_notification(entry) and (command := waiting.pop(_number(body, "completion_id"), None)):
            _complete(*command, entry, body)
            continue
        step = _step(entry, kind, body, codecs.sent(kind, body))
        steps.append(step)
        completion = _number(body, "result_completion_id") or _number(body, "completion_id")
        if completion and not _is_notification(entry):
            step |= {"state": "waiting", "end": None}
            waiting[completion] = step, codecs.received(kind, body)
    return steps


class _Codecs:
    """Which codec reads what a command carries, and what completes it; ``None`` if it is not known."""

    def __init__(self, handler: HandlerDefinition | None, known: Known) -> None:
        self._handler, self._known = handler, known

    def sent(self, kind: str, body: Mapping[str, Any]) -> Codec[Any] | None:
        match kind:
            case "Input":
                return self._handler.input.codec if self._handler else None
            case "Output":
                return self._handler.output.codec if self._handler else None
            case "Call" | "OneWayCall":
                callee = self._callee(body)
                return callee.input.codec if callee else None
            case _:
                return self._state(kind, body)

    def received(self, kind: str, body: Mapping[str, Any]) -> Codec[Any] | None:
        if kind != "Call":
            return self._state(kind, body)
        callee = self._callee(body)
        return callee.output.codec if callee else None

    def _callee(self, body: Mapping[str, Any]) -> HandlerDefinition | None:
        request = body.get("request")
        target = invocation_target(request.get("invocation_target")) if isinstance(request, Mapping) else {}
        return self._known.handlers.get((str(target.get("name")), str(target.get("handler"))))

    def _state(self, kind: str, body: Mapping[str, Any]) -> Codec[Any] | None:
        return self._known.state.get(str(body.get("key"))) if kind.endswith("State") else None


def _number(body: Mapping[str, Any], name: str) -> int | None:
    found = body.get(name)
    return found if isinstance(found, int) else None


def _is_notification(entry: JournalEntry) -> bool:
    return entry.type.startswith("Notification")


def _step(entry: JournalEntry, kind: str, body: Mapping[str, Any], codec: Codec[Any] | None) -> Json:
    at = _iso(entry.appended_at)
    request = body["request"] if isinstance(body.get("request"), Mapping) else {}
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
    for sent in (body.get("payload"), request.get("parameter")):
        _add_bytes(step, "Input", sent, codec)
    for name in ("result", "value"):
        _add_result(step, "Value" if kind != "Output" else "Output", body.get(name), codec)
    for label, time in (("Wakes up", body.get("wake_up_time")), ("Starts", body.get("invoke_time"))):
        if isinstance(time, int) and time:
            _add(step, label, {"form": "time", "text": str(time)})
    if isinstance(keys := body.get("state_keys"), list):
        _add(step, "Keys", {"form": "text", "text": ", ".join(map(str, keys)) or "none"})
    return step


def _complete(step: Json, codec: Codec[Any] | None, entry: JournalEntry, body: Mapping[str, Any]) -> None:
    step |= {"end": _iso(entry.appended_at), "state": "done"}
    _add_result(step, "Result", body.get("result"), codec)


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
    inner = invocation_target(target)
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
