"""What a rule has found, and what would mend it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Edit", "Finding", "place_of"]

Place = tuple[int, int]
"""Line (from 1) and column (from 0, in UTF-8 bytes, as ``ast`` counts)."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A text for a span of the file."""

    start: Place
    end: Place
    text: str


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One line of a report."""

    path: Path
    line: int
    column: int
    """From 1, as editors count."""
    code: str
    message: str
    end_line: int
    edits: tuple[Edit, ...] = ()
    """What ``--fix`` would write; empty if that needs a person."""


def place_of(node: ast.AST) -> tuple[Place, Place]:
    """Where a node begins and ends."""
    assert isinstance(node, (ast.expr, ast.stmt, ast.excepthandler, ast.arg))
    return (node.lineno, node.col_offset), (node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)
