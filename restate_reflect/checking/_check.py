"""Everything that is checked, in order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from restate_reflect.checking import _journals
from restate_reflect.checking._contract import compare
from restate_reflect.checking._gates import add_unpassed
from restate_reflect.checking._report import Report
from restate_reflect.checking._values import StateReader
from restate_reflect.definitions import ServiceDefinition
from restate_reflect.ingress import AdminClient, ServiceInfo
from restate_reflect.replay import Replayer

__all__ = ["check"]


async def check(
    services: Iterable[ServiceDefinition],
    admin: AdminClient,
    *,
    completed: int = 0,
    keys: int = 10_000,
    interceptors: Iterable[object] = (),
    everything: bool = False,
) -> Report:
    """Holds code against what a server runs.

    A service that the code has not counts as removed if its deployment serves one that the code has, too: that
    deployment is what the code replaces. Services of other deployments are named in ``Report.others``.

    Args:
        services: The code, as ``reflect`` makes it.
        admin: A client of the server, or of ``dev``; with the services' ``payloads``, if they have some.
        completed: How many completed invocations of each handler are replayed, the last ones; 0 for none.
        keys: Of how many keys of each service the stored state is read at most.
        interceptors: That are around all services where they are served.
        everything: Whether the code is all that the server is to serve: what it has not is removed, whoever serves it.

    Raises:
        AdminError: The server refuses to answer, or can't be reached.
    """
    code = {service.name: service for service in services}
    report = Report()
    found = await admin.services()
    replaced = found if everything else _replaced(found, code)
    compare(replaced, code, report)
    names = sorted(service.name for service in replaced)
    report.others = await _journals.in_flight_of_others(admin, {service.name for service in found} - {*names})
    if names:
        await _replay(admin, replaced, Replayer(code.values(), interceptors=interceptors), completed, report)
    for service in (code[name] for name in names if name in code):
        if service.kind.keyed:
            await _state(admin, service, keys, report)
        add_unpassed(service, report)
    report.sort()
    return report


def _replaced(found: Sequence[ServiceInfo], code: dict[str, ServiceDefinition]) -> list[ServiceInfo]:
    """Services of the code, and those that are served beside them by the deployments that the code would replace."""
    mine = {service.deployment_id for service in found if service.name in code}
    return [service for service in found if service.name in code or service.deployment_id in mine]


async def _replay(
    admin: AdminClient, registered: Sequence[ServiceInfo], replayer: Replayer, count: int, report: Report
) -> None:
    names = [service.name for service in registered]
    async for page in _journals.in_flight(admin, names):
        await _journals.replay_all(page, replayer, admin.payloads, report)
    for service, handler in await _journals.handlers_with_completed(admin, names) if count else ():
        async for page in _journals.completed(admin, service, handler, count):
            await _journals.replay_all(page, replayer, admin.payloads, report)


async def _state(admin: AdminClient, service: ServiceDefinition, keys: int, report: Report) -> None:
    reader = StateReader(service)
    async for page in _journals.state_pages(admin, service.name, keys):
        reader.read(page, report)
    reader.finish(report)
