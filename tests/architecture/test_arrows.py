"""Which part of the package may import which: DESIGN's arrows as a table.

A part is a folder or a single file below ``restate_reflect/``. A new arrow is a decision: add
it here with the change that needs it.
"""

from __future__ import annotations

import graphlib

import pytest

from tests.architecture.imports import imports_of, modules, part

ROOT_MODULE = ""
VALUES = {"annotations", "errors", "escaping", "frames", "identifiers", "options", "tracebacks", "versions"}
"""Plain values that anybody may use."""

ALLOWED: dict[str, set[str]] = {
    "annotations": set(),
    "errors": set(),
    "escaping": set(),
    "frames": set(),
    "options": set(),
    "tracebacks": set(),
    "versions": set(),
    "generics": {"annotations"},
    "identifiers": {"errors"},
    "codecs": {"annotations", "errors", "generics"},
    "definitions": {"codecs", "options"},
    "context": {"codecs", "definitions", "generics", *VALUES},
    # Classes to definitions; everything after that starts from definitions.
    "reflection": {"codecs", "context", "definitions", "generics", *VALUES},
    "manifest": {"definitions", *VALUES},
    "openapi": {"definitions", "manifest", *VALUES},
    # The wire and the engine know nothing of sockets, services or contexts.
    "protocol": {"errors"},
    "engine": {"codecs", "protocol", *VALUES},
    "http2": {"errors"},
    # What hooks are given, and which there are.
    "interceptors": {"context", *VALUES},
    # Bytes and where they stand in, bytes out.
    "payloads": VALUES,
    "durable": {
        "codecs", "context", "definitions", "engine", "interceptors", "payloads", "protocol", "reflection", *VALUES,
    },
    # Sockets begin here.
    "endpoint": {
        "definitions", "durable", "engine", "http2", "interceptors", "manifest", "payloads", "protocol", "reflection",
        *VALUES,
    },
    # The admin client shares the errors of the helper for the real server.
    "ingress": {"codecs", "definitions", "payloads", "reflection", "server", *VALUES},
    "server": VALUES,
    # The server side of the protocol, and in-process deployments.
    "embedded": {
        "codecs", "definitions", "durable", "endpoint", "engine", "http2", "manifest", "openapi", "protocol",
        "reflection", *VALUES,
    },
    "stubs": {"codecs", "definitions", *VALUES},
    "protobuf": {"codecs", "definitions", "escaping", "reflection"},
    "page": {"codecs", "definitions", "endpoint", "ingress", "openapi", "server", *VALUES},
    # Journals from a server's tables, replayed here.
    "replay": {
        "codecs", "definitions", "durable", "engine", "ingress", "interceptors", "payloads", "protocol", "reflection",
        *VALUES,
    },
    "testing": {
        "codecs", "context", "definitions", "durable", "embedded", "endpoint", "engine", "ingress", "payloads",
        "protocol", "reflection", "replay", "server", *VALUES,
    },
    # On the public API; and whether what unwinds will be tried again.
    "patterns": {"context", "definitions", "durable", "reflection", *VALUES},
    # Likewise, and what a handler's loop does for libraries that know executors.
    "agents": {"codecs", "context", "definitions", "durable", "reflection", *VALUES},
    # Interceptors, for OpenTelemetry.
    "telemetry": {"context", "interceptors", *VALUES},
    # Code held against what a server runs.
    "checking": {
        "codecs", "context", "definitions", "durable", "generics", "ingress", "payloads", "protocol", "replay", *VALUES,
    },
    # What a TARGET on a command line means.
    "targets": {"definitions", "endpoint", "generics", "interceptors", "payloads", *VALUES},
    # Processes that serve: the line to each, signals, files that change.
    "processes": set(),
    # Runs and shows services while they are written: the engine, revisions, and attempts watched where they run.
    "dev": {
        "codecs", "definitions", "durable", "embedded", "endpoint", "engine", "manifest", "openapi", "page",
        "processes", "protocol", "server", "targets", "telemetry", *VALUES,
    },
    # Decoding the state in a journal needs the declared keys, which are values of context.State.
    "cli": {
        "checking", "codecs", "context", "definitions", "dev", "endpoint", "generics", "ingress", "lint", "manifest",
        "openapi",
        "page", "processes", "reflection", "replay", "server", "stubs", "targets", *VALUES,
    },
    # Sources in, findings out: it knows nothing but names.
    "lint": set(),
    # Finds the compiled modules, before any of them is imported.
    ROOT_MODULE: {"context", "definitions", "endpoint", "reflection", *VALUES},
    "__main__": {"cli"},
}  # fmt: skip

