"""Clients that are generated from the document work.

Optional: ``RESTATE_GENERATORS`` names a directory in which ``npm install openapi-typescript typescript`` was run and
``python -m venv venv && venv/bin/pip install openapi-python-client``.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from restate_reflect import Context, ObjectContext, WorkflowContext, reflect
from restate_reflect.openapi import build_openapi
from tests.embedded.served import ServedRuntime


class Order(BaseModel):
    sku: str
    pieces: int = 1


class Shop:
    async def buy(self, ctx: Context, order: Order) -> str:
        return f"{order.pieces} {order.sku}"

    async def raw(self, ctx: Context, data: bytes) -> bytes:
        return data[::-1]

    async def wait(self, ctx: Context) -> int:
        awakeable = ctx.awakeable(int)
        ctx.send(Ids.put, awakeable.id, key="id")
        return await awakeable


class Ids:
    async def put(self, ctx: ObjectContext, id: str) -> None:
        ctx.set("id", id)

    async def get(self, ctx: ObjectContext) -> str | None:
        return await ctx.get("id", str)


class Flow:
    async def run(self, ctx: WorkflowContext, name: str) -> str:
        return f"flow of {name}"


SERVICES = (Shop, Ids, Flow)

USE_PYTHON = """
import json, sys, time
from io import BytesIO
from made import Client
from made.api.flow import flow_run_send, flow_run_attach
from made.api.ids import ids_get
from made.api.invocations import restate_attach, restate_output, restate_resolve_awakeable
from made.api.shop import shop_buy, shop_raw, shop_wait_send
from made.models import Order
from made.types import File

def too_early(response):
    if response.status_code == 470:
        response.status_code = 425

client = Client(base_url=sys.argv[1], timeout=30, httpx_args={"event_hooks": {"response": [too_early]}})
waiting = shop_wait_send.sync(client=client).invocation_id
not_ready = restate_output.sync_detailed(waiting, client=client)
while (id := ids_get.sync("id", client=client)) is None:
    time.sleep(0.05)
flow_run_send.sync("ada", client=client, body="ada")
print(json.dumps({
    "call": shop_buy.sync(client=client, body=Order(sku="tea", pieces=2)),
    "bytes": shop_raw.sync(client=client, body=File(payload=BytesIO(b"abc"))).payload.read().decode(),
    "workflow": flow_run_attach.sync("ada", client=client),
    "awakeable": restate_resolve_awakeable.sync_detailed(id, client=client, body=5).status_code,
    "attach": restate_attach.sync(waiting, client=client),
    "output": restate_output.sync(waiting, client=client),
    "not ready": [int(not_ready.status_code), type(not_ready.parsed).__name__, not_ready.parsed.code],
}))
"""

USE_TYPESCRIPT = """
import type { paths } from "./made";

type Body<Path extends keyof paths> = paths[Path] extends { post: { requestBody?: { content: infer C } } } ? C : never;
export const order: Body<"/restate/call/Shop/buy">["application/json"] = { sku: "tea", pieces: 2 };
export const value: Body<"/restate/awakeables/{awakeableId}/resolve">["application/json"] = 5;
export const message: Body<"/restate/awakeables/{awakeableId}/reject">["text/plain"] = "no";
type Attached = paths["/restate/attach/{invocationId}"]["get"]["responses"]["200"]["content"];
export const result: Attached["application/json"] = 1;
export const ready: paths["/restate/output/{invocationId}"]["get"]["responses"]["470"] | undefined = undefined;
"""


@pytest.fixture
def generators() -> Path:
    where = os.environ.get("RESTATE_GENERATORS")
    if where is None:
        pytest.skip("RESTATE_GENERATORS names no directory with openapi-typescript and openapi-python-client")
    return Path(where)


@pytest.fixture
def document(tmp_path: Path) -> Path:
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(build_openapi([reflect(each) for each in SERVICES])))
    return file


@pytest.fixture
def embedded() -> Iterator[ServedRuntime]:
    with ServedRuntime(*SERVICES) as runtime:
        yield runtime


def ran(command: list[Any], cwd: Path) -> str:
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_python_client(generators: Path, document: Path, embedded: ServedRuntime, tmp_path: Path) -> None:
    """No endpoint is left out; calls, sends, bytes, workflows, awakeables, results and "not ready" (470, which Python's
    ``HTTPStatus`` has not: the guide's hook gives it another number) go through."""
    tools, config = generators / "venv/bin", tmp_path / "config.yaml"
    config.write_text("post_hooks: []\n")
    command = ["generate", "--meta", "none", "--path", document, "--output-path", tmp_path / "made", "--config", config]
    told = ran([tools / "openapi-python-client", *command], tmp_path)
    assert "will not be generated" not in told
    assert "response will be omitted" not in told
    used = ran([tools / "python", "-c", USE_PYTHON, embedded.ingress_url], tmp_path)
    assert json.loads(used.splitlines()[-1]) == {
        "call": "2 tea",
        "bytes": "cba",
        "workflow": "flow of ada",
        "awakeable": 202,
        "attach": 5,
        "output": 5,
        "not ready": [425, "RestateError", 470],
    }


def test_typescript_types(generators: Path, document: Path, tmp_path: Path) -> None:
    """Every path has types, which a strict compiler takes."""
    binaries = generators / "node_modules/.bin"
    ran([binaries / "openapi-typescript", document, "-o", tmp_path / "made.d.ts"], tmp_path)
    (tmp_path / "use.ts").write_text(USE_TYPESCRIPT)
    ran([binaries / "tsc", "--strict", "--noEmit", "--skipLibCheck", "false", tmp_path / "use.ts"], tmp_path)
