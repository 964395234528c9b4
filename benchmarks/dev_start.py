"""From the command line to the first answer: how long ``restate-reflect dev`` takes, cold.

    python -m benchmarks.dev_start

Each round starts ``dev`` on two examples in an empty folder, with the interpreter that runs this, and asks for the
first answer as soon as the ingress lets it in. Prints the seconds until then, without and with the page (``--docs``),
and the CPU time that its two processes took until their end, which says more on a machine that does other work, too.
The files of the package are in the page cache from the second round on; the first is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parent.parent
TARGETS = [str(ROOT / "examples" / name) for name in ("greeter.py", "counter.py")]

_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def first_answer(port: int, deadline: float = 30.0) -> bytes:
    """Asks every 5 ms until somebody answers."""
    url = f"http://127.0.0.1:{port}/Greeter/greet"
    request = urllib.request.Request(url, json.dumps({"name": "Ada"}).encode(), {"content-type": "application/json"})
    until = time.monotonic() + deadline
    while True:
        try:
            with _open(request, timeout=deadline) as answer:
                read: bytes = answer.read()
                return read
        except urllib.error.HTTPError:
            raise
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.005)


def start(*options: str) -> tuple[float, float]:
    """Seconds from the command to the first answer, and seconds of CPU time until the end."""
    port = free_port()
    command = [sys.executable, "-m", "restate_reflect", "dev", *TARGETS]
    ports = ["--ingress-port", str(port), "--admin-port", "0"]
    with tempfile.TemporaryDirectory() as folder:
        begun, before = time.perf_counter(), cpu_of_children()
        process = subprocess.Popen(
            [*command, *ports, *options],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert first_answer(port) == b'{"text":"Hello, Ada!"}'
            seconds = time.perf_counter() - begun
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()
        return seconds, cpu_of_children() - before


def cpu_of_children() -> float:
    """Seconds of all processes that have ended, and that somebody waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dev_start")
    parser.add_argument("--rounds", type=int, default=5, help="medians are taken over these")
    rounds: int = parser.parse_args().rounds
    for name, options in (("without the page", ["--no-docs"]), ("with the page", ["--docs-port", "0"])):
        times, used = zip(*([start(*options) for _ in range(rounds + 1)][1:]), strict=True)
        spread = f"from {min(times):.2f} to {max(times):.2f}"
        print(f"{name:18} {statistics.median(times):.2f} s ({spread}), CPU {statistics.median(used):.2f} s")


if __name__ == "__main__":
    main()
