"""What many tests need: the path of the repository, calls over the ingress, endpoints in a thread."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from restate_reflect.server import RestateServer

ROOT = Path(__file__).parent.parent
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


@dataclass(frozen=True, slots=True)
class Answer:
    """What the ingress answered."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        """The decoded body; ``None`` for an empty one."""
        return json.loads(self.body) if self.body else None

    @property
    def invocation_id(self) -> str:
        """``x-restate-id``, or ``invocationId`` of the answer to a send."""
        return self.headers.get("x-restate-id") or str(self.json["invocationId"])


_NO_BODY: Any = object()


def call(
    server: RestateServer,
    service: str,
    handler: str,
    body: Any = _NO_BODY,
    *,
    key: str | None = None,
    send: bool = False,
    delay: str | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 60.0,
) -> Answer:
    """One request to the ingress; ``bytes`` go out as they are, anything else as JSON."""
    parts = [service, *([] if key is None else [quote(key, safe="")]), handler, *(["send"] if send else [])]
    query = f"?delay={delay}" if delay else ""
    return fetch(f"{server.ingress_url}/{'/'.join(parts)}{query}", body, headers=headers, timeout=timeout)


def fetch(
    url: str,
    body: Any = _NO_BODY,
    *,
    method: str | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 60.0,
) -> Answer:
    """One HTTP request, POST unless told otherwise; an error status is an answer, too."""
    all_headers = {k.lower(): v for k, v in (headers or {}).items()}
    data = None
    if body is not _NO_BODY:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        all_headers.setdefault("content-type", kind)
    request = urllib.request.Request(url, data, all_headers, method=method or "POST")
    try:
        with _open(request, timeout=timeout) as response:
            return Answer(response.status, response.read(), _headers(response.headers))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read(), _headers(error.headers))


def _headers(message: Message) -> Mapping[str, str]:
    """By lower-case name."""
    return {name.lower(): value for name, value in message.items()}


class ServedInThread:
    """Services served by this process, on a loop in a thread of its own; a context manager.

    Args:
        services: Classes or instances, as ``endpoint(...)`` takes them.
        options: Keyword arguments of ``endpoint(...)``.
    """

    def __init__(self, *services: Any, port: int = 0, **options: Any) -> None:
        self._services, self._port, self._options = services, port, options
        self._listening: Future[int] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="served", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.port = self._listening.result(30)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """Ends the endpoint gracefully and waits for its thread."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)
        if self._thread.is_alive():
            raise AssertionError("the endpoint did not stop within 60 s")

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._listening.done():
                raise
            self._listening.set_exception(error)

    async def _serve(self) -> None:
        from restate_reflect.endpoint import endpoint, listening

        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with listening(endpoint(*self._services, **self._options), host="127.0.0.1", port=self._port) as listener:
            self._listening.set_result(listener.port)
            await self._stop.wait()


def lasting_port() -> int:
    """A free one that nobody is given who asks for any: who ends and starts anew finds it free."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class ServedProcess:
    """``python -m restate_reflect serve ARGUMENTS`` as a child process; a context manager.

    Waits for the line that names the port, unless ``wait`` is false. ``kill()`` is SIGKILL,
    ``restart()`` starts it anew on the same port.
    """

    start_timeout = 60.0
    """Seconds."""

    def __init__(
        self,
        *arguments: str,
        cwd: Path = ROOT,
        port: int = 0,
        env: Mapping[str, str] | None = None,
        wait: bool = True,
    ) -> None:
        self.arguments, self.cwd, self.port = arguments, cwd, port
        self._wait = wait
        self._env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **(env or {})}
        self.output: list[str] = []
        """Lines of stdout and stderr, over all restarts."""
        self._news = threading.Condition()
        self._ended = False
        self._reader: threading.Thread | None = None
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        if self.process is None:
            raise AssertionError("not running")
        return self.process.pid

    def start(self) -> None:
        self.port = self.port or lasting_port()
        command = [sys.executable, "-m", "restate_reflect", "serve", *self.arguments, "--port", str(self.port)]
        since = len(self.output)
        self._ended = False
        self.process = subprocess.Popen(
            command, cwd=self.cwd, env=self._env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()
        if self._wait:
            try:
                index = self.wait_for("listening on http://", since, self.start_timeout)
            except BaseException:
                self.kill()
                raise
            self.port = int(self.output[index - 1].split()[2].rpartition(":")[2])

    def wait_for(self, text: str, since: int = 0, timeout: float = 60.0) -> int:
        """Waits for a line that holds ``text``, from line ``since`` on; the index of the line after it."""
        with self._news:
            self._news.wait_for(lambda: self._ended or self._index(text, since) is not None, timeout)
            index = self._index(text, since)
        if index is None:
            state = "serve has ended" if self._ended else f"after {timeout:g} s"
            raise AssertionError(f"no line with {text!r} ({state}):\n{''.join(self.output)}")
        return index + 1

    def kill(self) -> None:
        """SIGKILL, and waits for the end of it and of all that write to its output."""
        if self.process is not None:
            self.process.kill()
            self._reap()

    def stop(self, timeout: float = 60.0) -> int | None:
        """SIGTERM, and waits for the end; the exit code, ``None`` if it was not running."""
        if self.process is None:
            return None
        process = self.process
        process.terminate()
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"serve did not stop within {timeout:g} s:\n{''.join(self.output)}") from None
        finally:
            self._reap()
        return process.returncode

    def restart(self) -> None:
        """Ends the process and starts it on the same port."""
        self.stop()
        self.start()

    def _index(self, text: str, since: int) -> int | None:
        return next((i for i, line in enumerate(self.output[since:], since) if text in line), None)

    def _reap(self) -> None:
        process, self.process = self.process, None
        if process is not None and process.stdout is not None and self._reader is not None:
            process.wait()
            self._reader.join(30)
            if self._reader.is_alive():
                raise AssertionError("a child of serve has outlived it by 30 s")
            process.stdout.close()

    def _read(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            with self._news:
                self.output.append(line)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()


def run_cli(
    *arguments: str,
    cwd: Path = ROOT,
    timeout: float = 60.0,
    env: Mapping[str, str] | None = None,
    typed: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs ``python -m restate_reflect ARGUMENTS`` to its end. ``typed`` is its stdin."""
    command: Sequence[str] = [sys.executable, "-m", "restate_reflect", *arguments]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120", **(env or {})}
    return subprocess.run(
        command, cwd=cwd, env=env, input=typed, capture_output=True, text=True, timeout=timeout, check=False
    )
