"""A Restate server for one process: for ``restate-reflect dev`` and for tests.

The server side of service protocol V5 to V7, in memory or durable in SQLite, on real or virtual time. It is for one
developer's machine; production runs restate-server. Requests come in at ``http`` (or as calls of a ``Runtime``), the
``kernel`` keeps invocations and journals in ``storage``, ``attempts`` run handlers on ``deployments``, and results go
back to callers; ``query`` shows it all as tables. Start reading at ``runtime``, the story of one invocation.
"""

from __future__ import annotations

from restate_reflect.embedded.attempts.executor import AttemptEnd, Observer
from restate_reflect.embedded.deployments.catalog import ManifestError, Registration
from restate_reflect.embedded.deployments.transport import (
    Deployment,
    Exchange,
    InProcessDeployment,
    Receiver,
    RemoteAddress,
    TransportError,
)
from restate_reflect.embedded.errors import (
    EmbeddedRuntimeError,
    InvocationNotFoundError,
    InvocationStateError,
    RequestError,
    RuntimeStoppedError,
    StoreError,
    UnknownHandlerError,
)
from restate_reflect.embedded.ids import IdError
from restate_reflect.embedded.kernel.clock import Clock, RealClock, VirtualClock
from restate_reflect.embedded.kernel.journal import Entry, JournalEntry
from restate_reflect.embedded.kernel.lifecycle import Submission
from restate_reflect.embedded.kernel.operating import Reply
from restate_reflect.embedded.kernel.records import Invocation, Outcome, Status, Target
from restate_reflect.embedded.kernel.store import Promise, Store
from restate_reflect.embedded.runtime import Runtime
from restate_reflect.embedded.settings import RuntimeSettings
from restate_reflect.embedded.storage.memory import MemoryStore
from restate_reflect.embedded.storage.sqlite import SqliteStore

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
    "RequestError",
    "Runtime",
    "RuntimeSettings",
    "RuntimeStoppedError",
    "SqliteStore",
    "Status",
    "Store",
    "StoreError",
    "Submission",
    "Target",
    "TransportError",
    "UnknownHandlerError",
    "VirtualClock",
]
