"""What can't be printed changes nothing of what is done."""

from __future__ import annotations

import errno
import io
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from restate_reflect.processes.streams import Tolerant
from tests.support import ROOT, fetch

DEADLINE = 60.0
FULL = Path("/dev/full")
COMMAND = [sys.executable, "-m", "restate_reflect"]
SHOP = """
    from restate_reflect import Context

    class Greeter:
        async def greet(self, ctx: Context, name: str) -> str:
            print("→ greeting", flush=True)
            return f"Hello {name}"
"""

needs_dev_full = pytest.mark.skipif(not FULL.exists(), reason="/dev/full is a device of Linux")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(dedent(SHOP), encoding="utf-8")
    return tmp_path


def environ(**more: str) -> Mapping[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_healthy(port: int, process: subprocess.Popen[Any]) -> None:
    """Nothing can be read of a process whose output is gone: its port is asked."""
    for _ in range(int(DEADLINE * 20)):
        assert process.poll() is None, f"ended with {process.returncode}"
        try:
            assert fetch(f"http://127.0.0.1:{port}/health", method="GET").status == 200
            return
        except OSError:
            threading.Event().wait(0.05)
    raise AssertionError("not healthy")


SERVING: dict[str, tuple[str, ...]] = {
    "serve": ("serve", "shop.py"),
    "workers": ("serve", "shop.py", "--workers", "2"),
    "reload": ("serve", "shop.py", "--reload"),
}


@contextmanager
def running(folder: Path, port: int, arguments: tuple[str, ...], **where: Any) -> Iterator[subprocess.Popen[Any]]:
    process = subprocess.Popen(
        [*COMMAND, *arguments, "--port", str(port)], cwd=folder, env=environ(), stdin=subprocess.DEVNULL, **where
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(DEADLINE)


@pytest.mark.parametrize(
    "name, number",
    [("serve", signal.SIGTERM), ("serve", signal.SIGINT), ("workers", signal.SIGTERM), ("reload", signal.SIGINT)],
)
def test_a_signal_stops_a_server_whose_output_nobody_reads(name: str, number: signal.Signals, folder: Path) -> None:
    """As in ``serve 2>&1 | tee log`` and Ctrl-C, which ends ``tee``, too."""
    port = free_port()
    read, write = os.pipe()
    with running(folder, port, SERVING[name], stdout=write, stderr=write) as process:
        os.close(write)
        wait_until_healthy(port, process)
        os.close(read)
        process.send_signal(number)
        assert process.wait(DEADLINE) == 0


@needs_dev_full
@pytest.mark.parametrize("name", ["serve", "workers"])
def test_a_server_serves_while_the_disk_behind_its_log_is_full(name: str, folder: Path) -> None:
    port = free_port()
    with FULL.open("wb") as full, running(folder, port, SERVING[name], stdout=full, stderr=full) as process:
        wait_until_healthy(port, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0


@pytest.mark.parametrize("closed", ["1", "2", "0 1 2"])
def test_a_server_starts_with_closed_streams(closed: str, folder: Path) -> None:
    """None of its sockets and files gets one of these numbers, and with it what libraries print."""
    port = free_port()
    close = " ".join(f"{number}>&-" if number != "0" else "0<&-" for number in closed.split())
    script = f'exec "$@" {close}'
    process = subprocess.Popen(
        ["sh", "-c", script, "sh", *COMMAND, "serve", "shop.py", "--port", str(port)], cwd=folder, env=environ(),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until_healthy(port, process)
        opened = Path(f"/proc/{process.pid}/fd")
        if opened.exists():
            assert [os.readlink(opened / number) for number in closed.split()] == ["/dev/null"] * len(closed.split())
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(DEADLINE)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_an_encoding_without_an_arrow_is_no_reason_to_fail(encoding: str, folder: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "inspect", "shop.py"],
        cwd=folder,
        env=environ(PYTHONIOENCODING=encoding),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"greet" in done.stdout


@needs_dev_full
def test_a_result_that_could_not_be_written_is_told_by_the_exit_code(folder: Path) -> None:
    """A document that is cut off must not look like a whole one to a script."""
    with FULL.open("wb") as full:
        done = subprocess.run(
            [*COMMAND, "openapi", "shop.py"],
            cwd=folder,
            env=environ(),
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, b"what was printed is incomplete: No space left on device\n")


def test_a_reader_that_has_enough_gets_no_complaint(folder: Path) -> None:
    """As ``| head -1``."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*COMMAND, "openapi", "shop.py"], cwd=folder, env=environ(), stdout=write, stderr=subprocess.PIPE, check=False
    )
    os.close(write)
    assert done.stderr == b""


class _Admin(BaseHTTPRequestHandler):
    """Notes what it is asked for."""

    asked: list[str]

    def do_PATCH(self) -> None:
        self.asked.append(self.path)
        self.send_response(202)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.mark.parametrize("gone", ["pipe", pytest.param("full", marks=needs_dev_full)])
def test_every_invocation_is_cancelled_though_the_first_line_can_not_be_printed(gone: str) -> None:
    handler = type("Handler", (_Admin,), {"asked": []})
    ids = ["inv_13MDnPSgBaD15ZeSRIfjxgAwaBMyxAJ4Ir", "inv_107IK3QMIrJ21GipMkWl227iHF2PkrssaB"]
    with HTTPServer(("127.0.0.1", 0), handler) as server, _nowhere(gone) as out:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        subprocess.run([*COMMAND, "cancel", *ids, "--admin", url], env=environ(PYTHONUNBUFFERED="1"), stdout=out,
                       timeout=DEADLINE, check=False)  # fmt: skip
        server.shutdown()
        thread.join()
    assert handler.asked == [f"/invocations/{each}/cancel" for each in ids]  # type: ignore[attr-defined]


@contextmanager
def _nowhere(gone: str) -> Iterator[Any]:
    if gone == "full":
        with FULL.open("wb") as full:
            yield full
        return
    read, write = os.pipe()
    os.close(read)
    yield write
    os.close(write)


class _Broken(io.StringIO):
    """Fails as it is told to."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def write(self, text: str) -> int:
        raise self._error

    def flush(self) -> None:
        raise self._error


@pytest.mark.parametrize(
    "error, complaint",
    [
        (OSError(errno.EPIPE, "Broken pipe"), None),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
        (ValueError("I/O operation on closed file"), "I/O operation on closed file"),
        (UnicodeEncodeError("ascii", "→", 0, 1, "no arrows"), "no arrows"),
    ],
)
@pytest.mark.parametrize("write", [lambda out: print("→", file=out, flush=True), lambda out: out.writelines(["a"])])
def test_no_failure_to_write_is_raised(error: Exception, complaint: str | None, write: Callable[[Any], None]) -> None:
    out = Tolerant(_Broken(error))
    write(out)
    out.finish()
    assert out.lost is error
    assert (out.complaint or "").endswith(complaint or "")
    assert (out.complaint is None) is (complaint is None)
