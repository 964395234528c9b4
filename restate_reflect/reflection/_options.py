"""Options as keyword arguments: how they combine, and which of them fit which kind."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from typing import Any, Final, TypedDict, TypeVar, get_args

from restate_reflect.codecs import Codec, is_codec
from restate_reflect.definitions import HandlerKind, ServiceKind
from restate_reflect.options import Duration, ErrorDetails, HandlerOptions, RetryPolicy, ServiceOptions, merge, seconds

__all__ = ["Fault", "OptionArguments", "ServiceOptionArguments", "combine", "handler_faults", "service_faults"]

O = TypeVar("O", HandlerOptions, ServiceOptions)  # noqa: E741 - the usual letter for options here

_LONGEST: Final = 8_000 * 365 * 86_400
"""Seconds: what begins today and takes less ends before the year 9999, in which dates end."""

Fault = tuple[str, str, str]
"""Code, what is wrong, and the fix."""


class OptionArguments(TypedDict, total=False):
    """The fields of ``HandlerOptions`` for type checkers; a test compares them."""

    inactivity_timeout: Duration | None
    abort_timeout: Duration | None
    journal_retention: Duration | None
    idempotency_retention: Duration | None
    workflow_retention: Duration | None
    lazy_state: bool | None
    ingress_private: bool | None
    retry_policy: RetryPolicy | None
    metadata: Mapping[str, str]
    max_input_bytes: int | None
    error_details: ErrorDetails | None
    input_codec: Codec[Any] | Any
    output_codec: Codec[Any] | Any


class ServiceOptionArguments(OptionArguments, total=False):
    """The fields of ``ServiceOptions`` likewise."""

    durable_natives: bool | None
    interceptors: Sequence[object] | None


def combine(base: O, over: Mapping[str, Any] | HandlerOptions | ServiceOptions) -> O:
    """``over`` wins over ``base`` where it says something; metadata is united key by key.

    Raises ``TypeError`` for unknown options.
    """
    given = dict(over) if isinstance(over, Mapping) else {f.name: getattr(over, f.name) for f in fields(over)}
    if isinstance(given.get("metadata"), Mapping):
        given["metadata"] = {**base.metadata, **given["metadata"]}
    combined: O = merge(base, given)
    return combined


_DURATIONS = (
    "inactivity_timeout",
    "abort_timeout",
    "journal_retention",
    "idempotency_retention",
    "workflow_retention",
)
_RETRY_DURATIONS = ("initial_interval", "max_interval")


def service_faults(options: ServiceOptions, kind: ServiceKind) -> Iterator[Fault]:
    """What is wrong with these options for a service of this kind."""
    yield from _common_faults(options, kind)
    if options.workflow_retention is not None and kind is not ServiceKind.WORKFLOW:
        what = "workflow_retention is set, but this is not a workflow."
        yield "option-kind", what, "Remove it; idempotency_retention is what keeps results of other services."


def handler_faults(options: HandlerOptions, kind: ServiceKind, handler: HandlerKind | None) -> Iterator[Fault]:
    """What is wrong with these options for a handler of this kind."""
    yield from _common_faults(options, kind)
    is_run = handler is HandlerKind.WORKFLOW
    if options.workflow_retention is not None and not is_run:
        what = "workflow_retention is set, but this is not the run handler of a workflow."
        yield "option-kind", what, "Move it to the handler that takes WorkflowContext, or to the service."
    if options.idempotency_retention is not None and is_run:
        what = "idempotency_retention is set on the run handler of a workflow, which has its own retention."
        yield "option-kind", what, "Use workflow_retention."


def _common_faults(options: Any, kind: ServiceKind) -> Iterator[Fault]:
    for name in _DURATIONS:
        yield from _duration_faults(name, getattr(options, name))
    if options.lazy_state is not None and kind is ServiceKind.SERVICE:
        yield "option-kind", "lazy_state is set, but a service has no state.", "Remove it, or use ObjectContext."
    for name in ("lazy_state", "ingress_private"):
        if not isinstance(getattr(options, name), (bool, type(None))):
            yield "bad-option", f"{name} is {getattr(options, name)!r}.", "Use True or False."
    yield from _size_faults("max_input_bytes", options.max_input_bytes)
    if options.error_details not in (None, *get_args(ErrorDetails)):
        words = ", ".join(map(repr, get_args(ErrorDetails)))
        yield "bad-option", f"error_details is {options.error_details!r}.", f"Use one of {words}."
    yield from _metadata_faults(options.metadata)
    for name in ("input_codec", "output_codec"):
        codec = getattr(options, name)
        if codec is not None and not is_codec(codec) and not callable(codec):
            fix = "Give an object with encode, decode, json_schema and content_type, or a function from type to such."
            yield "bad-codec", f"{name} is {codec!r}, which is no codec.", fix
    if options.retry_policy is not None:
        yield from _retry_faults(options.retry_policy)


def _size_faults(name: str, value: Any) -> Iterator[Fault]:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        yield "bad-option", f"{name} is {value!r}.", "Use a whole number of bytes, such as 1 << 20."


def _metadata_faults(metadata: Any) -> Iterator[Fault]:
    if not isinstance(metadata, Mapping):
        yield "bad-option", f"metadata is {metadata!r}.", "Use a dict of strings."
        return
    for key, value in metadata.items():
        if not (isinstance(key, str) and isinstance(value, str)):
            yield "bad-option", f"metadata has the entry {key!r}: {value!r}.", "Use strings for keys and values."


def _duration_faults(name: str, value: Any) -> Iterator[Fault]:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float, timedelta)):
        yield "bad-duration", f"{name} is {value!r}.", "Use a timedelta or seconds."
    elif not 0 <= _in_seconds(value) <= _LONGEST:
        yield "bad-duration", f"{name} is {value!r}.", "Use a duration of zero or more, and less than 8,000 years."


def _in_seconds(value: Duration) -> float:
    """Infinite for an integer that is longer than a float can be."""
    try:
        return seconds(value)
    except OverflowError:
        return math.inf


def _retry_faults(policy: Any) -> Iterator[Fault]:
    if not isinstance(policy, RetryPolicy):
        yield "bad-option", f"retry_policy is {policy!r}.", "Use RetryPolicy(...)."
        return
    for name in _RETRY_DURATIONS:
        yield from _duration_faults(f"retry_policy.{name}", getattr(policy, name))
    if policy.max_duration is not None:
        what = "retry_policy.max_duration is set, which only a ctx.run step can have."
        yield "retry-policy", what, "Use max_attempts, or set abort_timeout."
    yield from _on_max_attempts_faults(policy)
    if policy.max_attempts is not None and policy.max_attempts < 1:
        what = f"retry_policy.max_attempts is {policy.max_attempts!r}."
        yield "retry-policy", what, "Use 1 or more; the first attempt counts."
    if policy.factor is not None and not (math.isfinite(policy.factor) and policy.factor > 0):
        yield "retry-policy", f"retry_policy.factor is {policy.factor!r}.", "Use a number above zero, such as 2.0."


def _on_max_attempts_faults(policy: RetryPolicy) -> Iterator[Fault]:
    if policy.on_max_attempts == "fail":
        what = 'retry_policy.on_max_attempts is "fail", which only a ctx.run step can have.'
        yield "retry-policy", what, 'Use "pause" or "kill".'
    elif policy.on_max_attempts not in (None, "pause", "kill"):
        yield "retry-policy", f"retry_policy.on_max_attempts is {policy.on_max_attempts!r}.", 'Use "pause" or "kill".'
