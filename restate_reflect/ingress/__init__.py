"""Clients: of the ingress, which calls services, and of the admin API::

    async with Client("http://127.0.0.1:8080") as client:
        await client.call(Inventory.reserve, 2, key="sku-1")
        sent = await client.send(Mailer.receipt, charge, delay=timedelta(minutes=5))
        print(sent.id, await sent.output())

Methods and arguments go in, typed results come out. ``_verbs`` types the calls, ``_operations`` carries them out,
``_requests`` and ``_answers`` are HTTP as data, and ``_transport`` sends it and tries again; ``_sync`` is the same
for code without a loop, ``_admin`` is for tools. Start reading at ``_client``.
"""

from __future__ import annotations

from restate_reflect.ingress._admin import AdminClient, AdminConflictError, AdminNotFoundError
from restate_reflect.ingress._admin_data import (
    Deployment,
    Failure,
    HandlerInfo,
    InvocationInfo,
    JournalEntry,
    Registration,
    ServerVersion,
    ServiceInfo,
)
from restate_reflect.ingress._client import Client, ClientScope
from restate_reflect.ingress._errors import (
    AlreadyInvokedError,
    BadRequestError,
    ConnectError,
    ConnectionLostError,
    HandlerNotFoundError,
    IngressError,
    InvocationNotFoundError,
    NotAnIngressError,
    NotFoundError,
    OverloadedError,
    RefusedError,
    RequestTimeoutError,
    ServiceError,
    TransportError,
    UnavailableError,
)
from restate_reflect.ingress._invocations import Invocation, NotReady, Output, Ready, SentInvocation
from restate_reflect.ingress._sync import SyncClient, SyncClientScope
from restate_reflect.ingress._sync_invocations import SyncInvocation, SyncSentInvocation
from restate_reflect.ingress._sync_verbs import SyncTarget
from restate_reflect.ingress._verbs import ClientTarget
from restate_reflect.server import AdminError

__all__ = [
    "AdminClient",
    "AdminConflictError",
    "AdminError",
    "AdminNotFoundError",
    "AlreadyInvokedError",
    "BadRequestError",
    "Client",
    "ClientScope",
    "ClientTarget",
    "ConnectError",
    "ConnectionLostError",
    "Deployment",
    "Failure",
    "HandlerInfo",
    "HandlerNotFoundError",
    "IngressError",
    "Invocation",
    "InvocationInfo",
    "InvocationNotFoundError",
    "JournalEntry",
    "NotAnIngressError",
    "NotFoundError",
    "NotReady",
    "Output",
    "OverloadedError",
    "Ready",
    "RefusedError",
    "Registration",
    "RequestTimeoutError",
    "SentInvocation",
    "ServerVersion",
    "ServiceError",
    "ServiceInfo",
    "SyncClient",
    "SyncClientScope",
    "SyncInvocation",
    "SyncSentInvocation",
    "SyncTarget",
    "TransportError",
    "UnavailableError",
]
