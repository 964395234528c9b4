"""What a query's process is told of a kernel: what is registered, and records as they are, in short slices.

Where the store is a file, that process reads it itself, and nothing but the file's name is sent. Rows are made there,
not here (``sandbox.tables``): what is done here holds up every invocation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import chain, islice
from operator import attrgetter
from typing import Any, Final

from restate_reflect.definitions import HandlerKind, ServiceKind
from restate_reflect.embedded.kernel.journal import Entry
from restate_reflect.embedded.kernel.kernel import Kernel
from restate_reflect.embedded.kernel.records import Failure, Invocation, Status
from restate_reflect.embedded.query.sandbox.invocations import fields_of
from restate_reflect.embedded.query.sandbox.records import CALLEE_TOLD
from restate_reflect.protocol import _pb2 as pb

__all__ = ["catalog", "parts"]

Part = tuple[Any, ...]
"""Its name, and what ``sandbox.sources.SentSource`` takes under it."""
_AT_ONCE: Final = 100
"""Invocations in a part: less than a millisecond."""


def catalog(kernel: Kernel) -> Part:
    """The fields of ``sandbox.sources.Catalog``."""
    registrations, services = kernel.catalog.registrations.values(), kernel.catalog.services.values()
    deployments = [
        {
            "id": each.id,
            "ty": "http",
            "endpoint": each.transport.address,
            "created_at": each.created_at,
            "min_service_protocol_version": each.min_version,
            "max_service_protocol_version": each.max_version,
            "services": list(each.services),
        }
        for each in registrations
    ]
    known = [
        {
            "name": each.name,
            "revision": each.revision,
            "public": each.public,
            "ty": each.kind.value.lower(),
            "deployment_id": each.deployment,
        }
        for each in services
    ]
    sdks = {each.id: each.sdk_version for each in registrations}
    return deployments, known, sdks, {each.name: each.deployment for each in services}


def parts(kernel: Kernel, tables: Mapping[str, Sequence[str]], ids: Collection[str] | None) -> Iterator[Part]:
    """Everything that these columns of these tables are made of.

    Args:
        ids: Of the invocations that are asked for; ``None`` for all.
    """
    wanted = frozenset(chain.from_iterable(fields_of(table, columns) for table, columns in tables.items()))
    invocations = _chosen(kernel, ids) if wanted else iter(())
    while chunk := list(islice(invocations, _AT_ONCE)):
        yield _records(chunk, wanted)
        if "sys_journal" in tables:
            yield _journals(kernel, chunk)
        if ids is not None:
            yield "targets", _related(kernel, chunk)
    if "state" in tables:
        yield from _state(kernel)
    if "sys_promise" in tables:
        yield from _promises(kernel)


def _chosen(kernel: Kernel, ids: Collection[str] | None) -> Iterator[Invocation]:
    if ids is None:
        return kernel.all()
    return iter([found for found in map(kernel.find, sorted(ids)) if found is not None])


# Everything in columns: a function's call for each record would take more time than all else here.
_STATUSES: Final = {id(status): status.value for status in Status}
_KINDS: Final = {id(kind): kind.value for kinds in (ServiceKind, HandlerKind) for kind in kinds}


def _values(names: Mapping[int, str], path: str, chunk: list[Invocation]) -> list[str | None]:
    """Of enumerations, whose own look-up is Python code."""
    return list(map(names.get, map(id, map(attrgetter(path), chunk))))


_service, _handler, _key = map(attrgetter, ("target.service", "target.handler", "target.key"))


def _targets(chunk: list[Invocation]) -> list[Any]:
    kinds = (_values(_KINDS, f"target.{name}", chunk) for name in ("service_kind", "handler_kind"))
    return list(zip(map(_service, chunk), map(_handler, chunk), map(_key, chunk), *kinds, strict=True))


def _failures(name: str, chunk: list[Invocation]) -> list[Any]:
    found = list(map(attrgetter(name), chunk))
    return list(map(_failure, found)) if any(found) else found


def _failure(failure: Failure | None) -> dict[str, Any] | None:
    if failure is None:
        return None
    return {
        "code": failure.code,
        "message": failure.message,
        "stacktrace": failure.stacktrace,
        "command_index": failure.command_index,
        "command_name": failure.command_name,
        "command_type": failure.command_type,
        "doc_code": failure.doc_code,
    }


def _failed_attempts(chunk: list[Invocation]) -> list[Any]:
    return [[(at, after, _failure(failure)) for at, after, failure in each.failed_attempts] for each in chunk]


_COLUMNS: Final[Mapping[str, Callable[[list[Invocation]], list[Any]]]] = {
    "target": _targets,
    "status": lambda chunk: _values(_STATUSES, "status", chunk),
    "failure": lambda chunk: _failures("failure", chunk),
    "last_failure": lambda chunk: _failures("last_failure", chunk),
    "failed_attempts": _failed_attempts,
}
"""Fields that are no numbers and no texts."""


def _records(chunk: list[Invocation], wanted: frozenset[str]) -> Part:
    plain = sorted(wanted - _COLUMNS.keys())
    read = attrgetter(*plain)
    rows = list(map(read, chunk)) if len(plain) > 1 else [(value,) for value in map(read, chunk)]
    return "records", plain, rows, {name: _COLUMNS[name](chunk) for name in wanted & _COLUMNS.keys()}


def _journals(kernel: Kernel, chunk: list[Invocation]) -> Part:
    journals = [kernel.store.journal(each.id) for each in chunk]
    types, payloads, times = zip(*chain.from_iterable(journals), strict=True) if any(journals) else ((), (), ())
    return "journals", [each.id for each in chunk], list(map(len, journals)), list(map(int, types)), payloads, times


def _related(kernel: Kernel, chunk: list[Invocation]) -> dict[str, tuple[Any, ...]]:
    """What the callers and callees of these few run."""
    ids = {each.parent for each in chunk if each.parent is not None}
    for each in chunk:
        ids.update(map(_callee, filter(_tells_callee, kernel.store.journal(each.id))))
    found = {identifier: kernel.find(identifier) for identifier in ids}
    known = [each for each in found.values() if each is not None]
    return dict(zip((each.id for each in known), _targets(known), strict=True))


def _tells_callee(entry: Entry) -> bool:
    return entry.type == CALLEE_TOLD


def _callee(entry: Entry) -> str:
    return pb.Notification.FromString(entry.payload).invocation_id


def _state(kernel: Kernel) -> Iterator[Part]:
    owners = iter(kernel.store.state_owners())
    while chunk := list(islice(owners, _AT_ONCE)):
        yield "state", [(*owner, *pair) for owner in chunk for pair in kernel.store.state(owner).items()]


def _promises(kernel: Kernel) -> Iterator[Part]:
    promises = iter(kernel.store.promises())
    while chunk := list(islice(promises, _AT_ONCE)):
        yield (
            "promises",
            [(*key, name, each.completed, each.value, _failure(each.failure)) for key, name, each in chunk],
        )
