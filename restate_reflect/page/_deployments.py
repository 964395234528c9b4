"""Deployments for the page, with what still runs on each."""

from __future__ import annotations

from typing import Any

from restate_reflect.ingress import AdminClient

__all__ = ["deployments"]

Json = dict[str, Any]


async def deployments(admin: AdminClient) -> list[Json]:
    """All of them, newest first; ``services`` are revisions by name, ``current`` those that new invocations get."""
    listed = await admin.deployments()
    newest = {service.name: service.deployment_id for service in await admin.services()}
    unfinished = await admin.query(
        "SELECT pinned_deployment_id, count(*) AS unfinished FROM sys_invocation"
        " WHERE status <> 'completed' GROUP BY pinned_deployment_id"
    )
    counts = {row.get("pinned_deployment_id"): row["unfinished"] for row in unfinished}
    return [
        {
            "id": each.id,
            "url": each.url,
            "created": each.created_at.isoformat(),
            "services": dict(sorted(each.services.items())),
            "current": sorted(name for name in each.services if newest.get(name) == each.id),
            "protocol": f"V{each.min_protocol_version} to V{each.max_protocol_version}",
            "http": each.http_version,
            "sdk": each.sdk_version,
            "unfinished": counts.get(each.id, 0),
        }
        for each in reversed(listed)
    ]
