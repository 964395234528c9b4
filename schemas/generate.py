"""Regenerates restate_reflect/protocol/_pb2.py from service_protocol.proto, protobuf/options_pb2.py, and their stubs.

    python schemas/generate.py [OUTPUT_DIRECTORY]

Needs the ``schemas`` extra, which brings the one protoc that made them.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

SCHEMAS = Path(__file__).parent
PACKAGE = SCHEMAS.parent / "restate_reflect" / "protocol"
RENAMED = {"service_protocol_pb2.py": "_pb2.py", "service_protocol_pb2.pyi": "_pb2.pyi"}


def protoc() -> Path | None:
    """The protoc of this environment, with Google's own .proto files where it looks for them; not any of PATH.

    Every protoc generates other code, and of the older ones today's protobuf refuses it.
    """
    path = Path(sysconfig.get_path("scripts"), "protoc.exe" if sys.platform == "win32" else "protoc")
    return path if path.exists() else None


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
    program = protoc()
    if program is None:
        raise SystemExit("no protoc in this environment; the extra brings one: pip install -e '.[schemas]'")
    subprocess.run([program, f"-I{root}", f"--python_out={target}", f"--pyi_out={target}", proto], check=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        generate(Path(sys.argv[1]))
    else:
        generate(PACKAGE)
        generate_options()
