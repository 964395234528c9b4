"""Deployments of other processes are remembered with the data: after a restart their invocations go on."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, Final

from restate_reflect.embedded.deployments.catalog import Registration
from restate_reflect.embedded.deployments.connect import Connect
from restate_reflect.embedded.deployments.transport import Deployment
from restate_reflect.embedded.kernel.kernel import Kernel

__all__ = ["recall", "remember"]

_DEPLOYMENTS: Final = "deployments"


def remember(kernel: Kernel) -> None:
    """Stores what is registered now; services of this process are left out."""
    known = kernel.catalog.registrations.values()
    described = [_describe(each) for each in known if each.transport.remote and each.is_remembered]
    kernel.store.put_meta(_DEPLOYMENTS, json.dumps(described).encode())


def recall(kernel: Kernel, connect: Connect) -> list[Registration]:
    """Registers what was remembered, with the manifests of then; nobody is asked."""
    stored: list[dict[str, Any]] = json.loads(kernel.store.get_meta(_DEPLOYMENTS) or b"[]")
    found: list[Registration] = []
    for each in stored:
        if "revisions" not in each:
            continue  # of an earlier version, which noted what had ended with its process, too
        deployment = connect(each["uri"], each["headers"], each["use_http_11"])
        deployment.sdk_version = each["sdk_version"]
        found.append(_recalled(kernel, each, deployment))
    return found


def _recalled(kernel: Kernel, each: dict[str, Any], deployment: Deployment) -> Registration:
    """Under its id, and with its revisions: whoever has pinned or noted them finds them again."""
    read = kernel.catalog.read(
        each["id"],
        deployment,
        each["manifest"],
        each["created_at"],
        breaking=True,
        recalled=True,
        metadata=each.get("metadata"),
    )
    revisions = each.get("revisions", {})
    services = {
        name: dataclasses.replace(service, revision=revisions.get(name, service.revision))
        for name, service in read.services.items()
    }
    registration = dataclasses.replace(read, services=services)
    kernel.catalog.put(registration)
    return registration


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
        "metadata": dict(registration.metadata),
        "revisions": {name: service.revision for name, service in registration.services.items()},
        "manifest": registration.manifest,
    }
