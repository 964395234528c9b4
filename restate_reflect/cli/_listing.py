"""``restate-reflect services`` and ``deployments``: what a server knows of code."""

from __future__ import annotations

import click

from restate_reflect.cli._asking import ask_admin
from restate_reflect.cli._columns import age, columns
from restate_reflect.cli._options import admin_option, json_option, print_json
from restate_reflect.cli._terminal import say

__all__ = ["deployments", "services"]


@click.command("services")
@admin_option
@json_option
def services(admin_url: str, as_json: bool) -> None:
    """List services: kind, revision, deployment, handlers."""
    found = ask_admin(admin_url, as_json, lambda admin: admin.services())
    if as_json:
        print_json([each.raw for each in found])
    elif found:
        rows = [
            (
                each.name,
                each.kind.value.lower().replace("_", " "),
                str(each.revision),
                each.deployment_id,
                "public" if each.public else "private",
                ", ".join(each.handlers),
            )
            for each in found
        ]
        say(columns([("SERVICE", "KIND", "REVISION", "DEPLOYMENT", "INGRESS", "HANDLERS"), *rows]))
    else:
        say("no services; `restate-reflect register URL` makes those of a deployment known", err=True)


@click.command("deployments")
@admin_option
@json_option
def deployments(admin_url: str, as_json: bool) -> None:
    """List deployments: address, age, protocol, services with their revisions."""
    found = ask_admin(admin_url, as_json, lambda admin: admin.deployments())
    if as_json:
        print_json([each.raw for each in found])
    elif found:
        rows = [
            (
                each.id,
                each.url,
                age(each.created_at),
                f"V{each.min_protocol_version}-V{each.max_protocol_version}",
                "both ways" if each.bidirectional else "request-response",
                ", ".join(f"{name} ({revision})" for name, revision in sorted(each.services.items())),
            )
            for each in sorted(found, key=lambda each: each.created_at, reverse=True)
        ]
        say(columns([("ID", "ADDRESS", "AGE", "PROTOCOL", "STREAMS", "SERVICES"), *rows]))
    else:
        say("no deployments; `restate-reflect register URL` adds one", err=True)
