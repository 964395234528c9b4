"""Regenerates restate_reflect/protocol/_pb2.py from service_protocol.proto, protobuf/options_pb2.py, and their stubs.

    python schemas/generate.py [OUTPUT_DIRECTORY]

Needs the ``dev`` extra (grpcio-tools carries protoc and the stub generator).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

SCHEMAS = Path(__file__).parent
PACKAGE = SCHEMAS.parent / "restate_reflect" / "protocol"
RENAMED = {"service_protocol_pb2.py": "_pb2.py", "service_protocol_pb2.pyi": "_pb2.pyi"}


def generate(target: Path) -> None:
    """Writes the generated module and stub into ``target``."""
    with tempfile.TemporaryDirectory() as scratch:
        _compile(SCHEMAS, "service_protocol.proto", Path(scratch))
        for made, wanted in RENAMED.items():
            target.joinpath(wanted).write_text(Path(scratch, made).read_text())


def generate_options() -> None:
    """Beside its .proto, under the name by which other generated modules import it."""
    _compile(SCHEMAS.parent, "restate_reflect/protobuf/options.proto", SCHEMAS.parent)


def _compile(root: Path, proto: str, target: Path) -> None:
    google = Path(grpc_tools.__file__).with_name("_proto")
    arguments = ["protoc", f"-I{root}", f"-I{google}", f"--python_out={target}", f"--pyi_out={target}", proto]
    if protoc.main(arguments) != 0:
        raise SystemExit("protoc failed")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        generate(Path(sys.argv[1]))
    else:
        generate(PACKAGE)
        generate_options()
