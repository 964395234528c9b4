"""Nodes of a cluster as a client sees them: some answer, some die, hang, or are not ready. Real sockets, in threads."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

__all__ = ["Behaviour", "Cluster", "Node", "refusing"]

Behaviour = Literal["answers", "dies", "hangs", "is not ready", "sheds load", "knows no service"]


class Cluster:
    """What the nodes have in common: requests with one idempotency key are one, as restate-server has it."""

    def __init__(self) -> None:
        self.done: list[str] = []
        """Paths of what was carried out."""
        self._results: dict[str, int] = {}
        self._lock = threading.Lock()

    def carry_out(self, path: str, key: str | None) -> int:
        """How many were carried out up to this one."""
        with self._lock:
            if key is not None and key in self._results:
                return self._results[key]
            self.done.append(path)
            if key is not None:
                self._results[key] = len(self.done)
            return len(self.done)


class Node:
    """Takes requests as ``behaviour`` says; a context manager."""

    def __init__(self, cluster: Cluster, behaviour: Behaviour = "answers") -> None:
        self.behaviour: Behaviour = behaviour
        self.seen: list[str] = []
        """Paths of the requests that came, read to their end."""
        self.cluster = cluster
        self.ended = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Node:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(30)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, node: Node) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.node = node

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves, or a handshake of TLS, is no error here."""


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _take(self) -> None:
        assert isinstance(self.server, _Server)
        node = self.server.node
        self.rfile.read(int(self.headers.get("content-length", 0)))
        node.seen.append(self.path)
        if node.behaviour == "is not ready":
            return self._answer(503, {"message": "not ready", "source": "ingress"})
        if node.behaviour == "sheds load":
            return self._answer(429, {"message": "too many requests", "source": "ingress"})
        if node.behaviour == "knows no service":
            return self._answer(404, {"message": "service 'Shelf' not found", "source": "ingress"})
        count = node.cluster.carry_out(self.path, self.headers.get("idempotency-key"))
        if node.behaviour == "answers":
            return self._answer(200, count)
        if node.behaviour == "hangs":
            node.ended.wait(60)
        self._die()

    do_GET = do_POST = do_PATCH = _take

    def _answer(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _die(self) -> None:
        """The connection is reset, as that of a killed process."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@contextmanager
def refusing() -> Iterator[str]:
    """The URL of a port that is taken, so that nobody else gets it, and where nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
