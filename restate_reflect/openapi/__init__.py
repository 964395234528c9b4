"""OpenAPI 3.1 for the ingress of any set of services.

``ServiceDefinition``s go in, a document comes out, as data, JSON or YAML. ``_components`` gives schemas names,
``_shared`` is what the ingress itself takes and answers, ``_example`` makes a value that fits a schema, for the
document, ``_curl`` and the page. ``_published`` makes what restate-server publishes of a service, from its manifest,
for the embedded runtime. Start reading at ``_build``.
"""

from __future__ import annotations

from restate_reflect.openapi._build import build_openapi
from restate_reflect.openapi._example import example
from restate_reflect.openapi._published import published_openapi
from restate_reflect.openapi._yaml import to_yaml

__all__ = ["build_openapi", "example", "published_openapi", "to_yaml"]
