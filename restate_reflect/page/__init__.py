"""``/docs``: a developer's page about the services of an endpoint, with a form to try them.

``ServiceDefinition``s and the addresses of a server go in, an aiohttp application comes out; its script asks it for
plain data. ``_describe`` shows services, ``_calls`` forwards the form, ``_invocations``, ``_state`` and
``_deployments`` ask the admin API, ``_timeline`` draws journals, ``_access`` says who may look. Start reading at
``_routes``; of the page itself (``static``) at ``page.js``.
"""

from __future__ import annotations

from restate_reflect.page._routes import add_docs, to_page

__all__ = ["add_docs", "to_page"]
