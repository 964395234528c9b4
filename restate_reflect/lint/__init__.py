"""Finds what breaks replay, before it runs: sources in, findings out; nothing is imported or executed.

The flow: ``_project`` parses files and knows what a name means (``_symbols``), ``_reach`` follows handlers into the
helpers that they call, ``_rules`` has a table of checks that look at each function so reached, ``_run`` drops what a
``noqa`` or the configuration allows. ``_formats`` and ``_fix`` are what becomes of findings. Start reading at
``_rules``.

The sources are read with the standard library's ``ast``: libCST keeps comments and blanks, which no rule needs, and
takes some twenty times as long to parse; fixes are edits of single expressions, whose places ``ast`` knows.
"""

from __future__ import annotations

from restate_reflect.lint._config import Config, ConfigError, checked_codes, read_config
from restate_reflect.lint._findings import Edit, Finding
from restate_reflect.lint._fix import fix_files, fixed
from restate_reflect.lint._formats import FORMATS, render
from restate_reflect.lint._rules import RULES, Rule
from restate_reflect.lint._run import LintError, lint

__all__ = [
    "FORMATS",
    "RULES",
    "Config",
    "ConfigError",
    "Edit",
    "Finding",
    "LintError",
    "Rule",
    "checked_codes",
    "fix_files",
    "fixed",
    "lint",
    "read_config",
    "render",
]
