"""What must hold when the dust has settled."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp

from restate_reflect.server import AdminError, RestateServer
from tests.chaos.clients import Done
from tests.chaos.program import LEDGERS, ledger_of, weight
from tests.support import call

__all__ = ["check", "left_over"]

SETTLE = 120.0
"""Seconds for everything that was accepted to complete once nothing is killed any more."""
_WAITING = (
    "SELECT id, target, status, retry_count, last_failure FROM sys_invocation WHERE status != 'completed' LIMIT 20"
)


def check(server: RestateServer, done: Done, file: Path) -> dict[str, int]:
    """Raises AssertionError with what is wrong; else the figures."""
    check_nothing_is_stuck(server)
    check_nothing_has_failed(server)
    check_ledgers(server, done)
    asyncio.run(check_results(server, done))
    check_stamps(done, file)
    return figures(server)


def left_over(server: RestateServer) -> str:
    """What has not completed, with its journal, and what of it completes once nothing is killed any more.

    For whoever has to find out why a client had to give up: because something is stuck, or because an object's queue
    got no further between the kills (seen on a machine with five times as many busy processes as cores).
    """
    lines = []
    waiting = query(server, _WAITING)
    for row in waiting:
        lines.append(str(row))
        journal = "SELECT index, entry_type, name, completed FROM sys_journal WHERE id = '{}' ORDER BY index"
        lines += [f"    {entry}" for entry in query(server, journal.format(row["id"]))]
    return "\n".join([*lines, _outcome(server)])


def _outcome(server: RestateServer) -> str:
    began = time.monotonic()
    try:
        check_nothing_is_stuck(server)
    except AssertionError as error:
        return str(error)
    return f"all of it has completed within {time.monotonic() - began:.0f} s of the last kill"


def query(server: RestateServer, sql: str) -> list[dict[str, Any]]:
    """Just after a restart the tables may not be there yet."""
    rows: list[dict[str, Any]] = eventually(lambda: [server.query(sql)], 30.0, "the tables can't be queried")[0]
    return rows


def eventually(probe: Callable[[], Any], timeout: float, complaint: str) -> Any:
    until = time.monotonic() + timeout
    last: object = None
    while time.monotonic() < until:
        try:
            last = probe()
            if last:
                return last
        except AdminError as error:
            last = error
        time.sleep(0.1)
    raise AssertionError(f"{complaint}: {last}")


def check_nothing_is_stuck(server: RestateServer) -> None:
    """Every invocation completes, and no inbox, lock or awakeable is left waiting."""
    until = time.monotonic() + SETTLE
    while left := query(server, _WAITING):
        assert time.monotonic() < until, f"stuck: {left}"
        time.sleep(0.2)
    assert query(server, "SELECT * FROM sys_inbox LIMIT 5") == []


def check_nothing_has_failed(server: RestateServer) -> None:
    """No handler of these services ever fails, so no invocation may."""
    sql = "SELECT id, target, completion_failure FROM sys_invocation WHERE completion_result = 'failure' LIMIT 20"
    assert query(server, sql) == []


def check_ledgers(server: RestateServer, done: Done) -> None:
    """No token lost, none counted twice."""
    assert len(set(done.tokens)) == len(done.tokens)
    counts: Counter[str] = Counter(map(ledger_of, done.tokens))
    totals: Counter[str] = Counter()
    for token in done.tokens:
        totals[ledger_of(token)] += weight(token)
    for number in range(LEDGERS):
        key = f"ledger-{number}"
        found = call(server, "Ledger", "read", key=key).json
        assert found == [counts[key], totals[key]], f"{key} holds {found}, not {[counts[key], totals[key]]}"


async def check_results(server: RestateServer, done: Done) -> None:
    """Calls with a key that was used return what they returned: the results of sends are collected here."""
    limit = asyncio.Semaphore(32)
    async with aiohttp.ClientSession() as session:

        async def again(path: str, token: str) -> Any:
            async with limit:
                headers = {"idempotency-key": token}
                async with session.post(f"{server.ingress_url}/{path}", json=token, headers=headers) as got:
                    assert got.status == 200, f"{path} {token}: {got.status} {await got.text()}"
                    return await got.json()

        keys = list(done.results)
        values = await asyncio.gather(*(again(*key) for key in keys))
        assert dict(zip(keys, values, strict=True)) == done.results
        deposits = [token for token in done.tokens if f"{token}+sent" in set_of(done)]
        stamps = await asyncio.gather(*(again("Desk/deposit", token) for token in deposits))
        done.stamps.update(zip(deposits, stamps, strict=True))


_sets: dict[int, set[str]] = {}


def set_of(done: Done) -> set[str]:
    """The tokens as a set, made once."""
    return _sets.setdefault(id(done), set(done.tokens))


def check_stamps(done: Done, file: Path) -> None:
    """Each journaled stamp is an effect that happened, for that token; no token has two that count."""
    lines = Counter(tuple(line.split()) for line in file.read_text().splitlines())
    assert set(lines.values()) <= {1}
    missing = [(token, stamp) for token, stamp in done.stamps.items() if (token, stamp) not in lines]
    assert missing == []
    assert {token for token, _ in lines} == set(done.stamps)


def figures(server: RestateServer) -> dict[str, int]:
    (row,) = query(server, "SELECT count(*) AS n FROM sys_invocation")
    return {"invocations": row["n"]}
