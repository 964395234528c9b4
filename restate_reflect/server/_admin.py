"""The few requests to the admin API that a start-up or a test needs. Blocking; stdlib only."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, cast

from restate_reflect.server._errors import AdminError

__all__ = ["Admin"]

# A proxy of the environment must not see requests to a server on this machine.
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class Admin:
    """A client of the admin API at ``url``.

    Args:
        url: Such as ``http://127.0.0.1:9070``.
        timeout: Seconds for one request; registration includes the server's discovery of the endpoint.
    """

    def __init__(self, url: str, timeout: float = 30.0) -> None:
        if not url.startswith(("http://", "https://")):
            raise AdminError(f"{url!r} is not a URL of an admin API. Write it as http://127.0.0.1:9070")
        self.url = url.rstrip("/")
        self._timeout = timeout

    def register(
        self,
        url: str,
        *,
        use_http_11: bool = False,
        force: bool = True,
        breaking: bool = False,
        additional_headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Has the server discover the deployment at ``url``; its id and services (``POST /deployments``).

        Args:
            use_http_11: Makes the server talk HTTP/1.1 (request-response) instead of HTTP/2.
            force: Replaces a deployment that was registered under the same URL.
            breaking: Allows changes that callers would notice, such as another kind of service.
            additional_headers: Sent along with every request to the deployment.
        """
        body: dict[str, Any] = {"uri": url, "use_http_11": use_http_11, "force": force, "breaking": breaking}
        if additional_headers:
            body["additional_headers"] = dict(additional_headers)
        return cast("dict[str, Any]", self.request("POST", "/deployments", body))

    def query(self, sql: str) -> list[dict[str, Any]]:
        """The rows of a SQL query over the server's tables, such as ``sys_invocation``."""
        answer = self.request("POST", "/query", {"query": sql})
        return cast("list[dict[str, Any]]", answer["rows"])

    def version(self) -> dict[str, Any]:
        """Version, API range and ``features``, which are experimental switches by name."""
        return cast("dict[str, Any]", self.request("GET", "/version"))

    def healthy(self) -> bool:
        """Whether ``GET /health`` is answered with success."""
        try:
            self.request("GET", "/health")
        except AdminError:
            return False
        return True

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """The decoded JSON answer, or ``None`` for an empty one.

        Raises:
            AdminError: with the server's own message and the status.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {"accept": "application/json", "content-type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with _open(request, timeout=self._timeout) as response:
                raw = response.read()
        except urllib.error.HTTPError as error:
            with error:
                raise AdminError(
                    f"{method} {self.url}{path}: {error.code} {_message(error.read())}", error.code
                ) from None
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise AdminError(f"no admin API of a restate-server answers at {self.url}: {reason}") from None
        return self._decoded(raw, path)

    def _decoded(self, raw: bytes, path: str) -> Any:
        try:
            return json.loads(raw) if raw else None
        except ValueError:
            raise AdminError(
                f"{self.url}{path} answered no JSON: is it the admin API (port 9070 by default)?"
            ) from None


def _message(raw: bytes) -> str:
    """``message`` of the server's error body, else the body as text."""
    try:
        return str(json.loads(raw)["message"])
    except (ValueError, TypeError, KeyError):
        return raw.decode(errors="replace") or "(no message)"
