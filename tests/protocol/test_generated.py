"""The checked-in protobuf module is what the generator makes of the .proto."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest

import restate_reflect.protocol
from restate_reflect.protocol import _pb2 as pb

PACKAGE = Path(restate_reflect.protocol.__file__).parent
VERSION = re.compile(r"^# Protobuf Python Version: .*$|ValidateProtobufRuntimeVersion\([^)]*\)", re.MULTILINE)
SCHEMAS = Path(__file__).parents[2] / "schemas"


@pytest.mark.filterwarnings("ignore:pkg_resources is deprecated")
def test_generated_module_equals_the_generators_output(tmp_path: Path) -> None:
    """Both the module and its stub.

    Another protoc than the pinned one names itself in the module, and writes other annotations into the stub.
    """
    pytest.importorskip("grpc_tools.protoc", reason="grpcio-tools is not installed, so there is no protoc")
    spec = importlib.util.spec_from_file_location("schemas_generate", SCHEMAS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.generate(tmp_path)
    made, kept = ((folder / "_pb2.py").read_text() for folder in (tmp_path, PACKAGE))
    assert VERSION.sub("", made) == VERSION.sub("", kept), f"run: {sys.executable} schemas/generate.py"
    if VERSION.findall(made) == VERSION.findall(kept):
        assert made == kept
        assert (tmp_path / "_pb2.pyi").read_text() == (PACKAGE / "_pb2.pyi").read_text()


def test_generated_code_runs_on_the_oldest_protobuf_that_is_allowed() -> None:
    """A runtime refuses code that is newer than itself; pyproject allows protobuf from 6.31 on."""
    made_by = re.search(r"^# Protobuf Python Version: (\d+)\.(\d+)", (PACKAGE / "_pb2.py").read_text(), re.MULTILINE)
    assert made_by is not None
    assert (int(made_by[1]), int(made_by[2])) <= (6, 31)


def test_package_name_does_not_clash_with_other_sdks() -> None:
    """protobuf's descriptor pool is one per process, and Restate's own package may be in it too."""
    assert pb.StartMessage.DESCRIPTOR.full_name == "restate_reflect.protocol.StartMessage"
