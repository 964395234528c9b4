"""Interface classes for services that are implemented elsewhere, from their manifest or an admin API.

source = generate_stubs(await AdminClient(url).services())
"""

from __future__ import annotations

from restate_reflect.stubs._base_model import StubModel
from restate_reflect.stubs._content import ContentType
from restate_reflect.stubs._render import generate_stubs
from restate_reflect.stubs._shapes import StubsError

__all__ = ["ContentType", "StubModel", "StubsError", "generate_stubs"]
