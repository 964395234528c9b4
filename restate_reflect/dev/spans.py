"""Lengths of time in words. A module of its own, as the supervisor needs it before anything is loaded."""

from __future__ import annotations

__all__ = ["span"]


def span(milliseconds: float) -> str:
    """As people say it: ``12 ms``, ``3 s``, ``2 h 30 min``, ``3 days``."""
    if milliseconds < 999.5:
        return f"{max(milliseconds, 0):.0f} ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.3g} s"
    minutes = round(milliseconds / 60_000)
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} day{'s' if days > 1 else ''}{f' {hours} h' if hours else ''}"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"
