"""``protoc-gen-restate-reflect``: a plugin of protoc, which sends a request on stdin and reads files from stdout."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest, CodeGeneratorResponse
from google.protobuf.descriptor_pb2 import Edition

from restate_reflect.protobuf._model import Encoding
from restate_reflect.protobuf._options import UnreadableFileError
from restate_reflect.protobuf._read import Reader
from restate_reflect.protobuf._render import render

__all__ = ["generate", "main"]

_HELP: Final = """\
protoc-gen-restate-reflect makes Python interfaces of the services in .proto files. protoc runs it:

    protoc -I. -I"$(protoc-gen-restate-reflect --include)" \\
        --python_out=. --pyi_out=. --restate-reflect_out=. shop.proto

Parameter, by --restate-reflect_opt=...:
    encoding=binary|json   of services that don't say it by the option (restate_reflect.encoding); binary if not given

Alone it knows --include (the folder of restate_reflect/protobuf/options.proto, for -I) and --help.
"""


class _ParameterError(Exception):
    """The message says what was wrong, and what there is."""


def generate(request: CodeGeneratorRequest) -> CodeGeneratorResponse:
    """The files for a request, or an ``error`` with a line for each problem."""
    response = CodeGeneratorResponse(
        supported_features=CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL
        | CodeGeneratorResponse.FEATURE_SUPPORTS_EDITIONS,
        minimum_edition=Edition.EDITION_PROTO2,
        maximum_edition=Edition.EDITION_2023,
    )
    try:
        reader = Reader(request, _encoding(request.parameter))
    except (_ParameterError, UnreadableFileError) as error:
        response.error = str(error)
        return response
    files = reader.files()
    if reader.problems:
        response.error = "\n".join(reader.problems)
        return response
    for file in files:
        response.file.add(name=_output_name(file.path), content=render(file))
    return response


def _output_name(path: str) -> str:
    """Beside the module of the messages: ``shop/my_orders_restate.py``."""
    return path.removesuffix(".proto").replace("-", "_") + "_restate.py"


def _encoding(parameter: str) -> Encoding:
    encoding = Encoding.BINARY
    for item in filter(None, parameter.split(",")):
        name, _, value = item.partition("=")
        if name != "encoding":
            raise _ParameterError(f"unknown parameter '{name}'. There is encoding=binary|json.")
        try:
            encoding = Encoding(value)
        except ValueError:
            raise _ParameterError(f"encoding={value}: there are binary and json.") from None
    return encoding


def main() -> None:
    """The console script."""
    match sys.argv[1:]:
        case ["--include"]:
            print(Path(__file__).parents[2])
        case [] if not sys.stdin.isatty():
            request = CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
            sys.stdout.buffer.write(generate(request).SerializeToString())
        case ["--help"]:
            print(_HELP, end="")
        case _:
            print(_HELP, end="", file=sys.stderr)
            raise SystemExit(2)


if __name__ == "__main__":
    main()
