"""Recorded journals as JSON that people can read and keep in their repository.

Messages are written by the protocol's own names, payloads as ``{"json": …}`` where that is exact to the byte, else as
``{"text": …}`` or ``{"base64": …}``. What is read back is, byte for byte, what was written.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from google.protobuf.message import Message

from restate_reflect.errors import RestateReflectError
from restate_reflect.protocol import pb
from restate_reflect.protocol.framing import is_command, is_notification
from restate_reflect.protocol.messages import MessageType, command_classes
from restate_reflect.replay._recorded import LastFailure, RecordedEntry, RecordedJournal

__all__ = ["FORMAT", "JournalFileError", "as_data", "dump", "journal_from", "load", "loads", "save"]

FORMAT: Final = "restate-reflect-journal/1"
"""The first word of a file, and the version of its form."""


class JournalFileError(RestateReflectError):
    """A file holds no recorded journal, or one that can't be written as asked."""


# ---------------------------------------------------------------- whole files


def load(file: str | Path) -> RecordedJournal:
    """Reads a file that ``save`` has written.

    Raises:
        JournalFileError: It is none; the message names the place, and what is wrong there.
        OSError: It can't be read.
    """
    try:
        return loads(Path(file).read_text(encoding="utf-8"))
    except (JournalFileError, UnicodeDecodeError) as error:
        raise JournalFileError(f"{file}: {error}") from error


def save(journal: RecordedJournal, file: str | Path) -> None:
    """Writes a journal as ``dump`` shows it."""
    Path(file).write_text(dump(journal) + "\n", encoding="utf-8")


def dump(journal: RecordedJournal) -> str:
    """The journal as JSON, one line a field and payloads decoded."""
    return json.dumps(as_data(journal), indent=2, ensure_ascii=False)


def loads(text: str) -> RecordedJournal:
    """Reads what ``dump`` has written. Raises ``JournalFileError``."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise JournalFileError(f"it is no JSON: {error}") from error
    found = data.get("format") if isinstance(data, dict) else None
    if found != FORMAT:
        raise JournalFileError(
            f"its format is {found!r}, and {FORMAT!r} is read here. `restate-reflect replay ID --save FILE` writes one."
        )
    return journal_from(data)


def as_data(journal: RecordedJournal) -> dict[str, Any]:
    """The journal as what ``json.dumps`` takes; what is not known is left out."""
    plain = {each.name: getattr(journal, each.name) for each in fields(journal)}
    entries, state, failure = plain.pop("entries"), plain.pop("state"), plain.pop("failure")
    data: dict[str, Any] = {"format": FORMAT} | {name: _plain(value) for name, value in plain.items() if value}
    if failure is not None:
        known = {each.name: getattr(failure, each.name) for each in fields(failure)}
        data["failure"] = {name: value for name, value in known.items() if value is not None}
    if state is not None:
        data["state"] = {name: payload_form(value) for name, value in state.items()}
    return data | {"entries": [_entry(each) for each in entries]}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else list(value) if isinstance(value, tuple) else value


def journal_from(data: dict[str, Any]) -> RecordedJournal:
    """What ``as_data`` was given. Raises ``JournalFileError``."""
    given = {name: value for name, value in data.items() if name != "format"}
    known = {each.name for each in fields(RecordedJournal)}
    if unknown := given.keys() - known:
        raise JournalFileError(f"it has {', '.join(sorted(unknown))}, which no journal has; known are {sorted(known)}")
    if missing := {"invocation", "service", "handler", "protocol", "entries"} - given.keys():
        raise JournalFileError(f"it has no {', '.join(sorted(missing))}")
    entries = given.pop("entries")
    given["entries"] = tuple(_at(f"entries[{at}]", _read_entry, each) for at, each in enumerate(entries))
    for name, read in _READERS.items():
        if given.get(name) is not None:
            given[name] = _at(name, read, given[name])
    return RecordedJournal(**given)


def _at(place: str, read: Callable[[Any], Any], value: Any) -> Any:
    try:
        return read(value)
    except JournalFileError as error:
        raise JournalFileError(f"{place}{error}") from error
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise JournalFileError(f"{place}: {type(error).__name__}: {error}") from error


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "recorded_at": datetime.fromisoformat,
    "masked": tuple,
    "failure": lambda data: LastFailure(**data),
    "state": lambda data: {name: payload_bytes(value) for name, value in data.items()},
}


# ---------------------------------------------------------------- entries


def _entry(entry: RecordedEntry) -> dict[str, Any]:
    named = _class_of(entry.type)
    head: dict[str, Any] = {"type": _word(entry.type)}
    if entry.appended_at is not None:
        head["at"] = entry.appended_at.isoformat()
    raw = {"raw": base64.b64encode(entry.payload).decode()}
    if named is None:
        return head | raw
    shown, again = _fields(named.FromString(entry.payload)), named()
    _fill(again, shown)
    exact = again.SerializeToString() == entry.payload  # not with fields of a newer protocol, or in another order
    return head | shown | ({} if exact else raw)


def _read_entry(data: dict[str, Any]) -> RecordedEntry:
    given = dict(data)
    type_, at, raw = _number(given.pop("type")), given.pop("at", None), given.pop("raw", None)
    appended_at = None if at is None else datetime.fromisoformat(at)
    if raw is not None:
        return RecordedEntry(type_, base64.b64decode(raw, validate=True), appended_at)
    named = _class_of(type_)
    if named is None:
        raise JournalFileError(f": type {type_} is not known here, and it has no 'raw'")
    message = named()
    _fill(message, given)
    return RecordedEntry(type_, message.SerializeToString(), appended_at)


def _word(type_: int) -> str | int:
    try:
        return MessageType(type_).name.lower()
    except ValueError:  # of a newer protocol
        return type_


def _number(word: str | int) -> int:
    if isinstance(word, int):
        return word
    try:
        return MessageType[word.upper()]
    except KeyError:
        raise JournalFileError(f": there is no type {word!r} of entry") from None


def _class_of(type_: int) -> type[Message] | None:
    if is_command(type_):
        return command_classes().get(type_)
    return pb.Notification if is_notification(type_) else None


# ---------------------------------------------------------------- messages


def _fields(message: Message) -> dict[str, Any]:
    return {field.name: _shown(field, value) for field, value in message.ListFields()}


def _shown(field: Any, value: Any) -> Any:
    if _is_repeated(value):
        return [_one_shown(field, each) for each in value]
    return _one_shown(field, value)


def _is_repeated(value: Any) -> bool:
    """Of a field's value, as its descriptor says it by other names in every version of protobuf."""
    return hasattr(value, "extend")


