"""The checked-in protobuf module is what the generator makes of the .proto."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import restate_reflect.protocol
from restate_reflect.protocol import _pb2 as pb
from schemas.generate import generate, protoc

PACKAGE = Path(restate_reflect.protocol.__file__).parent


def test_generated_module_equals_the_generators_output(tmp_path: Path) -> None:
    """Both the module and its stub."""
    if protoc() is None:
        pytest.skip("no protoc in this environment; it belongs to the extra 'schemas'")
    generate(tmp_path)
    for name in ("_pb2.py", "_pb2.pyi"):
        made, kept = ((folder / name).read_text() for folder in (tmp_path, PACKAGE))
        assert made == kept, f"run: {sys.executable} schemas/generate.py"


def test_generated_code_runs_on_the_oldest_protobuf_that_is_allowed() -> None:
    """A runtime refuses code that is newer than itself; pyproject allows protobuf from 6.31 on."""
    made_by = re.search(r"^# Protobuf Python Version: (\d+)\.(\d+)", (PACKAGE / "_pb2.py").read_text(), re.MULTILINE)
    assert made_by is not None
    assert (int(made_by[1]), int(made_by[2])) <= (6, 31)


def test_package_name_does_not_clash_with_other_sdks() -> None:
    """protobuf's descriptor pool is one per process, and Restate's own package may be in it too."""
    assert pb.StartMessage.DESCRIPTOR.full_name == "restate_reflect.protocol.StartMessage"
