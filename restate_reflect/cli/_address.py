"""What a command line names: handlers, invocations, delays, bodies."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from restate_reflect.identifiers import IdempotentRequest, InvocationTarget, WorkflowRun

__all__ = [
    "Address",
    "Body",
    "parse_address",
    "parse_delay",
    "parse_invocation",
    "parse_object",
    "read_body",
    "shown",
]


@dataclass(frozen=True, slots=True)
class Address:
    """A handler, with the key of the object or workflow."""

    service: str
    key: str | None
    handler: str


def parse_object(text: str) -> tuple[str, str]:
    """``Object/key``, or ``Workflow/key``; a key may hold slashes.

    Raises:
        click.BadParameter: it is none.
    """
    service, _, key = text.partition("/")
    if service and key:
        return service, key
    raise click.BadParameter(f"{text!r} names no key. Write it as Counter/my-key.", param_hint="OBJECT/KEY")


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent; no ``content_type`` means nothing is."""

    data: bytes = b""
    content_type: str | None = None


def parse_address(text: str) -> Address:
    """``Service/handler`` or ``Object/key/handler``; a key may hold slashes.

    Raises:
        click.BadParameter: it is neither.
    """
    service, _, rest = text.strip("/").partition("/")
    key, slash, handler = rest.rpartition("/")
    if not (service and handler):
        raise click.BadParameter(
            f"{text!r} names no handler. Write Service/handler, or Object/key/handler.", param_hint="HANDLER"
        )
    return Address(service, key if slash else None, handler)


_ID = re.compile(r"inv_[0-9A-Za-z]{34,}")


def parse_invocation(text: str, idempotency_key: str | None = None) -> InvocationTarget:
    """An invocation id, or ``Workflow/key``; with an idempotency key a handler.

    Raises:
        click.BadParameter: it is none of them.
    """
    if idempotency_key is not None:
        address = parse_address(text)
        return IdempotentRequest(address.service, address.handler, idempotency_key, address.key)
    workflow, slash, key = text.partition("/")
    if workflow and slash and key:
        return WorkflowRun(workflow, key)
    if _ID.fullmatch(text):
        return text
    raise click.BadParameter(
        f"{text!r} is no invocation. Give an id (inv_ and 34 letters and digits), or Workflow/key for the run of a "
        "workflow.",
        param_hint="INVOCATION",
    )


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def parse_delay(text: str | None) -> float | None:
    """Seconds: ``90``, ``1.5s``, ``250ms``, ``2h30m``, ``3d``.

    Raises:
        click.BadParameter: it is no duration.
    """
    if text is None:
        return None
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if not re.fullmatch(f"(?:{_PART.pattern})+", text):
        raise click.BadParameter(f"{text!r} is no duration. Write 30s, 250ms, 2h30m or 3d.", param_hint="--delay")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def read_body(text: str | None, content_type: str | None) -> Body:
    """A body: JSON; a word that is no JSON is a string; ``@FILE`` is that file, ``-`` is stdin.

    With a content type other than JSON it is sent as it stands.

    Raises:
        click.BadParameter: it begins like JSON and is none, or the file can't be read.
    """
    if text is None:
        return Body(b"", content_type)
    data, is_file = _source(text)
    if content_type is not None and not content_type.startswith("application/json"):
        return Body(data, content_type)
    return Body(data if is_file else _as_json(text), content_type or "application/json")


def _source(text: str) -> tuple[bytes, bool]:
    if text == "-":
        return sys.stdin.buffer.read(), True
    if not text.startswith("@"):
        return text.encode(), False
    try:
        return Path(text[1:]).read_bytes(), True
    except OSError as error:
        raise click.BadParameter(f"{text[1:]} can't be read: {error.strerror}.", param_hint="BODY") from None


def _as_json(text: str) -> bytes:
    try:
        json.loads(text)
    except ValueError as error:
        if text.lstrip()[:1] in ("{", "[", '"'):
            raise click.BadParameter(f"no valid JSON: {error}", param_hint="BODY") from None
        return json.dumps(text, ensure_ascii=False).encode()
    return text.encode()


def shown(data: bytes) -> Any:
    """A result as data: JSON if it is that, else text, else base64 under its name."""
    if not data:
        return None
    try:
        return json.loads(data)
    except ValueError:
        pass
    try:
        return data.decode()
    except UnicodeDecodeError:
        import base64

        return {"base64": base64.b64encode(data).decode()}
