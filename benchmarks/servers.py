"""Starting and stopping the peers, and this project."""

from __future__ import annotations

import atexit
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import hatch_build

__all__ = [
    "OFFICIAL_GRANIAN",
    "OFFICIAL_HYPERCORN",
    "OURS",
    "OURS_COMPILED",
    "PEERS",
    "Peer",
    "Server",
    "peer_versions",
    "running",
]

ROOT: Final = Path(__file__).parent.parent
PEER_PACKAGES: Final = ("restate_sdk[serde]", "hypercorn", "granian", "uvloop", "pydantic")
"""As in the extra ``bench``."""

_START_TIMEOUT: Final = 30.0


@dataclass(frozen=True, slots=True)
class Peer:
    """One way to serve the benchmark's services."""

    name: str
    arguments: tuple[str, ...]
    """After the interpreter; ``{port}`` is replaced."""
    own_python: bool = False
    """Whether it runs in this environment whatever that holds."""
    compiled: bool = False
    """Whether it runs a compiled copy of this project."""

    def command(self, port: int) -> list[str]:
        python = sys.executable if self.own_python else str(_peer_python())
        return [python, *(argument.format(port=port) for argument in self.arguments)]

    @property
    def folder(self) -> Path:
        """Where Python finds this project first."""
        return _compiled_copy() if self.compiled else ROOT


_SERVE: Final = ("-m", "restate_reflect", "serve", "benchmarks.peers.ours", "--port", "{port}", "--loop", "asyncio")
OURS: Final = Peer("restate_reflect, interpreted", _SERVE, own_python=True)
OURS_COMPILED: Final = Peer("restate_reflect, compiled", _SERVE, own_python=True, compiled=True)
OFFICIAL_HYPERCORN: Final = Peer(
    "official SDK, hypercorn",
    ("-m", "hypercorn", "benchmarks.peers.official:app", "--bind", "127.0.0.1:{port}", "--log-level", "warning"),
)
OFFICIAL_GRANIAN: Final = Peer(
    "official SDK, granian + uvloop",
    (
        *("-m", "granian", "--interface", "asgi", "--http", "2", "--loop", "uvloop", "--no-ws", "--workers", "1"),
        *("--host", "127.0.0.1", "--port", "{port}", "--log-level", "warning", "benchmarks.peers.official:app"),
    ),
)
PEERS: Final = (OURS, OURS_COMPILED, OFFICIAL_GRANIAN, OFFICIAL_HYPERCORN)
"""This project first."""


@cache
def _compiled_copy() -> Path:
    """Compiles a copy, for as long as this process lives: the checkout itself stays interpreted."""
    copy = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    for folder in (hatch_build.PACKAGE, "benchmarks"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", "*.so", "results"))
    print("compiling a copy …", file=sys.stderr)
    hatch_build.compile_into(ROOT, copy)
    return copy


def _peer_python() -> Path:
    """This interpreter if it has the peers (extra ``bench``), else that of an environment made for them."""
    if all(importlib.util.find_spec(module) for module in ("restate", "hypercorn", "granian", "uvloop")):
        return Path(sys.executable)
    folder = _cached_environment()
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"installing {', '.join(PEER_PACKAGES)} into {folder} …", file=sys.stderr)
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEER_PACKAGES], check=True)
    return python


def peer_versions() -> dict[str, str]:
    """Of Python and the packages, in the environment of the peers."""
    names = [package.partition("[")[0] for package in PEER_PACKAGES]
    code = (
        "import importlib.metadata as m, json, platform, sys\n"
        "print(json.dumps({'python': platform.python_version(), **{n: m.version(n) for n in sys.argv[1:]}}))"
    )
    done = subprocess.run([_peer_python(), "-c", code, *names], capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _cached_environment() -> Path:
    given = os.environ.get("BENCHMARK_VENV")
    if given:
        return Path(given)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "restate-reflect" / f"benchmark-peers-{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True, slots=True)
class Server:
    """A peer that is running."""

    pid: int
    port: int
    first_discovery: float
    """Seconds from the start of the process to the answer to the first discovery request."""


@contextmanager
def running(peer: Peer, *extra: str) -> Iterator[Server]:
    """Starts a peer on a free port and waits until it answers discovery.

    Raises:
        RuntimeError: It ended, or did not answer in time; its log has been printed.
    """
    port = _free_port()
    command = [*peer.command(port), *extra]
    with tempfile.TemporaryFile() as log:  # kept out of the table; shown if the peer fails
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=peer.folder, start_new_session=True, stdout=log, stderr=log)
        try:
            _discover(port, process, command)
            yield Server(process.pid, port, time.perf_counter() - started)
        except RuntimeError:
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace"))
            raise
        finally:
            _stop(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _discover(port: int, process: subprocess.Popen[bytes], command: Sequence[str]) -> None:
    """Asks over HTTP/2, as not every peer speaks HTTP/1.1 on the same port; polls every 2 ms until somebody listens."""
    deadline = time.monotonic() + _START_TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode} before it served anything")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                connection.sendall(_DISCOVERY)
                if _answered(connection):
                    return
        except OSError:
            pass
        time.sleep(0.002)
    raise RuntimeError(f"{' '.join(command)} did not answer discovery within {_START_TIMEOUT} s")


def _discovery_request() -> bytes:
    from h2.config import H2Configuration
    from h2.connection import H2Connection

    client = H2Connection(H2Configuration(client_side=True))
    client.initiate_connection()
    headers = [
        *((":method", "GET"), (":scheme", "http"), (":authority", "127.0.0.1"), (":path", "/discover")),
        ("accept", "application/vnd.restate.endpointmanifest.v3+json"),
    ]
    client.send_headers(1, headers, end_stream=True)
    return client.data_to_send()


_DISCOVERY: Final = _discovery_request()


def _answered(connection: socket.socket) -> bool:
    """Whether a manifest comes: its body holds the word, whatever the frames."""
    received = b""
    while b'"services"' not in received:
        data = connection.recv(65536)
        if not data:
            return False
        received += data
    return True


def _stop(process: subprocess.Popen[bytes]) -> None:
    """The group is the process's own: it holds its workers and nothing else."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(5)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    except ProcessLookupError:
        process.wait()
