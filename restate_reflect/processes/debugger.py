"""Whether somebody looks at this process with a debugger of an editor."""

from __future__ import annotations

import sys

__all__ = ["is_debugged"]


def is_debugged() -> bool:
    """By debugpy (VS Code) or pydevd (PyCharm); both look at the processes that this one starts, too."""
    return "debugpy" in sys.modules or "pydevd" in sys.modules
