"""Testing services: an environment on virtual time, the crash matrix, and a context for unit tests.

Classes and a test's scenario go in; results, journals and state to look at come out. ``_environment`` runs services
on the embedded runtime, ``_server_environment`` on a real server, both with what ``_base`` offers; ``_durable`` and
``_crashes`` repeat a scenario with a crash after each journal entry, ``_fake_context`` calls a handler with nothing
behind it, and ``_plugin`` gives all that to pytest. Start reading at ``_base``.
"""

from __future__ import annotations

from restate_reflect.embedded import JournalEntry, RuntimeSettings
from restate_reflect.testing._base import Environment
from restate_reflect.testing._comparing import Divergence
from restate_reflect.testing._durable import Durable
from restate_reflect.testing._environment import TestEnvironment
from restate_reflect.testing._fake_context import FakeCall, FakeContext
from restate_reflect.testing._mocks import Mock, MockCall
from restate_reflect.testing._recorded import recorded_journals, replay
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
    "recorded_journals",
    "replay",
]
