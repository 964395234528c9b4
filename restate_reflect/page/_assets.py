"""The files of the page, and the headers under which a browser takes nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Final

from aiohttp import web

__all__ = ["SCRIPTS", "asset"]

SCRIPTS: Final = (
    "deployments.js", "fields.js", "invocations.js", "journal.js", "page.js", "schema.js", "services.js", "snippets.js",
    "sql.js", "state.js", "theme.js", "tools.js", "tryit.js",
)  # fmt: skip
"""ES modules, ``theme.js`` apart, which has to run before the first paint."""

_TYPES: Final = {"html": "text/html", "css": "text/css", "js": "text/javascript"}

HEADERS: Final = {
    # Own files only, no inline script or style, nobody's frame; Trusted Types rule out innerHTML and its like.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",
}


def asset(name: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """A handler that answers with one of the files."""
    content_type = _TYPES[name.rpartition(".")[2]]

    async def answer(request: web.Request) -> web.StreamResponse:
        text = files("restate_reflect.page").joinpath("static", name).read_text("utf-8")
        return web.Response(text=text, content_type=content_type, charset="utf-8", headers=HEADERS)

    return answer
