"""Reflection and start of a service with 500 handlers, each with a model of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.report import Options, Outcome, markdown
from benchmarks.servers import OURS, ROOT, Peer, running

__all__ = ["run"]

CLASSES: Final = 50
HANDLERS: Final = 10

_HEAD: Final = """from __future__ import annotations

from pydantic import BaseModel, Field

from restate_reflect import Context, ObjectContext
"""

_MODEL: Final = '''

class Order{number}(BaseModel):
    """An order of the kind {number}."""

    sku: str = Field(min_length=1)
    quantity: int = Field(gt=0)
    labels: dict[str, list[str]] = {{}}
    note: str | None = None
'''

_CLASS: Final = '\n\nclass Service{number}:\n    """Service {number}."""\n'

_HANDLER: Final = '''
    async def handle{number}(self, ctx: {context}, order: Order{number}) -> Order{number}:
        """Handler {number}."""
        return order
'''

# CPU seconds of a process that has imported the framework.
_MEASURE: Final = """
import importlib, json, sys, time
import restate_reflect
from restate_reflect.manifest import build_manifest
from restate_reflect.endpoint.core import Core
from restate_reflect.endpoint import endpoint
began = time.process_time()
module = importlib.import_module("many")
imported = time.process_time()
classes = [value for name, value in vars(module).items() if name.startswith("Service")]
services = [restate_reflect.reflect(cls) for cls in classes]
reflected = time.process_time()
answer = Core(services).answer("GET", "/discover", {}, "BIDI_STREAM")
described = time.process_time()
print(json.dumps({
    "import": imported - began, "reflect": reflected - imported, "manifest": described - reflected,
    "handlers": sum(len(service.handlers) for service in services), "manifest_bytes": len(answer.body),
}))
"""


def _source() -> Iterator[str]:
    yield _HEAD
    for number in range(CLASSES * HANDLERS):
        yield _MODEL.format(number=number)
    for cls in range(CLASSES):
        yield _CLASS.format(number=cls)
        context = "ObjectContext" if cls % 2 else "Context"
        for number in range(cls * HANDLERS, (cls + 1) * HANDLERS):
            yield _HANDLER.format(number=number, context=context)


def _phases(folder: Path) -> dict[str, float]:
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = [{str(folder)!r}, {str(ROOT)!r}]\n{_MEASURE}"]
    finished = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    found: dict[str, float] = json.loads(finished.stdout)
    return found


def _serving(target: str) -> Peer:
    return Peer(target, ("-m", "restate_reflect", "serve", target, "--port", "{port}"), own_python=True)


def _started(peer: Peer, rounds: int) -> float:
    """Seconds to the first discovery, the shortest; the first start, which compiles, is not counted."""
    found = []
    for _ in range(rounds + 1):
        with running(peer) as server:
            found.append(server.first_discovery)
    return min(found[1:])


def run(options: Options) -> Outcome:
    """In ms: CPU time for the phases, time on the clock for whole starts."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "many.py"
        file.write_text("".join(_source()))
        rounds = [_phases(file.parent) for _ in range(options.rounds + 1)][1:]
        found: dict[str, Any] = {key: median(each[key] for each in rounds) for key in rounds[0]}
        found["serve_many"] = _started(_serving(str(file)), options.rounds)
        found["serve_six"] = _started(Peer("six", OURS.arguments, own_python=True), options.rounds)
    handlers = round(found["handlers"])
    rows: list[list[object]] = [
        [f"import of the module with {handlers} models (pydantic's own)", found["import"] * 1000],
        [f"reflect({CLASSES} classes, {handlers} handlers)", found["reflect"] * 1000],
        [f"first manifest ({found['manifest_bytes'] / 1024:,.0f} KiB)", found["manifest"] * 1000],
        [f"`restate-reflect serve`, {handlers} handlers, to the first discovery", found["serve_many"] * 1000],
        ["`restate-reflect serve`, 6 handlers, to the first discovery", found["serve_six"] * 1000],
    ]
    per_handler = f"{found['reflect'] / handlers * 1e6:,.0f} µs of reflection per handler."
    return Outcome(
        found,
        markdown(["", "ms"], rows)
        + f"\n\n{per_handler} Medians of CPU time over {options.rounds} processes; of whole starts the shortest.",
    )
