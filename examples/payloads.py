"""A patient's notes that the server can't read, large ones in files of their own.

Shows ``payloads``: what handlers write is compressed, encrypted with a key of yours, and kept elsewhere above a size.
The key is read from the environment; several are named, so that it can be changed.

Try it::

    restate-reflect serve examples.payloads --with-server
    curl localhost:8080/Patient/ada/note --json '"sleeps well. Eats."'  # 1
    curl localhost:8080/Patient/ada/last -X POST  # "sleeps well"
    restate-reflect state get Patient/ada

and then so that the server can't read what is written from now on::

    export NOTES_KEYS="first:$(python -c 'import os, base64; print(base64.b64encode(os.urandom(32)).decode())')"
    restate-reflect serve examples.payloads --with-server --payloads examples.payloads:codecs
    restate-reflect state get Patient/ada --payloads examples.payloads:codecs
"""

from __future__ import annotations

import os
from pathlib import Path

from restate_reflect import ObjectContext, ObjectSharedContext
from restate_reflect.payloads import ClaimCheck, DirectoryStore, Encrypt, Zstd

__all__ = ["Patient", "codecs"]


def codecs() -> list[object]:
    """What the server stores. ``NOTES_KEYS`` is ``NAME:BASE64``, the newest first, with blanks between them."""
    keys = dict(each.split(":", 1) for each in os.environ["NOTES_KEYS"].split())
    kept = DirectoryStore(Path(os.environ.get("NOTES_FOLDER", "notes")))
    return [Zstd(min_bytes=1024), Encrypt(keys), ClaimCheck(kept, above=256_000)]


async def summary(text: str) -> str:
    """In its place stands a model or a service."""
    return text.split(".", 1)[0]


class Patient:
    """Notes of one patient."""

    async def note(self, ctx: ObjectContext, text: str) -> int:
        """Adds a note, and returns how many there are."""
        notes = await ctx.get("notes", list[str]) or []
        ctx.set("notes", [*notes, text])
        ctx.set("summary", await ctx.run("summary", summary, text))
        return len(notes) + 1

    async def last(self, ctx: ObjectSharedContext) -> str | None:
        """The last note, in short."""
        return await ctx.get("summary", str)
