"""A tester that knows nothing but the document sends what it allows, and what it does not, to the real server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from restate_reflect.openapi import build_openapi, to_yaml
from restate_reflect.reflection import reflect_all
from restate_reflect.server import RestateServer
from tests.openapi.services import Basket, Delivery, Shop

pytest.importorskip("schemathesis")

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# attach waits; ids of invocations and awakeables can't be invented; lookup answers a body that is no JSON with 500.
LEFT_OUT = "attach|/restate/(output|awakeables|lookup)"


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_answers_conform_to_the_document(server: RestateServer, tmp_path: Path, mode: str) -> None:
    """And what the document allows is accepted."""
    document = build_openapi(reflect_all([Shop, Basket, Delivery]), server_url=server.ingress_url)
    file = tmp_path / "openapi.yaml"
    file.write_text(to_yaml(document))
    # Not negative_data_rejection: a send is accepted whatever its body is, and unknown parameters are ignored.
    positive = ",positive_data_acceptance" if mode == "positive" else ""
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", str(file), "--url", server.ingress_url),
        *("--mode", mode, "--checks", CHECKS + positive, "--phases", "examples,fuzzing", "--max-examples", "8"),
        *("--exclude-path-regex", LEFT_OUT, "--seed", "1"),
        *("--request-timeout", "20", "--generation-database", "none", "--no-color"),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
