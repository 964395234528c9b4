"""Services and a client of the official TypeScript SDK get the same answers from both engines.

Optional: ``RESTATE_TYPESCRIPT`` names a directory in which ``npm install @restatedev/restate-sdk
@restatedev/restate-sdk-clients`` was run, on Node 22 or later; ``npm install node@22`` there brings one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from restate_reflect.server import RestateServer
from tests.sdks.peers import free_port, served

HERE = Path(__file__).parent
OLDEST_NODE = 22

EXPECTED: dict[str, Any] = {
    "greet": "Hello, Ada",
    "steps": [0, 1, 4, 9],
    "failing step": "500 broken",
    "combinators": {
        "all": ["a", "b"],
        "race": "fast",
        "any": "there",
        "settled": ["rejected", "fulfilled"],
        "timeout": "timed out",
    },
    "cancelled child": "409 Cancelled",
    "headers": "yes",
    "bytes": [3, 2, 1],
    "attach in a handler": "Hello, there",
    "idempotent": [["Accepted", "PreviouslyAccepted"], True, "Hello, twice"],
    "delayed": ["Hello, later", True],
    "state": [2, 5, ["count"], None, []],
    "resolveAwakeable": "a word",
    "rejectAwakeable": "500 a word",
}


def directory() -> Path:
    where = os.environ.get("RESTATE_TYPESCRIPT")
    if where is None or not (Path(where) / "node_modules/@restatedev/restate-sdk-clients").is_dir():
        pytest.skip("RESTATE_TYPESCRIPT names no directory with the TypeScript SDK and its client")
    return Path(where)


def node(where: Path) -> str:
    """That of the directory, or of the machine."""
    found = shutil.which("node", path=str(where / "node_modules/.bin")) or shutil.which("node")
    if found is None:
        pytest.skip("there is no node")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < OLDEST_NODE:
        pytest.skip(f"the TypeScript SDK needs Node {OLDEST_NODE} or later, this is {version}: npm install node@22")
    return found


@pytest.fixture(scope="module")
def services() -> Iterator[str]:
    """The URL at which the TypeScript services are served."""
    where, port = directory(), free_port()
    with served([node(where), str(HERE / "typescript_services.mjs"), str(port)], port, where) as url:
        yield url


def test_a_typescript_client_of_typescript_services(any_server: RestateServer, services: str) -> None:
    """Steps, state, calls, combinators, cancellation, awakeables, promises and results."""
    where = directory()
    any_server.register(services, breaking=True)
    command = [node(where), str(HERE / "typescript_client.mjs"), any_server.ingress_url]
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    failures = {name: results.pop(name) for name in ("failure", "missing handler")}
    submitted, looked_at, attached, output, refused = results.pop("workflow")
    assert results == EXPECTED
    assert [each["status"] for each in failures.values()] == [404, 404]
    assert (submitted, looked_at) == (["Accepted", "PreviouslyAccepted"], ["nothing yet", False])
    assert (attached, output, refused["status"]) == ("Ada word", "Ada word", 409)
