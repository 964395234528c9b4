"""OpenAPI 3.1 for the ingress of any set of services."""

from __future__ import annotations

from restate_reflect.openapi._build import build_openapi
from restate_reflect.openapi._example import example
from restate_reflect.openapi._yaml import to_yaml

__all__ = ["build_openapi", "example", "to_yaml"]
