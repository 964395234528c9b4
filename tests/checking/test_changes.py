"""Seeded changes of the chaos test's program: each that breaks something is found, and no other."""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest

from restate_reflect.checking import Report, check
from restate_reflect.definitions import ServiceDefinition
from restate_reflect.ingress import AdminClient, SyncClient
from restate_reflect.reflection import reflect
from tests.chaos import program
from tests.checking.changes import COMPATIBLE, INCOMPATIBLE, Change
from tests.embedded.served import ServedRuntime
from tests.support import ROOT

SOURCE = (ROOT / "tests" / "chaos" / "program.py").read_text()
_numbers = itertools.count()

Changed = Callable[[Change], list[ServiceDefinition]]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedRuntime]:
    """The program as it is: completed deposits, three questions and two flows that wait."""
    desk = program.Desk(tmp_path_factory.mktemp("desk") / "stamps")
    with ServedRuntime(program.Ledger, program.Mailbox, desk, program.Flow) as runtime:
        begin(runtime.ingress_url, runtime.admin_url)
        yield runtime


def begin(ingress_url: str, admin_url: str) -> None:
    """What is to run, wait and be stored."""
    with SyncClient(ingress_url) as client:
        for token in ("one", "two"):
            client.call(program.Desk.deposit, token)
        asked = [client.send(program.Desk.ask, f"question-{number}") for number in range(3)]  # pyright: ignore[reportUnusedVariable]
        flows = [client.send(program.Flow.run, "approved", key=f"flow-{number}") for number in (0, 1)]
        settle(admin_url, {each.id for each in (*asked, *flows)})
        for ledger in {program.ledger_of(token) for token in ("one", "two")}:
            assert client.call(program.Ledger.read, key=ledger)[0] > 0
        assert client.call(program.Mailbox.read, key="question-0")


def settle(admin_url: str, waiting: set[str]) -> None:
    """Until these wait, and everything else has ended."""

    async def look() -> bool:
        async with AdminClient(admin_url) as admin:
            found = {each.id: each.status for each in await admin.invocations(unfinished=True)}
            return found.keys() == waiting and set(found.values()) <= {"suspended", "running"}

    deadline = time.monotonic() + 60
    while not asyncio.run(look()):
        assert time.monotonic() < deadline


@pytest.fixture
def changed(tmp_path: Path) -> Iterator[Changed]:
    """The program with a change, as a module of its own."""
    names: list[str] = []

    def make(change: Change) -> list[ServiceDefinition]:
        names.append(f"changed_{next(_numbers)}")
        path = tmp_path / f"{names[-1]}.py"
        path.write_text(with_change(change))
        return services_of(imported(names[-1], path), tmp_path / "stamps")

    yield make
    for name in names:
        sys.modules.pop(name, None)


def with_change(change: Change) -> str:
    source = SOURCE
    for old, new in change:
        assert old in source, old
        source = source.replace(old, new)
    return source


def imported(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def services_of(module: ModuleType, file: Path) -> list[ServiceDefinition]:
    classes = (
        value for value in vars(module).values() if isinstance(value, type) and value.__module__ == module.__name__
    )
    arguments = {"Desk": (file,), "Span": ("1",)}
    found = (cls for cls in classes if not cls.__name__.startswith("_"))
    return [reflect(cls(*arguments[cls.__name__]) if cls.__name__ in arguments else cls) for cls in found]


class Remembering(AdminClient):
    """Asks each question once: what is in the tables stays the same, and a query takes long on a busy machine."""

    answers: ClassVar[dict[tuple[str, str], list[dict[str, Any]]]] = {}

    async def query(self, sql: str) -> list[dict[str, Any]]:
        if (self.url, sql) not in self.answers:
            self.answers[self.url, sql] = await super().query(sql)
        return self.answers[self.url, sql]


def checked(admin_url: str, services: list[ServiceDefinition]) -> Report:
    async def go() -> Report:
        async with Remembering(admin_url) as admin:
            return await check(services, admin, completed=10)

    return asyncio.run(go())


@pytest.mark.parametrize("name", INCOMPATIBLE)
def test_a_change_that_breaks_something_is_found(name: str, running: ServedRuntime, changed: Changed) -> None:
    """As what it is; with ids where invocations are concerned, and advice."""
    kind, change = INCOMPATIBLE[name]
    report = checked(running.admin_url, changed(change))
    assert kind in {each.kind for each in report.findings}, report.findings
    assert not report.fits
    assert all(each.advice for each in report.findings)


@pytest.mark.parametrize("name", COMPATIBLE)
def test_a_change_that_breaks_nothing_is_not(name: str, running: ServedRuntime, changed: Changed) -> None:
    """All invocations are replayed, and fit."""
    report = checked(running.admin_url, changed(COMPATIBLE[name]))
    assert report.findings == []
    assert sum(row.replayed for row in report.rows.values()) == sum(
        row.in_flight + row.completed for row in report.rows.values()
    )
    assert report.rows["Desk/ask"].in_flight == 3
    assert report.rows["Desk/deposit"].completed == 2
