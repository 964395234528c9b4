"""Which invocations a command is about: ids, runs of workflows by their key, or all that fit a description."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from restate_reflect.cli._address import parse_invocation
from restate_reflect.errors import RestateReflectError
from restate_reflect.identifiers import IdempotentRequest, WorkflowRun, is_invocation_id

if TYPE_CHECKING:
    from restate_reflect.ingress import AdminClient

__all__ = ["STATUSES", "Chosen", "NoSuchInvocationError", "find", "id_of"]

STATUSES: Final = ("pending", "scheduled", "ready", "running", "backing-off", "suspended", "paused", "completed")

MOST: Final = 1000
"""Invocations that one command changes; of more it is said that there are more."""


class NoSuchInvocationError(RestateReflectError):
    """A workflow has no run of that key."""


@dataclasses.dataclass(frozen=True, slots=True)
class Chosen:
    """A description of invocations."""

    service: str | None
    status: str | None
    key: str | None

    def __bool__(self) -> bool:
        return bool(self.service or self.status or self.key)


def check_target(text: str) -> None:
    """Raises ``click.BadParameter`` for what is neither an id nor ``Workflow/key``."""
    workflow, _, key = text.partition("/")
    if not (is_invocation_id(text) or (workflow and key)):
        raise click.BadParameter(
            f"{text!r} is no invocation id, which is inv_ and 34 letters and digits, and no Workflow/key. "
            "`restate-reflect ps --all` lists them.",
            param_hint="INVOCATION",
        )


async def id_of(admin: AdminClient, text: str) -> str:
    """The id itself, or that of the run of ``Workflow/key``.

    Raises:
        NoSuchInvocationError: There is none, or it is no workflow.
    """
    target = parse_invocation(text)
    if isinstance(target, WorkflowRun):
        return await _run_of(admin, target)
    assert not isinstance(target, IdempotentRequest)
    return target


async def _run_of(admin: AdminClient, run: WorkflowRun) -> str:
    from restate_reflect.definitions import HandlerKind, ServiceKind

    service = await admin.service(run.workflow)
    if service.kind is not ServiceKind.WORKFLOW:
        raise NoSuchInvocationError(
            f"{run.workflow} is no workflow, so its keys have many invocations or none:"
            f" `restate-reflect ps {run.workflow} --all` lists them with their ids."
        )
    handler = next(name for name, each in service.handlers.items() if each.kind is HandlerKind.WORKFLOW)
    found = await admin.invocations(service=run.workflow, handler=handler, key=run.key, limit=1)
    if not found:
        raise NoSuchInvocationError(f"{run.workflow} was not started for {run.key!r}, or its run is forgotten.")
    return found[0].id


async def find(admin: AdminClient, chosen: Chosen, *, completed: bool) -> Sequence[str]:
    """Ids of the invocations that fit, completed ones or all others, unless a status is asked for."""
    service, _, handler = (chosen.service or "").partition("/")
    status = chosen.status or ("completed" if completed else None)
    found = await admin.invocations(
        service=service or None,
        handler=handler or None,
        key=chosen.key,
        status=status,
        unfinished=status is None,
        limit=MOST + 1,
    )
    return [each.id for each in found]
