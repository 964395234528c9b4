"""What a query's process is told of a kernel: what is registered, and records as they are, in short slices.

Where the store is a file, that process reads it itself, and nothing but the file's name is sent. Rows are made there,
not here (``sandbox.tables``): what is done here holds up every invocation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
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
_AT_ONCE: Final = 200
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
    readers = {name: _READERS.get(name) or partial(_plain, attrgetter(name)) for name in sorted(wanted)}
    invocations = _chosen(kernel, ids) if wanted else iter(())
    while chunk := list(islice(invocations, _AT_ONCE)):
        yield "records", len(chunk), {name: read(chunk) for name, read in readers.items()}
        if "sys_journal" in tables:
            yield _journals(kernel, chunk)
        if ids is not None and (others := _related(kernel, chunk)):
            yield "targets", [each.id for each in others], _targets(others)
    if "state" in tables:
        yield from _state(kernel)
    if "sys_promise" in tables:
        yield from _promises(kernel)


def _chosen(kernel: Kernel, ids: Collection[str] | None) -> Iterator[Invocation]:
    if ids is None:
        return kernel.all()
    return iter([found for found in map(kernel.find, sorted(ids)) if found is not None])


# ---------------------------------------------------------------- columns

# Everything in columns, by loops that are not Python's, which takes half the time of rows. Most columns have one value
# a hundred times over, which is sent once.
Column = Any
"""A list of values, or the one value that all have, which is no list."""


def _column(values: list[Any]) -> Column:
    first = values[0]
    return first if first == values[-1] and values.count(first) == len(values) else values


def _plain(read: Callable[[Any], Any], chunk: list[Any]) -> Column:
    return _column(list(map(read, chunk)))


_WORDS: Final = {id(each): each.value for kinds in (ServiceKind, HandlerKind, Status) for each in kinds}
"""Of enumerations, whose own look-up is Python code."""


def _word(read: Callable[[Any], Any], chunk: list[Any]) -> Column:
    found = _plain(read, chunk)
    return list(map(_WORDS.get, map(id, found))) if type(found) is list else _WORDS.get(id(found))


_target = attrgetter("target")
_TARGETS: Final = (
    *(partial(_plain, attrgetter(name)) for name in ("service", "handler", "key")),
    *(partial(_word, attrgetter(name)) for name in ("service_kind", "handler_kind")),
    partial(_plain, attrgetter("scope")),
)
"""The fields of ``sandbox.records.Target``, in their order."""


def _targets(chunk: list[Invocation]) -> list[Column]:
    targets = list(map(_target, chunk))
    return [read(targets) for read in _TARGETS]


def _failures(read: Callable[[Any], Failure | None], chunk: list[Invocation]) -> Column:
    found = list(map(read, chunk))
    return list(map(_failure, found)) if any(found) else None


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


def _failed_attempts(chunk: list[Invocation]) -> Column:
    return [[(at, after, _failure(failure)) for at, after, failure in each.failed_attempts] for each in chunk]


_READERS: Final[Mapping[str, Callable[[list[Invocation]], Column]]] = {
    "target": _targets,
    "status": partial(_word, attrgetter("status")),
    "failure": partial(_failures, attrgetter("failure")),
    "last_failure": partial(_failures, attrgetter("last_failure")),
    "failed_attempts": _failed_attempts,
}
"""Of fields that are no numbers and no texts."""


# ---------------------------------------------------------------- everything else


def _journals(kernel: Kernel, chunk: list[Invocation]) -> Part:
    ids = [each.id for each in chunk]
    return "journals", ids, list(map(kernel.store.packed_journal, ids))


def _related(kernel: Kernel, chunk: list[Invocation]) -> list[Invocation]:
    """The callers and callees of these few."""
    ids = {each.parent for each in chunk if each.parent is not None}
    for each in chunk:
        ids.update(map(_callee, filter(_tells_callee, kernel.store.journal(each.id))))
    found = {identifier: kernel.find(identifier) for identifier in ids}
    return [each for each in found.values() if each is not None]


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
