"""Secrets taken out of a journal, so that it may be kept in a repository and still replays.

A path leads to values in decoded payloads: ``input.card.number``, ``charge.token`` (of the step ``charge``, its value
and its result), ``state.pin``, ``*.password`` (of any entry), ``**.password`` (at any depth). What is found there is
replaced everywhere in the journal where the same text occurs: a handler that hands it on does so in the replay, too.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any, Final

from restate_reflect.replay._file import JournalFileError, as_data, journal_from
from restate_reflect.replay._recorded import RecordedJournal

__all__ = ["mask_secrets"]

_SHORTEST: Final = 4
"""Characters of a secret that is looked for within other texts, and not as a whole value alone."""


def mask_secrets(journal: RecordedJournal, paths: Iterable[str]) -> RecordedJournal:
    """A copy in which what the paths lead to is replaced, everywhere in the journal.

    Texts become ``masked-1`` and so on, numbers 0; ``true``, ``false`` and ``null`` stay.

    Raises:
        JournalFileError: A path leads nowhere, or a secret is in a payload that is no text, which can't be changed.
    """
    wanted = tuple(paths)
    if not wanted:
        return journal
    data = as_data(journal)
    secrets = _Secrets()
    for path in wanted:
        found = [each for name, form in _payloads(data) for each in _below((name, _value(form)), path.split("."))]
        if not found:
            raise JournalFileError(f"nothing in the journal of {journal.invocation} is at {path!r}")
        for value in found:
            secrets.add(value)
    _replace(data, secrets)
    secrets.look_for_rest(data)
    return replace(journal_from(data), masked=tuple(dict.fromkeys([*journal.masked, *wanted])))


def _value(form: dict[str, Any]) -> Any:
    """What is in a payload; JSON that is written in a way of its own is kept as text."""
    if "text" not in form:
        return form.get("json")
    try:
        return json.loads(form["text"])
    except ValueError:
        return form["text"]


class _Secrets:
    """What is to be replaced, and by what."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._numbers: set[float] = set()

    def add(self, value: Any) -> None:
        match value:
            case str() if value:
                self._texts.setdefault(value, f"masked-{len(self._texts) + 1}")
            case bool() | None:
                pass
            case int() | float():
                self._numbers.add(value)
            case dict() | list():
                for each in value.values() if isinstance(value, dict) else value:
                    self.add(each)
            case _:
                pass

    def masked(self, value: Any) -> Any:
        """The value without secrets."""
        match value:
            case str():
                return self.text(value)
            case dict():
                return {name: self.masked(each) for name, each in value.items()}
            case list():
                return [self.masked(each) for each in value]
            case int() | float() if not isinstance(value, bool) and value in self._numbers:
                return 0
            case _:
                return value

    def text(self, text: str) -> str:
        for secret in sorted(self._texts, key=len, reverse=True):
            if text == secret or (len(secret) >= _SHORTEST and secret in text):
                text = text.replace(secret, self._texts[secret])
        return text

    def look_for_rest(self, data: dict[str, Any]) -> None:
        """Raises ``JournalFileError``: a secret is where it was not replaced."""
        for name, form in _payloads(data):
            body = base64.b64decode(form["base64"]) if "base64" in form else b""
            for secret in self._texts:
                if len(secret) >= _SHORTEST and secret.encode() in body:
                    raise JournalFileError(
                        f"a secret is in a payload of {name!r} that is no text, where it can't be replaced: don't keep"
                        " this journal."
                    )


def _replace(data: dict[str, Any], secrets: _Secrets) -> None:
    for _, form in _payloads(data):
        for kind, change in (("json", secrets.masked), ("text", secrets.text)):
            if kind in form:
                form[kind] = change(form[kind])
    if "failure" in data:
        data["failure"] = secrets.masked(data["failure"])
    for entry in data["entries"]:
        _replace_texts(entry, secrets)


def _replace_texts(entry: dict[str, Any], secrets: _Secrets) -> None:
    """Headers and failures, which are no payloads."""
    for header in entry.get("headers", ()):
        header["value"] = secrets.text(header.get("value", ""))
    for name in ("failure", "completion_failure"):
        if name in entry:
            entry[name] = secrets.masked(entry[name])


def _payloads(data: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every payload, and the name of its entry: ``input``, ``output``, ``state``, or that of the step it belongs to."""
    for name, form in data.get("state", {}).items():
        yield f"state.{name}", form
    named: dict[int, str] = {}
    for entry in data["entries"]:
        name = _name(entry, named)
        for value in entry.values():
            if isinstance(value, dict) and not value.keys().isdisjoint(("json", "text", "base64")):
                yield name, value


def _name(entry: dict[str, Any], named: dict[int, str]) -> str:
    if "completion_id" in entry:
        return named.get(entry["completion_id"], "")
    kind = str(entry["type"]).removesuffix("_command")
    called = entry.get("handler_name") or entry.get("name") or entry.get("entry_name") or entry.get("signal_name")
    name = f"state.{entry['key']}" if kind.endswith("state") and "key" in entry else called or kind
    if "result_completion_id" in entry:
        named[entry["result_completion_id"]] = name
    return str(name)


def _below(found: tuple[str, Any], path: Sequence[str]) -> Iterator[Any]:
    """Values at a path; names of entries may hold dots themselves."""
    name, value = found
    parts = name.split(".")
    if path[0] == "**":
        yield from _at(value, path)
    elif len(path) > len(parts) - 1 and all(map(fnmatchcase, parts, path)):
        yield from _at(value, path[len(parts) :])
    elif len(parts) > 1 and fnmatchcase(name, path[0]):
        yield from _at(value, path[1:])


def _at(value: Any, path: Sequence[str]) -> Iterator[Any]:
    if not path:
        if value is not None:
            yield value
        return
    below = _children(value)
    if path[0] == "**":
        yield from _at(value, path[1:])
        for _, each in below:
            yield from _at(each, path)
        return
    for name, each in below:
        if fnmatchcase(name, path[0]):
            yield from _at(each, path[1:])


def _children(value: Any) -> list[tuple[str, Any]]:
    match value:
        case dict():
            return [(str(name), each) for name, each in value.items()]
        case list():
            return [(str(at), each) for at, each in enumerate(value)]
        case _:
            return []
