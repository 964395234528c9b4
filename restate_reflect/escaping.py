"""Text from outside, made harmless for where it is shown: one function for a terminal, one for generated source."""

from __future__ import annotations

import ast
from typing import Final

__all__ = ["docstring_of", "docstring_text", "terminal_text"]

_BIDI: Final = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Marks that make a line read in another order than it stands there (CVE-2021-42574)."""

# What JSON lets stand in a string is shown as JSON writes it, so that a JSON text stays one.
_SHOWN: Final = {
    **{code: f"\\x{code:02x}" for code in range(0x20)},
    **{code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), *_BIDI, 0x2028, 0x2029, *range(0xD800, 0xE000))},
}
_SHOWN_BETWEEN_LINES: Final = {code: text for code, text in _SHOWN.items() if chr(code) not in "\n\t"}


def terminal_text(text: str, *, lines: bool = True) -> str:
    """The text with control characters (C0, C1, DEL), bidirectional marks and halves of surrogate pairs shown.

    ``"\\x1b]0;x"`` would set a window's title, others clear the screen, write to the clipboard or hide what follows.

    Args:
        text: From anywhere.
        lines: Line feeds and tabs stay as they are.
    """
    return text.translate(_SHOWN_BETWEEN_LINES if lines else _SHOWN)


def docstring_of(text: str, indent: str) -> ast.Expr:
    """A docstring with its lines indented, as they will stand in the source; ``docstring_text`` writes it."""
    lines = text.splitlines() or [text]
    shown = [lines[0], *((indent + line).rstrip() for line in lines[1:])]
    return ast.Expr(ast.Constant("\n".join(shown) + (f"\n{indent}" if len(lines) > 1 else "")))


def docstring_text(text: str, indent: str) -> str:
    """The literal for a body that is indented so. Whatever is in the text, it does not end the literal."""
    return ast.unparse(ast.Module([docstring_of(text, indent)], []))
