"""What a shell completes beyond options: handlers and invocations, asked of the server that the command would ask.

A shell waits meanwhile: one request with the standard library, one second at most, and no complaint when there is
no answer.
"""

from __future__ import annotations

import json
import os
import urllib.request
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["handlers", "invocations", "keyed_services"]

_TIMEOUT: Final = 1.0
_SHOWN: Final = 50


def handlers(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """``Service/handler``; of objects and workflows ``Object/KEY/handler``, with the key that is there already."""
    from click.shell_completion import CompletionItem

    found: dict[str, str | None] = {}
    for service in _asked(ctx, "/services").get("services", ()):
        for handler in service["handlers"]:
            documentation = (handler.get("documentation") or "").partition("\n")[0]
            found[_prefix(service, incomplete) + handler["name"]] = documentation or None
        # A second candidate, so that a shell completes as far as the key and adds no blank.
        found.setdefault(f"{service['name']}/", None)
    return [CompletionItem(text, help=found[text]) for text in sorted(found) if text.startswith(incomplete)]


def _prefix(service: dict[str, Any], incomplete: str) -> str:
    name = service["name"]
    if str(service["ty"]).lower() == "service":
        return f"{name}/"
    typed, _, rest = incomplete.partition("/")
    key = rest.rpartition("/")[0] if typed == name else ""
    return f"{name}/{key or 'KEY'}/"


def keyed_services(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """``Object/``, to which a key is added by hand."""
    from click.shell_completion import CompletionItem

    found = [each for each in _asked(ctx, "/services").get("services", ()) if str(each["ty"]).lower() != "service"]
    return [CompletionItem(f"{each['name']}/") for each in found if f"{each['name']}/".startswith(incomplete)]


def invocations(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids, newest first; the help tells target and status."""
    from click.shell_completion import CompletionItem

    sql = f"SELECT id, target, status FROM sys_invocation ORDER BY created_at DESC LIMIT {_SHOWN}"
    rows = _asked(ctx, "/query", {"query": sql}).get("rows", ())
    return [
        CompletionItem(row["id"], help=f"{row['target']} {row['status']}")
        for row in rows
        if row["id"].startswith(incomplete)
    ]


def _asked(ctx: click.Context, path: str, body: Any = None) -> dict[str, Any]:
    url = str(ctx.params.get("admin_url") or os.environ.get("RESTATE_ADMIN_URL") or "http://127.0.0.1:9070").rstrip("/")
    headers = {"accept": "application/json", "content-type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    # A proxy of the environment must not see requests to a server on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url + path, data, headers), timeout=_TIMEOUT) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except (OSError, ValueError):
        return {}
