"""Findings -> the text of a file without them."""

from __future__ import annotations

import itertools
import tokenize
from collections.abc import Iterable

from restate_reflect.lint._findings import Edit, Finding

__all__ = ["fix_files", "fixed"]


def fixed(source: str, findings: Iterable[Finding]) -> tuple[str, int]:
    """The source with the edits of these findings, and how many of them were mended.

    Where two would change the same place, the first one is; running again takes the next.
    """
    lines = source.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    taken: list[tuple[int, int, bytes]] = []
    mended = 0
    for finding in findings:
        spans = [_span(edit, starts) for edit in finding.edits]
        if spans and not any(_overlaps(span, other) for span in spans for other in taken):
            taken.extend(spans)
            mended += 1
    data = source.encode()
    for start, end, text in sorted(taken, reverse=True):
        data = data[:start] + text + data[end:]
    return data.decode(), mended


def fix_files(findings: Iterable[Finding]) -> int:
    """Writes the files of these findings anew; returns how many findings were mended."""
    mended = 0
    for path, group in itertools.groupby(sorted(findings), key=lambda each: each.path):
        with tokenize.open(path) as file:
            source = file.read()
        text, count = fixed(source, group)
        if count:
            # As it was: the encoding that the file declares, and its line ends.
            path.write_text(text, encoding=file.encoding, newline="\r\n" if b"\r\n" in path.read_bytes() else "\n")
            mended += count
    return mended


def _span(edit: Edit, starts: list[int]) -> tuple[int, int, bytes]:
    (line, column), (end_line, end_column) = edit.start, edit.end
    return starts[line - 1] + column, starts[end_line - 1] + end_column, edit.text.encode()


def _overlaps(one: tuple[int, int, bytes], other: tuple[int, int, bytes]) -> bool:
    return one[:2] == other[:2] or (one[0] < other[1] and other[0] < one[1])
