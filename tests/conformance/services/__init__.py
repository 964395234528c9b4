"""The services of the contract, written as any user would write them.

``restate-reflect serve tests.conformance.services`` serves ``app``. Environment variables:
``SERVICES``, names of the services to serve, separated by commas (all if unset or empty);
``E2E_REQUEST_SIGNING``, a public key with which every request must be signed.
"""

from __future__ import annotations

import os

from restate_reflect import endpoint, reflect
from tests.conformance.services.blocking import (
    CancelTestBlockingService,
    CancelTestRunner,
    KillTestRunner,
    KillTestSingleton,
)
from tests.conformance.services.calls import Proxy
from tests.conformance.services.commands import VirtualObjectCommandInterpreter
from tests.conformance.services.failures import Failing, NonDeterministic
from tests.conformance.services.interpreter import layered_interpreters
from tests.conformance.services.state import Counter, ListObject, MapObject
from tests.conformance.services.utilities import AwakeableHolder, TestUtilsService
from tests.conformance.services.workflow import BlockAndWaitWorkflow

ALL = [
    reflect(service)
    for service in (
        Counter,
        ListObject,
        MapObject,
        TestUtilsService,
        AwakeableHolder,
        Proxy,
        CancelTestRunner,
        CancelTestBlockingService,
        KillTestRunner,
        KillTestSingleton,
        Failing,
        NonDeterministic,
        BlockAndWaitWorkflow,
        VirtualObjectCommandInterpreter,
        *layered_interpreters(),
    )
]


def from_environment(variable: str) -> list[str]:
    return [part.strip() for part in os.environ.get(variable, "").split(",") if part.strip()]


chosen = from_environment("SERVICES")
app = endpoint(
    *(service for service in ALL if service.name in chosen or not chosen),
    identity_keys=from_environment("E2E_REQUEST_SIGNING"),
)
