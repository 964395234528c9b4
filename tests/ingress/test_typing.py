"""What type checkers infer for the clients' verbs, and what they refuse."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT

SOURCE = """
from typing import assert_type
from restate_reflect.ingress import Client, Invocation, Output, SentInvocation, SyncClient, SyncSentInvocation
from tests.ingress.services import Approval, Desk, Item, Shelf

async def allowed(client: Client, sync: SyncClient, desk: Desk) -> None:
    assert_type(await client.call(Shelf.add, 1, key="a"), int)
    assert_type(await client.call(Desk.price, Item(sku="a")), float)
    assert_type(await client.call(desk.price, Item(sku="a"), idempotency_key="k"), float)
    assert_type(await client.target(Desk.join).call("a", times=2), str)
    assert_type(await client.target(Shelf.add, key="a").call(n=1), int)
    assert_type(await client.send(Shelf.add, 1, key="a", delay=3), SentInvocation[int])
    assert_type(await (await client.send(Shelf.add, 1, key="a")).output(), Output[int])
    assert_type(await client.submit(Approval.run, Item(sku="a"), "x", key="k"), SentInvocation[str])
    assert_type(client.workflow(Approval.run, key="k"), Invocation[str])
    assert_type(client.invocation("inv_1", Shelf.add), Invocation[int])
    assert_type(client.invocation("inv_1", float), Invocation[float])
    assert_type(await client.scope("t").call(Shelf.add, 1, key="a"), int)
    assert_type(sync.call(Shelf.add, 1, key="a"), int)
    assert_type(sync.send(Desk.price, Item(sku="a")), SyncSentInvocation[float])
    assert_type(sync.target(Desk.join).call("a", "b"), str)
    assert_type(sync.submit(Approval.run, Item(sku="a"), "x", key="k").attach(), str)

async def refused(client: Client, sync: SyncClient) -> None:
    await client.call(Shelf.add, 1)  # refused: no key
    await client.call(Desk.price, Item(sku="a"), key="a")  # refused: a key for a service
    await client.call(Shelf.add, "1", key="a")  # refused: a wrong argument
    await client.call(Shelf.add, key="a")  # refused: an argument too few
    await client.call(Shelf.add, 1, 2, key="a")  # refused: an argument too many
    await client.call(Shelf.add, 1, key="a", delay=3)  # refused: a delay for a call
    await client.submit(Shelf.add, 1, key="a")  # refused: no workflow
    await client.submit(Approval.approve, True, key="a")  # refused: not the run handler
    await client.submit(Approval.run, Item(sku="a"), "x", key="k", idempotency_key="i")  # refused: idempotent already
    client.workflow(Shelf.add, key="a")  # refused: no workflow
    await client.target(Desk.join).call("a", wrong=2)  # refused: an unknown keyword
    sync.call(Shelf.add, 1)  # refused: no key
    sync.call(Shelf.add, "1", key="a")  # refused: a wrong argument
"""
REFUSED = {number for number, line in enumerate(SOURCE.splitlines(), 1) if "# refused" in line}
CHECKERS = {
    "mypy": ["--strict", "--no-error-summary", "--config-file", str(ROOT / "pyproject.toml")],
    "pyright": ["--pythonpath", sys.executable],
}


@pytest.mark.slow
@pytest.mark.parametrize("checker", CHECKERS)
def test_checkers_infer_results_and_refuse_wrong_calls(checker: str, tmp_path: Path) -> None:
    """Exactly the marked lines are wrong."""
    if importlib.util.find_spec(checker) is None:
        pytest.skip(f"{checker} is in the extra 'lint'")
    file = tmp_path / "calls.py"
    file.write_text(SOURCE)
    (tmp_path / "pyrightconfig.json").write_text(f'{{"typeCheckingMode": "strict", "extraPaths": ["{ROOT}"]}}')
    project = ["--project", str(tmp_path)] if checker == "pyright" else []
    command = [sys.executable, "-m", checker, *CHECKERS[checker], *project]
    done = subprocess.run(
        [*command, *([] if project else [str(file)])], cwd=ROOT, capture_output=True, text=True, check=False
    )
    found = {int(line) for line in re.findall(r"calls\.py:(\d+)[^\n]*error", done.stdout)}
    assert found == REFUSED, done.stdout + done.stderr
