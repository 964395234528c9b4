"""What ``dev`` shows of the traceback of a failed attempt."""

from __future__ import annotations

import os

from restate_reflect.frames import folded, has_chain, user_frames

__all__ = ["place_in", "shortened", "shown"]


def shown(trace: str, *, full: bool) -> str:
    """``at shop.py:14 in add: raise ValueError("x")`` if that says it all, else the traceback, folded unless ``full``.

    Empty if no frame is the user's.
    """
    place = place_in(trace)
    if full:
        return trace.rstrip()
    if place is None:
        return ""
    if len(user_frames(trace)) == 1 and not has_chain(trace):
        return f"at {place}"
    return f"at {place}\n{folded(trace.rstrip())}"


def place_in(trace: str) -> str | None:
    """``shop.py:14 in add: raise ValueError("x")``: the innermost frame that is not a library's, if there is one."""
    found = user_frames(trace)
    if not found:
        return None
    file, line, name, code = found[-1]
    return f"{_relative(file)}:{line} in {name}{f': {code}' if code else ''}"


def _relative(file: str) -> str:
    path = os.path.relpath(file)
    return file if path.startswith(os.pardir) else path


def shortened(text: str, longest: int = 120) -> str:
    """At most that many characters."""
    return text if len(text) <= longest else f"{text[:longest]}…"
