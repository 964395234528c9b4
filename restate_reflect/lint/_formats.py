"""Findings -> text, JSON, annotations of GitHub's actions, SARIF 2.1.0."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from restate_reflect.lint._findings import Finding
from restate_reflect.lint._rules import RULES

__all__ = ["FORMATS", "render"]


def render(findings: Sequence[Finding], format_: str) -> str:
    """All findings in one of ``FORMATS``, without a newline at the end."""
    return _WRITERS[format_](findings)


def _text(findings: Sequence[Finding]) -> str:
    return "\n".join(
        f"{_shown(each.path)}:{each.line}:{each.column}: {each.code}{' [*]' if each.edits else ''} {each.message}"
        for each in findings
    )


def _json(findings: Sequence[Finding]) -> str:
    return json.dumps([_object(each) for each in findings], indent=2)


def _object(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "name": RULES[finding.code].name,
        "message": finding.message,
        "filename": _shown(finding.path),
        "location": {"row": finding.line, "column": finding.column},
        "fixable": bool(finding.edits),
    }


def _github(findings: Sequence[Finding]) -> str:
    """https://docs.github.com/actions: workflow commands, with their escapes."""
    return "\n".join(
        f"::error title={each.code},file={_escaped(_shown(each.path))},line={each.line},col={each.column}::"
        f"{each.code} {each.message.replace('%', '%25').replace(chr(10), '%0A')}"
        for each in findings
    )


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace(",", "%2C").replace(":", "%3A")


def _sarif(findings: Sequence[Finding]) -> str:
    rules = [{"id": rule.code, "name": rule.name, "shortDescription": {"text": rule.title}} for rule in RULES.values()]
    run = {
        "tool": {"driver": {"name": "restate-reflect", "rules": rules}},
        "results": [_result(each) for each in findings],
    }
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2)


def _result(finding: Finding) -> dict[str, Any]:
    region = {"startLine": finding.line, "startColumn": finding.column}
    place = {"artifactLocation": {"uri": Path(_shown(finding.path)).as_posix()}, "region": region}
    return {
        "ruleId": finding.code,
        "level": "error",
        "message": {"text": finding.message},
        "locations": [{"physicalLocation": place}],
    }


def _shown(path: Path) -> str:
    """Relative to where one stands, as other tools print it."""
    full, here = path.resolve(), Path.cwd()
    return str(full.relative_to(here)) if full.is_relative_to(here) else str(path)


_WRITERS: Final[dict[str, Callable[[Sequence[Finding]], str]]] = {
    "text": _text,
    "json": _json,
    "github": _github,
    "sarif": _sarif,
}
FORMATS: Final = tuple(_WRITERS)
