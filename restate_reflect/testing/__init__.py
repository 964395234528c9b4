"""Testing services: an environment on virtual time, the crash matrix, and a context for unit tests."""

from __future__ import annotations

from restate_reflect.embedded import JournalEntry, RuntimeSettings
from restate_reflect.testing._crashes import Divergence
from restate_reflect.testing._durable import Durable
from restate_reflect.testing._environment import TestEnvironment
from restate_reflect.testing._fake_context import FakeContext
from restate_reflect.testing._mocks import Mock, MockCall
from restate_reflect.testing._state import StateView

__all__ = [
    "Divergence",
    "Durable",
    "FakeContext",
    "JournalEntry",
    "Mock",
    "MockCall",
    "RuntimeSettings",
    "StateView",
    "TestEnvironment",
]
