"""Testing services: an environment on virtual time, the crash matrix, and a context for unit tests."""

from __future__ import annotations

from restate_reflect.embedded import JournalEntry, RuntimeSettings
from restate_reflect.testing._base import Environment
from restate_reflect.testing._comparing import Divergence
from restate_reflect.testing._durable import Durable
from restate_reflect.testing._environment import TestEnvironment
from restate_reflect.testing._fake_context import FakeCall, FakeContext
from restate_reflect.testing._mocks import Mock, MockCall
from restate_reflect.testing._server_environment import ServerEnvironment
from restate_reflect.testing._state import StateView
from restate_reflect.testing._views import AwakeableView, InvocationSummary, Journal, PromiseView

__all__ = [
    "AwakeableView",
    "Divergence",
    "Durable",
    "Environment",
    "FakeCall",
    "FakeContext",
    "InvocationSummary",
    "Journal",
    "JournalEntry",
    "Mock",
    "MockCall",
    "PromiseView",
    "RuntimeSettings",
    "ServerEnvironment",
    "StateView",
    "TestEnvironment",
]
