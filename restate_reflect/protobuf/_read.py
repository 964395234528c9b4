"""protoc's request to ``File`` objects; what Restate or Python can't have becomes a problem with its line."""

from __future__ import annotations

import keyword
from collections.abc import Iterator
from typing import Final

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FileDescriptorProto,
    MethodDescriptorProto,
    ServiceDescriptorProto,
)

from restate_reflect.definitions import ServiceKind
from restate_reflect.protobuf._kinds import HANDLER_KINDS, context_of, encoding_of, handler_word, service_kind
from restate_reflect.protobuf._model import Encoding, File, Message, Method, Service
from restate_reflect.protobuf._options import Options
from restate_reflect.protobuf._places import Places
from restate_reflect.reflection._naming import service_name_faults

__all__ = ["Reader", "python_module"]

_SERVICE_FIELD: Final = FileDescriptorProto.SERVICE_FIELD_NUMBER
_METHOD_FIELD: Final = ServiceDescriptorProto.METHOD_FIELD_NUMBER


def python_module(path: str) -> str:
    """The module that protoc's Python generator makes of a .proto file: ``shop/v1/my-orders.proto``."""
    return path.removesuffix(".proto").replace("-", "_").replace("/", ".") + "_pb2"


class Reader:
    """Reads the files of one request. Problems are collected in ``problems``, one line each."""

    def __init__(self, request: CodeGeneratorRequest, encoding: Encoding) -> None:
        self.problems: list[str] = []
        self._encoding = encoding
        self._options = Options(request.proto_file)
        self._messages = {name: message for file in request.proto_file for name, message in _messages(file)}
        wanted = set(request.file_to_generate)
        self._files = [file for file in request.proto_file if file.name in wanted]

    def files(self) -> list[File]:
        """Those that have services."""
        return [self._file(file) for file in self._files if file.service]

    def _file(self, file: FileDescriptorProto) -> File:
        places = Places(file)
        services = [self._service(file, index, places) for index in range(len(file.service))]
        return File(file.name, tuple(services))

    def _service(self, file: FileDescriptorProto, index: int, places: Places) -> Service:
        proto, place = file.service[index], (_SERVICE_FIELD, index)
        full_name = f"{file.package}.{proto.name}" if file.package else proto.name
        where = f"{places.line(place)}: service {full_name}"
        for _, what, fix in service_name_faults(full_name):
            self.problems.append(f"{where}: {what} {fix}")
        self._check_python_name(where, proto.name)
        options = self._options.read(proto.options)
        kind = service_kind(options)
        words = [handler_word(self._options.read(method.options), kind, method.name) for method in proto.method]
        self._check_service(where, kind, words)
        methods = [
            self._method(proto.method[at], word, kind, full_name, (*place, _METHOD_FIELD, at), places)
            for at, word in enumerate(words)
        ]
        documentation = _documentation(places.comment(place), proto.options.deprecated)
        encoding = encoding_of(options, self._encoding)
        return Service(proto.name, full_name, kind, encoding, tuple(methods), documentation)

    def _check_service(self, where: str, kind: ServiceKind, words: list[str]) -> None:
        if not words:
            self.problems.append(f"{where}: it has no rpc. Give it one, or remove it.")
        elif kind is ServiceKind.WORKFLOW and words.count("RUN") != 1:
            count = "several rpcs run" if "RUN" in words else "no rpc runs"
            fix = "Name exactly one 'Run', or give one the option (restate_reflect.handler) = RUN."
            self.problems.append(f"{where}: it is a workflow, and {count} it. {fix}")

    def _method(
        self,
        proto: MethodDescriptorProto,
        word: str,
        kind: ServiceKind,
        service: str,
        place: tuple[int, ...],
        places: Places,
    ) -> Method:
        where = f"{places.line(place)}: rpc {service}.{proto.name}"
        self._check_method(where, proto)
        context = context_of(kind, word)
        if context is None:
            allowed = " or ".join(HANDLER_KINDS[kind])
            what = f"{word} in a service of kind {kind.value}"
            self.problems.append(f"{where}: {what}. Use {allowed}, or the option (restate_reflect.kind).")
        return Method(
            proto.name,
            context or "Context",
            self._message(where, proto.input_type),
            self._message(where, proto.output_type),
            _documentation(places.comment(place), proto.options.deprecated),
        )

    def _check_method(self, where: str, proto: MethodDescriptorProto) -> None:
        self._check_python_name(where, proto.name)
        if proto.client_streaming or proto.server_streaming:
            what = "it streams, and a Restate handler takes one message and returns one."
            fix = "Make it unary, such as with a repeated field, or move it to a service of its own in another file."
            self.problems.append(f"{where}: {what} {fix}")

    def _message(self, where: str, name: str) -> Message:
        """Of protoc they are identifiers; a request may come from elsewhere, and folders may be called anything."""
        message = self._messages[name]
        if not all(part.isidentifier() for part in f"{message.module}.{message.name}".split(".")):
            what = f"the message {message.name!r} would be in the module {message.module!r}, which Python can't import."
            self.problems.append(f"{where}: {what} Rename the file, its folder or the message.")
        return message

    def _check_python_name(self, where: str, name: str) -> None:
        if not name.isidentifier():
            self.problems.append(f"{where}: {name!r} is no name in Python. Rename it.")
        elif keyword.iskeyword(name):
            self.problems.append(f"{where}: '{name}' is a keyword of Python. Rename it.")
        elif name.startswith("_"):
            self.problems.append(f"{where}: '{name}' is private in Python. Rename it, without the underscore.")


def _documentation(comment: str, deprecated: bool) -> str | None:
    return "\n\n".join(filter(None, [comment, "Deprecated." if deprecated else ""])) or None


def _messages(file: FileDescriptorProto) -> Iterator[tuple[str, Message]]:
    """By type name, which starts with a dot."""
    module = python_module(file.name)
    prefix = f".{file.package}." if file.package else "."
    for message in file.message_type:
        yield from _nested(message, prefix, "", module)


def _nested(message: DescriptorProto, prefix: str, outer: str, module: str) -> Iterator[tuple[str, Message]]:
    name = f"{outer}{message.name}"
    yield f"{prefix}{name}", Message(module, name)
    for inner in message.nested_type:
        yield from _nested(inner, prefix, f"{name}.", module)
