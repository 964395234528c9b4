"""``/docs``: a developer's page about the services of an endpoint, with a form to try them."""

from __future__ import annotations

from restate_reflect.page._routes import add_docs

__all__ = ["add_docs"]
