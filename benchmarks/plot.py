"""Bars in SVG, by hand: two shapes and some text need no plotting library."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Final

__all__ = ["bars"]

_COLOURS: Final = ("#2563eb", "#60a5fa", "#f59e0b", "#9ca3af", "#6b7280")
_PANEL_WIDTH: Final = 210
_PLOT_HEIGHT: Final = 180
_TOP: Final = 56
_LINE: Final = 18


def bars(title: str, panels: Mapping[str, Mapping[str, float]]) -> str:
    """A panel for each entry, each with a bar for each of its values and a scale of its own; the legend below."""
    names = list(dict.fromkeys(name for values in panels.values() for name in values))
    width = 20 + _PANEL_WIDTH * len(panels)
    height = _TOP + _PLOT_HEIGHT + 36 + _LINE * len(names)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        _text(20, 24, title, size=14),
    ]
    for number, (panel, values) in enumerate(panels.items()):
        parts += _panel(20 + number * _PANEL_WIDTH, panel, values, names)
    for number, name in enumerate(names):
        y = _TOP + _PLOT_HEIGHT + 40 + number * _LINE
        parts += [_rect(20, y - 10, 12, 12, number), _text(40, y, name)]
    return "\n".join([*parts, "</svg>", ""])


def _panel(left: float, title: str, values: Mapping[str, float], names: list[str]) -> Iterator[str]:
    highest = max(values.values()) or 1.0
    step = (_PANEL_WIDTH - 20) / len(names)
    for number, name in enumerate(names):
        if name in values:
            height = values[name] / highest * _PLOT_HEIGHT
            x, y = left + number * step, _TOP + _PLOT_HEIGHT - height
            yield _rect(x, y, step - 6, height, number)
            yield _text(x + (step - 6) / 2, y - 4, f"{values[name]:,.0f}", anchor="middle")
    yield _text(left, _TOP + _PLOT_HEIGHT + 16, title)


def _rect(x: float, y: float, width: float, height: float, colour: int) -> str:
    fill = _COLOURS[colour % len(_COLOURS)]
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}"/>'


def _text(x: float, y: float, text: str, *, size: int = 12, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">{escape(text)}</text>'
