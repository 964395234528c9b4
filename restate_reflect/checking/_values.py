"""Recorded values, read with the types of the code: inputs, outputs, stored state."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from types import CodeType
from typing import Any

from restate_reflect.checking._report import Kind, Report
from restate_reflect.codecs import Codec, codec_for
from restate_reflect.context import State
from restate_reflect.definitions import HandlerDefinition, ServiceDefinition
from restate_reflect.generics import unbound_variables
from restate_reflect.protocol import pb
from restate_reflect.protocol.messages import MessageType
from restate_reflect.replay import RecordedJournal

__all__ = ["StateReader", "check_values", "declared_state", "reads_input"]

StateRow = tuple[str, str, bytes]
"""Key of the object, name, value."""


def declared_state(service: ServiceDefinition) -> Iterator[tuple[str, Codec[Any]]]:
    """The declared keys of a class."""
    holder = service.cls if service.instance is None else service.instance
    names = (name for base in service.cls.__mro__ for name, value in vars(base).items() if isinstance(value, State))
    for declared in (getattr(holder, name, None) for name in names):
        if isinstance(declared, State) and not unbound_variables(declared.type):
            yield declared.name, codec_for(declared.type)


def reads_input(journal: RecordedJournal, handler: HandlerDefinition) -> str | None:
    """Why the handler refuses the input of an invocation; ``None`` if it does not."""
    message = pb.InputCommandMessage.FromString(journal.entries[0].payload)
    try:
        handler.input.decode(message.value.content)
    except Exception as error:
        return _said(error)
    return None


def check_values(journal: RecordedJournal, handler: HandlerDefinition, report: Report) -> bool:
    """Adds what can't be read; whether the input can."""
    where = f"{journal.service}/{journal.handler}"
    reason = reads_input(journal, handler)
    if reason is not None:
        report.add(Kind.INPUT, where, f"a recorded input is refused: {reason}", journal.invocation)
    last = journal.entries[-1]
    if last.type == MessageType.OUTPUT_COMMAND:
        output = pb.OutputCommandMessage.FromString(last.payload)
        if output.HasField("value"):
            _output(where, output.value.content, journal.invocation, handler, report)
    return reason is None


def _output(where: str, content: bytes, invocation: str, handler: HandlerDefinition, report: Report) -> None:
    try:
        handler.output.decode(content)
    except Exception as error:
        report.add(Kind.OUTPUT, where, f"a recorded output is refused: {_said(error)}", invocation)


def _said(error: Exception) -> str:
    """The beginning of it, without the value: what is refused for one reason is one finding."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return re.sub(r"\s*\(got .*", "", " ".join(lines))[:200].rstrip(".") + "."


class StateReader:
    """Reads what is stored for the keys of one service."""

    def __init__(self, service: ServiceDefinition) -> None:
        self._service = service
        self._codecs = dict(declared_state(service))
        self._named = self._codecs.keys() | _constants(service)
        self._stored: set[str] = set()
        self._unknown: dict[str, list[str]] = {}

    def read(self, rows: Iterable[StateRow], report: Report) -> None:
        """Adds values that the declared types refuse."""
        for key, name, value in rows:
            self._stored.add(name)
            codec = self._codecs.get(name)
            if codec is None:
                if name not in self._named:
                    self._unknown.setdefault(name, []).append(key)
                continue
            try:
                codec.decode(value)
            except Exception as error:
                report.add(
                    Kind.STATE, f"{self._service.name}.{name}", f"a stored value is refused: {_said(error)}", key
                )

    def finish(self, report: Report) -> None:
        """Adds names that the code does not know, if it has new ones in their place."""
        new = [name for name in self._codecs if name not in self._stored]
        for name, keys in self._unknown.items():
            if not new:
                report.notes.append(
                    f"{self._service.name}.{name} is stored for {len(keys)} keys, and not read any more."
                )
                continue
            text = f"it is stored, and the code reads {' and '.join(new)} in its place: was it renamed?"
            for key in keys:
                report.add(Kind.STATE_RENAMED, f"{self._service.name}.{name}", text, key)


def _constants(service: ServiceDefinition) -> set[str]:
    """Texts in the code of a class: names of state that is not declared."""
    found: set[str] = set()
    for base in service.cls.__mro__:
        for value in vars(base).values():
            code = getattr(getattr(value, "__func__", value), "__code__", None)
            if isinstance(code, CodeType):
                found.update(_texts(code))
    return found


def _texts(code: CodeType) -> Iterator[str]:
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, CodeType):
            yield from _texts(constant)
