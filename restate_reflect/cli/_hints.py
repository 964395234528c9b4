"""What the ingress refused, or a handler answered with a failure, in words for whoever typed the command."""

from __future__ import annotations

import shlex
from typing import Any, Final

from restate_reflect.cli._address import Address
from restate_reflect.cli._columns import one_line
from restate_reflect.cli._errors import REFUSED, Explain, Explained
from restate_reflect.errors import RestateReflectError, TerminalError

__all__ = ["of_handler", "of_invocation"]

_SECOND_RUN: Final = "the workflow method was already invoked"
"""The server's words, in the place of a handler that did not run."""


def of_handler(address: Address, text: str, timeout: float | None) -> Explain:
    """For a request to a handler; ``text`` is what was typed."""

    def explain(error: RestateReflectError) -> Explained | None:
        if isinstance(error, TerminalError) and (error.code, error.message) == (409, _SECOND_RUN):
            run = f"{address.service}/{address.key}"
            return Explained(
                f"the workflow {run} was started before, and runs once per key.",
                f"`restate-reflect attach {shlex.quote(run)}` waits for its result.",
                REFUSED,
            )
        return _common(error, text, timeout) or _refused(error, address, text)

    return explain


def of_invocation(text: str, timeout: float | None) -> Explain:
    """For a request about an invocation."""

    def explain(error: RestateReflectError) -> Explained | None:
        if type(error).__name__ == "InvocationNotFoundError":
            return Explained(f"no invocation {text}: it was never started, or its result is past its retention.")
        return _common(error, text, timeout)

    return explain


def _common(error: RestateReflectError, text: str, timeout: float | None) -> Explained | None:
    if isinstance(error, TerminalError):
        return _failure(error, text)
    if type(error).__name__ == "RequestTimeoutError":
        hint = "The invocation, if it was accepted, goes on; `restate-reflect ps` lists it."
        return Explained(f"no result of {text} within {timeout:g} s.", hint)
    return None


def _failure(error: TerminalError, text: str) -> Explained:
    metadata = [f"  {name}: {one_line(value, 160)}" for name, value in sorted(error.metadata.items())]
    lines = [f"{text} failed with code {error.code}: {error.message}", *metadata]
    identifier: Any = getattr(error, "invocation_id", None)
    return Explained("\n".join(lines), _journal_of(identifier) if identifier else None)


def _journal_of(identifier: str) -> str:
    return f"`restate-reflect journal {shlex.quote(identifier)}` shows its steps."


def _refused(error: RestateReflectError, address: Address, text: str) -> Explained | None:
    message, command = str(error), f"restate-reflect call {shlex.quote(text)}"
    if message.startswith("bad path"):
        return Explained(f"{text} can't be called like this.", _about_key(address))
    if "Empty content-type" in message:
        return Explained(f"{text} takes an input, and none was given.", f"{command} BODY")
    if "Expected body and content-type to be empty" in message:
        return Explained(f"{text} takes no input, and one was given.", command)
    if message.startswith("service '"):
        registered = "`restate-reflect register URL` makes the services of a deployment known to the server."
        return Explained(f"no service {address.service} is registered.", registered)
    if message.startswith("the service '"):
        return Explained(f"{address.service} has no handler {address.handler}.")
    return None


def _about_key(address: Address) -> str:
    """The server's words are the same for both mistakes."""
    if address.key is None:
        with_key = f"{address.service}/KEY/{address.handler}"
        return f"If {address.service} is an object or a workflow, a key belongs between: {with_key}"
    return f"If {address.service} has no keys, leave {address.key!r} out: {address.service}/{address.handler}"