ROOMS: dict[str, set[str]] = {
    "settings": set(),
    "annotations": set(),
    "durations": set(),
    "errors": set(),
    "ids": set(),
    "deployments": {"settings"},
    # Knows no sockets and no attempts: it tells an Executor, and writes to a Store.
    "kernel": {"deployments", "errors", "ids", "settings"},
    "storage": {"errors", "kernel"},
    "query": {"errors", "ids", "kernel"},
    "attempts": {"deployments", "durations", "ids", "kernel"},
    "remembering": {"deployments", "kernel"},
    "driver": {"attempts", "errors", "kernel", "settings"},
    "travel": {"driver", "kernel"},
    "base": {"driver", "errors", "ids", "kernel", "settings", "storage", "travel"},
    "operating": {"base", "ids", "kernel"},
    "looking": {"attempts", "base", "errors", "kernel", "travel"},
    "runtime": {"deployments", "errors", "ids", "kernel", "looking", "operating", "remembering"},
    "http": {"deployments", "durations", "errors", "ids", "kernel", "query", "runtime", "settings"},
    ROOT_MODULE: {"attempts", "deployments", "errors", "ids", "kernel", "runtime", "settings", "storage"},
}  # fmt: skip
"""The same for the rooms of ``embedded/``, in the order in which they can be read."""

LATE = {
    # The contexts are thin: what only some handlers use is imported on first use, with the engine already there.
    ("context", "durable"),
}
"""Arrows that are allowed inside functions only."""


@pytest.mark.parametrize("module", modules())
def test_a_module_imports_only_what_the_table_allows(module: str) -> None:
    """Nothing imports the command line; the engine does not know the endpoint; and so on."""
    mine = part(module)
    late = {target for source, target in LATE if source == mine}
    forbidden = {
        name for name in imports_of(module, modules()[module]) if part(name) not in {mine, *ALLOWED[mine], *late}
    }
    early = {name for name in imports_of(module, modules()[module], top_level=True) if part(name) in late}
    assert (forbidden, early) == (set(), set())


def test_a_room_of_the_embedded_runtime_knows_only_what_its_row_allows() -> None:
    """A request comes in at ``http``, and the kernel knows none of those who call it."""
    found = {
        (_room(module), _room(name))
        for module, file in modules().items()
        for name in imports_of(module, file)
        if part(module) == part(name) == "embedded"
    }
    assert {(room, known) for room, known in found if room != known and known not in ROOMS[room]} == set()


def _room(module: str) -> str:
    return part(module.partition(".")[2])


@pytest.mark.parametrize("table", [ALLOWED, ROOMS])
def test_the_table_has_no_cycle(table: dict[str, set[str]]) -> None:
    """So that the parts can be read, and tested, in an order."""
    graphlib.TopologicalSorter(table).prepare()


def test_every_part_has_a_row() -> None:
    """A new folder starts with a decision about what it may know."""
    assert {part(module) for module in modules()} <= set(ALLOWED)


def test_late_arrows_are_really_needed() -> None:
    """An exception that nothing uses goes."""
    found = {(part(module), part(name)) for module, file in modules().items() for name in imports_of(module, file)}
    assert found >= LATE
