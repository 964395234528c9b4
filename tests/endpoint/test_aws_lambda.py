"""The AWS Lambda function, called with events as Restate sends them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from restate_reflect import Context, TerminalError
from restate_reflect.endpoint.aws_lambda import lambda_handler
from restate_reflect.protocol.messages import MessageType
from tests.journals import frames, given_input, journal, read


class Shop:
    async def buy(self, ctx: Context, sku: str) -> str:
        if sku == "none":
            raise TerminalError("sold out", 409)
        return await ctx.run("order", order, sku)


async def order(sku: str) -> str:
    return f"order of {sku}"


def _messages(body: bytes) -> list[tuple[MessageType, Any]]:
    return [(MessageType(raw.type), read(raw)) for raw in frames(body)]


def invoke(path: str, body: bytes, method: str = "POST") -> dict[str, Any]:
    handler = lambda_handler(Shop)
    event = {
        "path": path,
        "httpMethod": method,
        "headers": {"Content-Type": "application/vnd.restate.invocation.v6"},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }
    try:
        return handler(event, None)
    finally:
        handler.close()


def test_an_invocation_runs_until_it_must_wait() -> None:
    """The step is executed and its result proposed; then the attempt suspends."""
    response = invoke("/invoke/Shop/buy", journal(given_input(b'"tea"')))
    assert response["statusCode"] == 200
    types = [type_ for type_, _ in _messages(base64.b64decode(response["body"]))]
    assert types == [MessageType.RUN_COMMAND, MessageType.PROPOSE_RUN_COMPLETION, MessageType.SUSPENSION]


def test_a_terminal_error_is_an_output() -> None:
    """It ends the invocation, not the function."""
    response = invoke("/invoke/Shop/buy", journal(given_input(b'"none"')))
    (_, output), _end = _messages(base64.b64decode(response["body"]))
    assert (output.failure.code, output.failure.message) == (409, "sold out")


def test_discovery_announces_request_response() -> None:
    """Lambda can't stream."""
    response = invoke("/discover", b"", "GET")
    assert json.loads(base64.b64decode(response["body"]))["protocolMode"] == "REQUEST_RESPONSE"


def test_an_unknown_handler_is_a_404_that_lists_the_known_ones() -> None:
    """The answer helps whoever registered the wrong function."""
    response = invoke("/invoke/Shop/sell", b"")
    assert response["statusCode"] == 404
    assert b"buy" in base64.b64decode(response["body"])


@pytest.mark.parametrize(
    "method, path, status, allow",
    [
        ("HEAD", "/health", 200, None),
        ("GET", "/invoke/Shop/buy", 405, "POST, OPTIONS"),
        ("OPTIONS", "/discover", 204, "GET, HEAD, OPTIONS"),
        ("BREW", "/health", 501, None),
    ],
)
def test_methods_are_those_of_the_endpoint(method: str, path: str, status: int, allow: str | None) -> None:
    """As over HTTP/1.1 and HTTP/2."""
    response = invoke(path, b"", method)
    assert (response["statusCode"], response["headers"].get("allow")) == (status, allow)
    if method == "HEAD":
        assert (response["body"], response["headers"]["content-length"]) == ("", "2")
