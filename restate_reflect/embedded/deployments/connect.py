"""From a URI to a deployment."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from restate_reflect.embedded.deployments.transport import Deployment, TransportError

__all__ = ["Connect", "connect"]

Connect = Callable[[str, Mapping[str, str], bool], Deployment]
"""Makes a deployment of a URI, additional headers, and whether to use HTTP/1.1."""


def connect(uri: str, headers: Mapping[str, str], use_http_11: bool) -> Deployment:
    """The deployment at a URI, over HTTP/1.1 or HTTP/2 (which needs the ``h2`` library, imported here only).

    Raises:
        ImportError: ``h2`` is not installed.
        TransportError: The URI is none.
    """
    try:
        return _connect(uri, headers, use_http_11)
    except ValueError as error:  # of urlsplit: brackets, ports
        raise TransportError(f"{uri!r} is no URI: {error}") from None


def _connect(uri: str, headers: Mapping[str, str], use_http_11: bool) -> Deployment:
    if use_http_11:
        from restate_reflect.embedded.deployments.http1_client import Http1Deployment

        return Http1Deployment(uri, headers)
    from restate_reflect.embedded.deployments.http2_client import Http2Deployment

    return Http2Deployment(uri, headers)
