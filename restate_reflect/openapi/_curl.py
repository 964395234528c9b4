"""Ready-made curl lines for registered handlers, with a body that fits the schema."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from restate_reflect.openapi._example import example

__all__ = ["curl_lines"]


def curl_lines(ingress_url: str, services: list[dict[str, Any]]) -> list[str]:
    """One line a public handler. ``services`` is the answer of the admin API's ``POST /deployments``."""
    return [
        _line(ingress_url, service, handler)
        for service in services
        for handler in service["handlers"]
        if service.get("public", True) and handler.get("public", True)
    ]


def _line(ingress_url: str, service: Mapping[str, Any], handler: Mapping[str, Any]) -> str:
    # The admin API writes VirtualObject where the manifest writes VIRTUAL_OBJECT.
    key = "" if service["ty"].lower() == "service" else "/my-key"
    url = f"{ingress_url}/{service['name']}{key}/{handler['name']}"
    return f"curl {'' if _body(handler) else '-X POST '}{shlex.quote(url)}{_body(handler)}"


def _body(handler: Mapping[str, Any]) -> str:
    if (schema := handler.get("input_json_schema")) is not None:
        body = shlex.quote(json.dumps(example(schema), ensure_ascii=False))
        return f" -H 'content-type: application/json' -d {body}"
    described = str(handler.get("input_description", "none"))
    content_type = next((word for word in described.split() if "/" in word), None)
    return f" -H {shlex.quote(f'content-type: {content_type}')} --data-binary @FILE" if content_type else ""
