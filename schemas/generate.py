"""Regenerates restate_reflect/protocol/_pb2.py and its stub from service_protocol.proto.

    python schemas/generate.py [OUTPUT_DIRECTORY]

Needs the ``dev`` extra (grpcio-tools carries protoc and the stub generator).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

SCHEMAS = Path(__file__).parent
PACKAGE = SCHEMAS.parent / "restate_reflect" / "protocol"
RENAMED = {"service_protocol_pb2.py": "_pb2.py", "service_protocol_pb2.pyi": "_pb2.pyi"}


def generate(target: Path) -> None:
    """Writes the generated module and stub into ``target``."""
    with tempfile.TemporaryDirectory() as scratch:
        arguments = [
            "protoc",
            f"-I{SCHEMAS}",
            f"--python_out={scratch}",
            f"--pyi_out={scratch}",
            "service_protocol.proto",
        ]
        if protoc.main(arguments) != 0:
            raise SystemExit("protoc failed")
        for made, wanted in RENAMED.items():
            target.joinpath(wanted).write_text(Path(scratch, made).read_text())


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else PACKAGE)
