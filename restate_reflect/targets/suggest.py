"""Did-you-mean."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["did_you_mean"]

_SHOWN = 8


def did_you_mean(wrong: str, names: Iterable[str]) -> str:
    """A sentence to append, with a space before it: the nearest names, or a few of those there are."""
    import difflib  # 0.2 MB, and only for mistakes

    known = list(names)
    # Case is the commonest slip and counts for much in difflib's measure.
    folded = {name.lower(): name for name in reversed(known)}
    near = [folded[name] for name in difflib.get_close_matches(wrong.lower(), folded, n=3, cutoff=0.6)]
    if near:
        return f" Did you mean {' or '.join(repr(name) for name in near)}?"
    if not known:
        return ""
    more = ", …" if len(known) > _SHOWN else ""
    return f" There are: {', '.join(known[:_SHOWN])}{more}."
