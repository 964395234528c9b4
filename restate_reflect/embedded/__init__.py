"""A Restate server for one process: for ``restate-reflect dev`` and for tests.

The server side of service protocol V5 to V7, in memory or durable in SQLite, on real or virtual
time. It is for one developer's machine; production runs restate-server.
"""

from __future__ import annotations

from restate_reflect.embedded.attempts import AttemptEnd, Observer
from restate_reflect.embedded.catalog import ManifestError, Registration
from restate_reflect.embedded.clock import Clock, RealClock, VirtualClock
from restate_reflect.embedded.errors import (
    EmbeddedRuntimeError,
    InvocationNotFoundError,
    InvocationStateError,
    UnknownHandlerError,
)
from restate_reflect.embedded.ids import IdError
from restate_reflect.embedded.journal import Entry, JournalEntry
from restate_reflect.embedded.lifecycle import Reply, Submission
from restate_reflect.embedded.memory import MemoryStore
from restate_reflect.embedded.records import Invocation, Outcome, Status, Target
from restate_reflect.embedded.runtime import Runtime
from restate_reflect.embedded.settings import RuntimeSettings
from restate_reflect.embedded.sqlite import SqliteStore
from restate_reflect.embedded.store import Promise, Store
from restate_reflect.embedded.transport import (
    Deployment,
    Exchange,
    InProcessDeployment,
    Receiver,
    RemoteAddress,
    TransportError,
)

__all__ = [
    "AttemptEnd",
    "Clock",
    "Deployment",
    "EmbeddedRuntimeError",
    "Entry",
    "Exchange",
    "IdError",
    "InProcessDeployment",
    "Invocation",
    "InvocationNotFoundError",
    "InvocationStateError",
    "JournalEntry",
    "ManifestError",
    "MemoryStore",
    "Observer",
    "Outcome",
    "Promise",
    "RealClock",
    "Receiver",
    "Registration",
    "RemoteAddress",
    "Reply",
    "Runtime",
    "RuntimeSettings",
    "SqliteStore",
    "Status",
    "Store",
    "Submission",
    "Target",
    "TransportError",
    "UnknownHandlerError",
    "VirtualClock",
]
