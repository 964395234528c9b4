"""Which manifest version to answer with, by the ``Accept`` header (RFC 9110, 12.5.1)."""

from __future__ import annotations

import re

__all__ = ["VERSIONS", "check_version", "content_type", "negotiate"]

VERSIONS = (1, 2, 3, 4)

_MANIFEST = re.compile(r"application/vnd\.restate\.endpointmanifest\.v(\d{1,9})\+json")
_WILDCARDS = frozenset({"*/*", "application/*"})


def check_version(version: int) -> None:
    """Raises ``ValueError`` for a version that is not known here."""
    if version not in VERSIONS:
        raise ValueError(f"unknown manifest version {version}; known are {VERSIONS[0]} to {VERSIONS[-1]}")


def content_type(version: int) -> str:
    """The media type of a manifest version. Raises ``ValueError``."""
    check_version(version)
    return f"application/vnd.restate.endpointmanifest.v{version}+json"


def negotiate(accept: str | None) -> int | None:
    """The version to answer with; ``None`` when none is acceptable, which is answered with status 415.

    The highest quality wins, then the highest version: the server lists what it knows from old to new, all
    equal. Without the header, and for ``*/*``, the newest version is the answer. What can't be parsed is skipped.
    """
    if accept is None or not accept.strip():
        return VERSIONS[-1]
    offers = [_parse(item) for item in accept.split(",")]
    explicit = {version: quality for media, quality in offers if (version := _version(media)) in VERSIONS}
    by_wildcard = max((quality for media, quality in offers if media in _WILDCARDS), default=0.0)
    qualities = {version: explicit.get(version, by_wildcard) for version in VERSIONS}
    quality, version = max((quality, version) for version, quality in qualities.items())
    return version if quality > 0 else None


def _parse(item: str) -> tuple[str, float]:
    media, *parameters = (part.strip().lower() for part in item.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            return media, _quality(value.strip())
    return media, 1.0


def _quality(text: str) -> float:
    return float(text) if re.fullmatch(r"0(\.\d{0,3})?|1(\.0{0,3})?", text) else 0.0


def _version(media: str) -> int | None:
    found = _MANIFEST.fullmatch(media)
    return int(found[1]) if found else None
