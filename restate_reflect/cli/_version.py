"""What ``--version`` prints."""

from __future__ import annotations

import platform
from importlib.metadata import version
from importlib.util import find_spec

__all__ = ["is_compiled", "version_line"]


def version_line() -> str:
    """Version, whether this install is compiled, and the Python that runs it."""
    compiled = "yes" if is_compiled() else "no"
    return (
        f"restate-reflect {version('restate-reflect')} (compiled: {compiled}) "
        f"{platform.python_implementation()} {platform.python_version()}"
    )


def is_compiled() -> bool:
    """Whether the hot modules are extensions here (see ``hatch_build.py``)."""
    spec = find_spec("restate_reflect.engine.machine")
    return spec is not None and not (spec.origin or "").endswith(".py")
