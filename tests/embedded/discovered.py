"""An endpoint that is discovered with whatever manifest a test gives it, and calls nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["MANIFEST", "Endpoint", "manifest"]

MANIFEST = "application/vnd.restate.endpointmanifest.v3+json"


class Endpoint:
    """Answers discoveries over HTTP/1.1 with whatever manifest it is given."""

    def __init__(self) -> None:
        self.answer: tuple[int, str | None, Any] = (200, MANIFEST, {})
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, content_type, manifest = endpoint.answer
                body = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
                self.send_response(status)
                if content_type is not None:
                    self.send_header("content-type", content_type)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def manifest(name: str = "Svc", ty: str = "SERVICE", handlers: Sequence[Any] = ({"name": "h"},), **more: Any) -> Any:
    service = {"name": name, "ty": ty, "handlers": list(handlers)}
    versions = {"minProtocolVersion": 5, "maxProtocolVersion": 5}
    return {"protocolMode": "REQUEST_RESPONSE", **versions, "services": [service], **more}
