"""Names the server accepts (endpoint manifest schema, and its registry's reserved words)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from restate_reflect.reflection._options import Fault

__all__ = ["HANDLER_NAME", "SERVICE_NAME", "handler_name_faults", "service_name_faults"]

SERVICE_NAME = re.compile(r"([a-zA-Z]|_[a-zA-Z0-9])[a-zA-Z0-9._-]*")
HANDLER_NAME = re.compile(r"([a-zA-Z]|_[a-zA-Z0-9])[a-zA-Z0-9_]*")


def service_name_faults(name: str) -> Iterator[Fault]:
    if not SERVICE_NAME.fullmatch(name):
        what = f"the service name {name!r} is not allowed."
        yield "service-name", what, "Use ASCII letters, digits, '.', '-' and '_', a letter first (or '_' and one more)."
    # restate-server refuses these, in any case, when the deployment is registered.
    elif name.lower().startswith("restate") or name.lower() == "openapi":
        what = f"the service name {name!r} is reserved by Restate."
        yield "reserved-name", what, "Choose one that is not 'openapi' and does not start with 'restate'."


def handler_name_faults(name: str, method: str) -> Iterator[Fault]:
    if method.startswith("_"):
        what = "it is marked with @handler, but a name with a leading underscore is private."
        yield "private-handler", what, f"Rename it, such as to '{method.lstrip('_') or 'run'}', or remove @handler."
    elif not HANDLER_NAME.fullmatch(name):
        what = f"the handler name {name!r} is not allowed."
        yield "handler-name", what, "Use ASCII letters, digits and '_', a letter first; see @handler(name=...)."
