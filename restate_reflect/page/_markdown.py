"""Docstrings to blocks of text that a page can show without trusting them: plain data, no HTML.

A small subset of what people write in docstrings: paragraphs, lists, fenced and indented code, headings, and the
sections of Google style (``Args:``). Inline: code, emphasis, links to http(s).
"""

from __future__ import annotations

import re
import textwrap
from typing import Any, Final

__all__ = ["blocks_of"]

Block = dict[str, Any]
Span = dict[str, str]

_SECTION: Final = re.compile(
    r"(Args|Arguments|Parameters|Returns|Yields|Raises|Examples?|Notes?|Warnings?|Attributes):"
)
_ITEM: Final = re.compile(r"(?P<mark>[-*+]|\d+[.)])\s+(?P<text>.*)")
_HEADING: Final = re.compile(r"(#{1,6})\s+(.*?)\s*#*")
_TERM: Final = re.compile(r"(?P<term>\*{0,2}[\w.]+(?: \([^)]*\))?):\s+(?P<text>.*)")
_INLINE: Final = re.compile(
    r"(?P<code>(?P<ticks>`+)(?P<inner>.+?)(?P=ticks)(?!`))"
    r"|\[(?P<label>[^\]\[]+)\]\((?P<href>https?://[^\s()]+)\)"
    r"|(?P<url>https?://[^\s<>()\[\]`\"']*[^\s<>()\[\]`\"'.,;:!?])"
    r"|\*\*(?P<strong>[^*]+?)\*\*"
    r"|(?<![\w*])\*(?P<em>[^*\s](?:[^*]*[^*\s])?)\*(?![\w*])"
)


def blocks_of(text: str | None) -> list[Block]:
    """Blocks: ``{"type": "text" | "heading" | "code" | "list" | "terms", ...}``."""
    return _Reader((text or "").expandtabs().splitlines()).blocks()


class _Reader:
    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._at = 0

    def blocks(self) -> list[Block]:
        found: list[Block] = []
        while self._at < len(self._lines):
            if not self._lines[self._at].strip():
                self._at += 1
            else:
                found += self._block()
        return found

    def _block(self) -> list[Block]:
        line = self._lines[self._at]
        if line.lstrip().startswith("```"):
            return [self._fenced()]
        if line.startswith("    "):
            return [_code("\n".join(self._indented()))]
        if heading := _HEADING.fullmatch(line.strip()):
            self._at += 1
            return [{"type": "heading", "spans": _spans(heading[2])}]
        if section := _SECTION.fullmatch(line.rstrip()):
            self._at += 1
            return [{"type": "heading", "spans": _spans(section[1])}, *_section(self._indented())]
        return [self._list()] if _ITEM.fullmatch(line.strip()) else self._paragraph()

    def _fenced(self) -> Block:
        margin = len(self._lines[self._at]) - len(self._lines[self._at].lstrip())
        self._at += 1
        inside: list[str] = []
        while self._at < len(self._lines) and self._lines[self._at].strip() != "```":
            inside.append(self._lines[self._at][margin:])
            self._at += 1
        self._at += 1
        return _code("\n".join(inside))

    def _indented(self) -> list[str]:
        """Lines that begin with a space, blank ones between them included; dedented."""
        start = self._at
        while self._at < len(self._lines) and (self._lines[self._at][:1] in ("", " ")):
            self._at += 1
        return textwrap.dedent("\n".join(self._lines[start : self._at])).strip("\n").splitlines()

    def _list(self) -> Block:
        items: list[str] = []
        ordered = self._lines[self._at].strip()[0].isdigit()
        while self._at < len(self._lines) and (line := self._lines[self._at].strip()):
            item = _ITEM.fullmatch(line)
            if item:
                items.append(item["text"])
            else:
                items[-1] += f" {line}"
            self._at += 1
        return {"type": "list", "ordered": ordered, "items": [_spans(item) for item in items]}

    def _paragraph(self) -> list[Block]:
        start = self._at
        while self._at < len(self._lines) and self._continues(start):
            self._at += 1
        text = " ".join(line.strip() for line in self._lines[start : self._at])
        literal = text.endswith("::")  # reStructuredText: what is indented below is code
        shown = text[:-1] if literal else text
        return [{"type": "text", "spans": _spans(shown)}] if shown != ":" else []

    def _continues(self, start: int) -> bool:
        line = self._lines[self._at].strip()
        if self._at == start:
            return True
        return bool(line) and not (line.startswith("```") or _ITEM.fullmatch(line) or _SECTION.fullmatch(line))


def _section(lines: list[str]) -> list[Block]:
    """``name: text`` entries as terms; any other content as blocks of its own."""
    entries: list[tuple[str, str]] = []
    for line in lines:
        term = _TERM.fullmatch(line)
        if term:
            entries.append((term["term"], term["text"]))
        elif entries and (line.startswith(" ") or not line):
            entries[-1] = entries[-1][0], f"{entries[-1][1]} {line.strip()}".strip()
        else:
            return _Reader(lines).blocks()
    return [{"type": "terms", "items": [{"term": term, "spans": _spans(text)} for term, text in entries]}]


def _code(text: str) -> Block:
    return {"type": "code", "text": text.strip("\n")}


def _spans(text: str) -> list[Span]:
    spans: list[Span] = []
    at = 0
    for found in _INLINE.finditer(text):
        if found.start() > at:
            spans.append({"type": "text", "text": text[at : found.start()]})
        spans.append(_span(found))
        at = found.end()
    return [*spans, *([{"type": "text", "text": text[at:]}] if at < len(text) else [])]


def _span(found: re.Match[str]) -> Span:
    if found["code"]:
        return {"type": "code", "text": found["inner"].strip()}
    if found["label"]:
        return {"type": "link", "text": found["label"], "href": found["href"]}
    if found["url"]:
        return {"type": "link", "text": found["url"], "href": found["url"]}
    kind = "strong" if found["strong"] else "em"
    return {"type": kind, "text": found[kind]}
