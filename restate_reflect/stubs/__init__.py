"""Interface classes for services that are implemented elsewhere, from their manifest or an admin API::

    source = generate_stubs(await AdminClient(url).services())

A description goes in, the source of a module comes out. ``_shapes`` reads the description, ``_schemas`` its JSON
Schemas into the few ``_types`` that stubs know, ``_models`` and ``_interfaces`` make classes of them, and
``_allowed`` looks at the result before it is written. Start reading at ``_render``.
"""

from __future__ import annotations

from restate_reflect.stubs._base_model import StubModel
from restate_reflect.stubs._content import ContentType
from restate_reflect.stubs._render import generate_stubs
from restate_reflect.stubs._shapes import StubsError

__all__ = ["ContentType", "StubModel", "StubsError", "generate_stubs"]
