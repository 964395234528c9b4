"""Runs protoc with the plugin: as users do, or with the plugin in this process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from restate_reflect.protobuf.plugin import generate
from schemas.generate import protoc
from tests.support import ROOT

SCRIPT = '#!/bin/sh\nexec "{python}" -m restate_reflect.protobuf.plugin "$@"\n'


@dataclass(frozen=True, slots=True)
class Compiled:
    """What was made of some .proto files."""

    errors: str
    output: Path

    def text(self, name: str) -> str:
        """A generated file."""
        return (self.output / name).read_text()


def compile_protos(folder: Path, files: Mapping[str, str], *, parameter: str = "") -> Compiled:
    """Writes the files into ``folder``, and modules and interfaces into ``folder/out``; all in this process."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    output = folder / "out"
    output.mkdir(exist_ok=True)
    described = folder / "described"
    _protoc(
        f"-I{folder}", f"-I{ROOT}", f"--python_out={output}", f"--pyi_out={output}",
        f"--descriptor_set_out={described}", "--include_imports", "--include_source_info", *files,
    )  # fmt: skip
    proto_file = FileDescriptorSet.FromString(described.read_bytes()).file
    response = generate(CodeGeneratorRequest(file_to_generate=list(files), parameter=parameter, proto_file=proto_file))
    for file in response.file:
        (output / file.name).write_text(file.content)
    return Compiled(response.error, output)


def _protoc(*arguments: str) -> None:
    done = subprocess.run([needed_protoc(), *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def needed_protoc() -> Path:
    """The environment's protoc; the test is skipped if it has none."""
    return protoc() or pytest.skip("no protoc in this environment; it belongs to the extra 'schemas'")


def run_protoc(scratch: Path, name: str, *, parameter: str = "") -> Compiled:
    """protoc as a user runs it, over one file of the repository; what it makes goes to ``scratch/out``."""
    program = needed_protoc()
    plugin = scratch / "protoc-gen-restate-reflect"
    plugin.write_text(SCRIPT.format(python=sys.executable))
    plugin.chmod(0o755)
    output = scratch / "out"
    output.mkdir()
    command = [
        str(program), "-I.",
        f"--plugin=protoc-gen-restate-reflect={plugin}", f"--python_out={output}", f"--pyi_out={output}",
        f"--restate-reflect_out={parameter}:{output}", name,
    ]  # fmt: skip
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode != 0) == ("--restate-reflect_out:" in done.stderr)
    return Compiled(done.stderr, output)