def _one_shown(field: Any, value: Any) -> Any:
    if isinstance(value, pb.Value):
        return payload_form(value.content)
    if isinstance(value, Message):
        return _fields(value)
    if isinstance(value, bytes):
        return _key_form(value) if field.name in _KEYS else payload_form(value)
    return value


_KEYS: Final = frozenset({"key", "keys"})
"""Bytes that are text: names of state."""


def _key_form(key: bytes) -> Any:
    try:
        return key.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(key).decode()}


def _fill(message: Message, data: Mapping[str, Any]) -> None:
    message.SetInParent()
    known = message.DESCRIPTOR.fields_by_name
    for name, value in data.items():
        field = known.get(name)
        if field is None:
            raise JournalFileError(f".{name}: a {message.DESCRIPTOR.name} has no such field; it has {', '.join(known)}")
        _at(f".{name}", lambda value, field=field: _set(message, field, value), value)  # type: ignore[misc]


def _set(message: Any, field: Any, value: Any) -> None:
    target = getattr(message, field.name)
    if not _is_repeated(target):
        if field.message_type is None:
            setattr(message, field.name, payload_bytes(value) if field.type == field.TYPE_BYTES else value)
        else:
            _fill_one(target, value)
        return
    for each in value:
        if field.message_type is None:
            target.append(payload_bytes(each) if field.type == field.TYPE_BYTES else each)
        else:
            _fill_one(target.add(), each)


def _fill_one(target: Any, value: Any) -> None:
    if isinstance(target, pb.Value):
        target.content = payload_bytes(value)
        target.SetInParent()
    else:
        _fill(target, value)


# ---------------------------------------------------------------- payloads


def payload_form(body: bytes) -> dict[str, Any]:
    """Bytes as JSON that people can read."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}
    try:
        value = json.loads(text)
        style = next((name for name, write in _STYLES.items() if write(value) == text), None)
    except (ValueError, RecursionError):
        return {"text": text}
    if style is None:
        return {"text": text}
    return {"json": value} | ({"style": style} if style else {})


def _style(*, spaces: bool, ascii_only: bool) -> Callable[[Any], str]:
    separators = (", ", ": ") if spaces else (",", ":")
    return partial(json.dumps, ensure_ascii=ascii_only, separators=separators, allow_nan=False)


_STYLES: Final[dict[str, Callable[[Any], str]]] = {
    "": _style(spaces=False, ascii_only=False),
    "spaces": _style(spaces=True, ascii_only=False),
    "ascii": _style(spaces=False, ascii_only=True),
    "spaces, ascii": _style(spaces=True, ascii_only=True),
}
"""How JSON is written: by this package, and by most others."""


def payload_bytes(form: Any) -> bytes:
    """What ``payload_form`` was given."""
    match form:
        case str():
            return form.encode()
        case {"json": value, **rest} if rest.keys() <= {"style"}:
            return _STYLES[str(rest.get("style", ""))](value).encode()
        case {"text": str(text), **rest} if not rest:
            return text.encode()
        case {"base64": str(text), **rest} if not rest:
            try:
                return base64.b64decode(text, validate=True)
            except binascii.Error as error:
                raise JournalFileError(f": no base64: {error}") from error
        case _:
            pass
    raise JournalFileError(': a payload is one of {"json": …}, {"text": "…"} and {"base64": "…"}')
