"""Deployments of other processes are remembered with the data: after a restart their invocations go on."""

from __future__ import annotations

import json
from typing import Any, Final

from restate_reflect.embedded.deployments.catalog import Registration
from restate_reflect.embedded.deployments.connect import Connect
from restate_reflect.embedded.kernel.kernel import Kernel

__all__ = ["recall", "remember"]

_DEPLOYMENTS: Final = "deployments"


def remember(kernel: Kernel) -> None:
    """Stores what is registered now; services of this process are left out."""
    described = [_describe(each) for each in kernel.catalog.registrations.values() if each.transport.remote]
    kernel.store.put_meta(_DEPLOYMENTS, json.dumps(described).encode())


def recall(kernel: Kernel, connect: Connect) -> list[Registration]:
    """Registers what was remembered, with the manifests of then; nobody is asked."""
    stored: list[dict[str, Any]] = json.loads(kernel.store.get_meta(_DEPLOYMENTS) or b"[]")
    found: list[Registration] = []
    for each in stored:
        deployment = connect(each["uri"], each["headers"], each["use_http_11"])
        deployment.sdk_version = each["sdk_version"]
        found.append(kernel.catalog.add(each["id"], deployment, each["manifest"], each["created_at"]))
    return found


def _describe(registration: Registration) -> dict[str, Any]:
    remote = registration.transport.remote
    assert remote is not None
    return {
        "id": registration.id,
        "uri": remote.uri,
        "headers": dict(remote.headers),
        "use_http_11": remote.use_http_11,
        "created_at": registration.created_at,
        "sdk_version": registration.sdk_version,
        "manifest": registration.manifest,
    }
