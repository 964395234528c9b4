"""The services of the contract, offered in service protocol V5 at most."""

from __future__ import annotations

from restate_reflect import endpoint
from tests.conformance.services import ALL

app = endpoint(*ALL, max_protocol_version=5)
