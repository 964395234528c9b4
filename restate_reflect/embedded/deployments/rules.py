"""What the ingress asks of a body, and which content type it answers with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["InputRule", "InputRules", "OutputRules", "RuleError", "input_rules", "output_rules"]


class RuleError(ValueError):
    """A request's body or content type is not what the handler takes; the message is restate-server's."""


@dataclass(frozen=True, slots=True)
class InputRule:
    """One thing that a body may be: nothing (``content_type`` is ``None``), or of a content type."""

    content_type: str | None
    non_empty: bool = False

    def check(self, given: str | None, body: bytes) -> None:
        """Raises ``RuleError``."""
        if self.content_type is None:
            self._check_nothing(given, body)
            return
        if given is None:
            raise RuleError("Empty content-type")
        if not _matches(self.content_type, given):
            raise RuleError(f"Content-type '{given}' does not match '{self.content_type}'")
        if self.non_empty and not body:
            raise RuleError("Empty body not allowed")

    def _check_nothing(self, given: str | None, body: bytes) -> None:
        if body or given is not None:
            shown = "None" if given is None else 'Some("' + given.translate(_SHOWN) + '")'
            raise RuleError(f"Expected body and content-type to be empty, but wasn't with content-type '{shown}'")


_SHOWN: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\t": "\\t"})
"""As Rust shows texts; of control characters headers have tabs only."""


def _matches(wanted: str, given: str) -> bool:
    kind, slash, subkind = given.partition(";")[0].strip().partition("/")
    wanted_kind, _, wanted_subkind = wanted.partition("/")
    if wanted == "*/*":
        return True
    return bool(slash) and kind == wanted_kind and wanted_subkind in ("*", subkind)


@dataclass(frozen=True, slots=True)
class InputRules:
    """Any one of the rules suffices; the error is that of the last."""

    rules: tuple[InputRule, ...]
    description: str
    schema: Any = None

    def check(self, content_type: str | None, body: bytes) -> None:
        """Raises ``RuleError``."""
        for rule in self.rules[:-1]:
            try:
                rule.check(content_type, body)
            except RuleError:
                continue
            return
        self.rules[-1].check(content_type, body)


@dataclass(frozen=True, slots=True)
class OutputRules:
    """The content type of an answer."""

    content_type: str | None
    if_empty: bool
    description: str
    schema: Any = None

    def content_type_for(self, body: bytes) -> str | None:
        return self.content_type if body or self.if_empty else None


def input_rules(described: Mapping[str, Any] | None) -> InputRules:
    """From a handler's ``input`` in the manifest; without one, anything goes."""
    if described is None:
        described = {"required": False, "contentType": "*/*"}
    content_type = described.get("contentType")
    if content_type is None:
        return InputRules((InputRule(None),), "none")
    schema = described.get("jsonSchema")
    rule = InputRule(content_type.strip(), non_empty=schema is not None)
    nothing = () if described.get("required", False) else (InputRule(None),)
    return InputRules((*nothing, rule), _describe(schema, content_type), schema)


def output_rules(described: Mapping[str, Any] | None) -> OutputRules:
    """From a handler's ``output`` in the manifest; without one, JSON."""
    if described is None:
        return OutputRules("application/json", False, "application/json")
    content_type = described.get("contentType")
    if content_type is None:
        return OutputRules(None, False, "none")
    if_empty = bool(described.get("setContentTypeIfEmpty", False))
    schema = described.get("jsonSchema")
    text = f"optional {content_type}" if if_empty else content_type
    return OutputRules(content_type, if_empty, _describe(schema, text), schema)


def _describe(schema: Any, otherwise: str) -> str:
    if isinstance(schema, dict):
        if isinstance(schema.get("title"), str):
            return f"JSON '{schema['title']}'"
        if isinstance(schema.get("type"), str):
            return f"JSON {schema['type']}"
    return otherwise
