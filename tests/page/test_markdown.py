"""Docstrings as blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restate_reflect.page._markdown import blocks_of


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "spans": [{"type": "text", "text": value}]}


@pytest.mark.parametrize(
    "source, blocks",
    [
        (None, []),
        ("One\nline.", [text("One line.")]),
        ("One.\n\nTwo.", [text("One."), text("Two.")]),
        (
            "- a\n- b\n  more",
            [{"type": "list", "ordered": False, "items": [text("a")["spans"], text("b more")["spans"]]}],
        ),
        ("1. a\n2) b", [{"type": "list", "ordered": True, "items": [text("a")["spans"], text("b")["spans"]]}]),
        ("```py\nx  = 1\n\ny\n```", [{"type": "code", "text": "x  = 1\n\ny"}]),
        ("So::\n\n    x = 1\n      y", [text("So:"), {"type": "code", "text": "x = 1\n  y"}]),
        ("## Title ##", [{"type": "heading", "spans": text("Title")["spans"]}]),
        (
            "Args:\n    a: The\n        first.\n    b (int): Other.",
            [
                {"type": "heading", "spans": text("Args")["spans"]},
                {
                    "type": "terms",
                    "items": [
                        {"term": "a", "spans": text("The first.")["spans"]},
                        {"term": "b (int)", "spans": text("Other.")["spans"]},
                    ],
                },
            ],
        ),
        ("Returns:\n    The sum.", [{"type": "heading", "spans": text("Returns")["spans"]}, text("The sum.")]),
        ("<b>&amp;</b>", [text("<b>&amp;</b>")]),
        ("```\nnever closed", [{"type": "code", "text": "never closed"}]),
        ("a * b * c, 2**3, f(*args)", [text("a * b * c, 2**3, f(*args)")]),
    ],
)
def test_blocks(source: str | None, blocks: list[dict[str, Any]]) -> None:
    """The subset, and what only looks like it."""
    assert blocks_of(source) == blocks


@pytest.mark.parametrize(
    "source, span",
    [
        ("`a`", {"type": "code", "text": "a"}),
        ("``a`b``", {"type": "code", "text": "a`b"}),
        ("**a b**", {"type": "strong", "text": "a b"}),
        ("*a b*", {"type": "em", "text": "a b"}),
        ("[a](https://x.org/y?z)", {"type": "link", "text": "a", "href": "https://x.org/y?z"}),
        ("https://x.org/y", {"type": "link", "text": "https://x.org/y", "href": "https://x.org/y"}),
        ("[a](javascript:alert(1))", {"type": "text", "text": "[a](javascript:alert(1))"}),
    ],
)
def test_spans(source: str, span: dict[str, str]) -> None:
    """Code, emphasis, and links to http(s) only."""
    assert blocks_of(source) == [{"type": "text", "spans": [span]}]


def spans_of(node: Any) -> Iterator[dict[str, str]]:
    if isinstance(node, list):
        for part in node:
            yield from spans_of(part)
    elif isinstance(node, dict) and "spans" in node:
        yield from node["spans"]
    elif isinstance(node, dict):
        yield from spans_of(list(node.values()))


PIECES = [
    "*", "**", "`", "``", "[", "](", ")", "http://", "javascript:", "- ", "1. ", "\n", "\n\n", "    ", "```", "::",
    "Args:", "a: b", "#", "x", " ", "\t", "<b>",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.text(max_size=60))
def test_any_text_gives_blocks_and_no_dangerous_link(source: str) -> None:
    """It always ends, and a link can only lead to http(s)."""
    for block in blocks_of(source):
        assert block["type"] in {"text", "heading", "code", "list", "terms"}
        for span in spans_of(block):
            assert span["type"] in {"text", "code", "em", "strong", "link"}
            assert span.get("href", "https://").startswith(("http://", "https://"))


@given(st.lists(st.text("abc <>&\"'", min_size=1, max_size=8).map(str.strip).filter(bool), min_size=1, max_size=5))
def test_plain_words_are_kept(words: list[str]) -> None:
    """In their order."""
    shown = [span["text"] for block in blocks_of("\n\n".join(words)) for span in block["spans"]]
    assert shown == words
