"""What is registered against what the code would register: names, kinds, types, retention."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from restate_reflect.checking._report import Kind, Report
from restate_reflect.checking._schema import refused
from restate_reflect.definitions import HandlerDefinition, ServiceDefinition
from restate_reflect.ingress import HandlerInfo, ServiceInfo
from restate_reflect.options import millis

__all__ = ["compare"]

Definitions = Mapping[str, ServiceDefinition]


def compare(registered: Iterable[ServiceInfo], code: Definitions, report: Report) -> None:
    """Adds what is different and matters."""
    for service in registered:
        if service.name in code:
            _service(service, code[service.name], report)
        else:
            report.add(
                Kind.SERVICE_REMOVED, service.name, f"the code has no service {service.name}{_like(service, code)}."
            )


def _like(service: ServiceInfo, code: Definitions) -> str:
    """One that is new and has the same handlers, or nearly the same name."""
    same = [each.name for each in code.values() if set(each.handlers) == set(service.handlers)]
    found = difflib.get_close_matches(service.name, code, 1, 0.6) or same
    return f" ({found[0]} is like it: was it renamed?)" if found else ""


def _service(old: ServiceInfo, new: ServiceDefinition, report: Report) -> None:
    if old.kind is not new.kind:
        text = f"it was a {_word(old.kind.value)}, and is a {_word(new.kind.value)}."
        report.add(Kind.SERVICE_KIND, old.name, text)
    for name, handler in old.handlers.items():
        where = f"{old.name}/{name}"
        if name in new.handlers:
            _handler(where, handler, new.handlers[name], report)
        else:
            added = [each for each in new.handlers if each not in old.handlers]
            close = difflib.get_close_matches(name, added, 1, 0.5) or added[:1]
            hint = f" ({close[0]} is new: was it renamed?)" if close else ""
            report.add(Kind.HANDLER_REMOVED, where, f"the code has no handler {name}{hint}.")
    _retention(old, new, report)


def _handler(where: str, old: HandlerInfo, new: HandlerDefinition, report: Report) -> None:
    if old.kind is not new.kind and old.kind is not None and new.kind is not None:
        report.add(Kind.HANDLER_KIND, where, f"it was {_word(old.kind.value)}, and is {_word(new.kind.value)}.")
    for reason in refused(old.input_schema, new.input.json_schema()):
        report.add(Kind.INPUT, where, f"the input is narrower: {reason}.")
    if old.input_schema is not None and new.input.codec is None:
        report.add(Kind.INPUT, where, "it takes no input any more.")
    for reason in refused(old.output_schema, new.output.json_schema()):
        report.add(Kind.OUTPUT, where, f"the output is narrower: {reason}.")
    if old.output_schema is not None and new.output.codec is None:
        report.add(Kind.OUTPUT, where, "it returns nothing any more.")
    for lost in _lost(old.output_schema, new.output.json_schema()):
        report.add(Kind.OUTPUT, where, f"the output has no {lost} any more.")


def _lost(old: Any, new: Any) -> list[str]:
    """Fields of an object that callers may read."""
    had, has = (each.get("properties") if isinstance(each, Mapping) else None for each in (old, new))
    if not isinstance(had, Mapping) or not isinstance(has, Mapping):
        return []
    return [name for name in had if name not in has]


def _word(value: str) -> str:
    return value.lower().replace("_", " ")


# ---------------------------------------------------------------- retention


_DAY: Final = 86_400_000
_RETENTIONS: Final = ("idempotency_retention", "journal_retention", "workflow_retention")
_REGISTERED_AS: Final = {"workflow_retention": "workflow_completion_retention"}


def _retention(old: ServiceInfo, new: ServiceDefinition, report: Report) -> None:
    for option in _RETENTIONS:
        registered = old.raw.get(_REGISTERED_AS.get(option, option))
        before = _millis(registered) if isinstance(registered, str) else None
        after = millis(getattr(new.options, option))
        if before is None:
            continue
        after = _DAY if after is None else after  # the servers' default
        if after < before:
            text = f"{option} was {registered}, and is {_shown(after)}: results are forgotten sooner."
            report.add(Kind.RETENTION, old.name, text)
        elif after > before:
            report.notes.append(f"{old.name}: {option} was {registered}, and is {_shown(after)}.")


_UNITS: Final = {
    "ms": 1,
    "s": 1000,
    "m": 60_000,
    "h": 3_600_000,
    "d": _DAY,
    "w": 7 * _DAY,
    "mo": 30 * _DAY,
    "y": 365 * _DAY,
}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|mo|[smhdwy])[a-z]*", re.IGNORECASE)


def _millis(text: str) -> int | None:
    """``1d``, ``1h 30m``, ``30 days``, ``PT1H``, as servers write them."""
    parts = _PART.findall(text)
    return round(sum(float(number) * _UNITS[unit.lower()] for number, unit in parts)) if parts else None


def _shown(duration: int) -> str:
    for unit in ("d", "h", "m", "s"):
        if duration and duration % _UNITS[unit] == 0:
            return f"{duration // _UNITS[unit]}{unit}"
    return f"{duration}ms"
