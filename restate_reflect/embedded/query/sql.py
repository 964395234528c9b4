"""``POST /query``: SQL over the runtime's tables.

SQLite runs it, over copies of the tables that a query names, in a process of its own (``sandbox``). The server's
dialect is another (DataFusion); plain SELECTs with conditions, ordering, grouping and joins are the same in both.
"""

from __future__ import annotations

import asyncio
import json
import marshal
import re
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import Final

from restate_reflect.embedded.kernel.kernel import Kernel
from restate_reflect.embedded.query.tables import COLUMNS, TABLES

__all__ = ["Queries", "QueryError"]

_QUOTED: Final = re.compile(r"('(?:[^']|'')*'|\"[^\"]*\")")
_ONE_ID: Final = re.compile(r"\bid\s*=\s*'(\w+)'", re.IGNORECASE)
_WIDENS: Final = re.compile(r"\b(or|union|not)\b", re.IGNORECASE)

_SANDBOX: Final = str(Path(__file__).with_name("sandbox.py"))
_AT_ONCE: Final = 2
"""Processes; further queries wait."""
_MAX_WAIT: Final = 30.0
"""Seconds that a query may take; its own limit is one of CPU time."""
_SLICE: Final = 0.005
"""Seconds for which copying tables may hold the kernel at a stretch."""
_LONGEST_SQL: Final = 100_000
"""Characters; regular expressions look through it here."""


class QueryError(ValueError):
    """The query can't be run here; the message says why, and that restate-server may be able to."""


class Queries:
    """Runs queries over one kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def run(self, sql: str) -> bytes:
        """The answer to one SELECT as JSON, ``{"rows": [...]}``; columns that are null are left out of a row.

        Raises:
            QueryError: It is no SELECT, names a table that is not here, or needs more time or memory than it may.
            StoreError: What is stored can't be read.
        """
        if len(sql) > _LONGEST_SQL:
            raise _refused(f"it has more than {_LONGEST_SQL} characters")
        async with self._places:
            try:
                async with asyncio.timeout(_MAX_WAIT):
                    answer = await self._run(sql)
            except TimeoutError:
                raise _refused(f"it takes more than {_MAX_WAIT:g} s") from None
            except OSError as error:
                raise _refused(f"no process can be started for it ({error.strerror})") from None
        if not answer.startswith(b'{"rows":'):
            raise _refused(_why(answer))
        return answer

    async def _run(self, sql: str) -> bytes:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", _SANDBOX,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        telling = asyncio.ensure_future(self._tell(process.stdin, sql))
        try:
            answer = await process.stdout.read()
            telling.cancel()
            (failure,) = await asyncio.gather(telling, return_exceptions=True)
            if isinstance(failure, Exception) and not isinstance(failure, OSError):
                raise failure
            return answer
        finally:
            telling.cancel()
            if process.returncode is None:
                try:
                    process.kill()
                except ProcessLookupError:
                    pass
            await process.wait()

    async def _tell(self, to: asyncio.StreamWriter, sql: str) -> None:
        """Query and tables; others get their turn in between."""
        named = [table for table in TABLES if re.search(rf"\b{table}\b", _names_in(sql), re.IGNORECASE)]
        to.write(marshal.dumps((_quote_index(sql), [(table, COLUMNS[table].split()) for table in named])))
        try:
            for index, table in enumerate(named):
                await self._copy(to, index, table, _ids(sql))
            to.write(marshal.dumps(None))
            await to.drain()
        finally:
            to.close()  # in any case: it waits for more

    async def _copy(self, to: asyncio.StreamWriter, index: int, table: str, ids: Collection[str] | None) -> None:
        names = COLUMNS[table].split()
        chunk: list[list[object]] = []
        until = time.perf_counter() + _SLICE
        for row in TABLES[table](self._kernel, ids):
            chunk.append([row.get(name) for name in names])
            if time.perf_counter() > until:
                to.write(marshal.dumps((index, chunk)))
                chunk = []
                await to.drain()
                await asyncio.sleep(0)
                until = time.perf_counter() + _SLICE
        to.write(marshal.dumps((index, chunk)))


def _refused(why: str) -> QueryError:
    tables = ", ".join(TABLES)
    return QueryError(
        f"the embedded runtime can't answer this query: {why}. It has SELECTs over {tables}, in SQLite's SQL; "
        "use restate-server for anything else"
    )


def _why(answer: bytes) -> str:
    """What the process has told, if it came to that."""
    try:
        return str(json.loads(answer)["error"])
    except (ValueError, KeyError):
        return "it needs too much time or memory"


def _names_in(sql: str) -> str:
    """Without strings."""
    return _QUOTED.sub(_kept_names, sql)


def _kept_names(quoted: re.Match[str]) -> str:
    """Takes strings out, and keeps quoted names."""
    return quoted[0] if quoted[0].startswith('"') else "''"


def _ids(sql: str) -> Collection[str] | None:
    """The invocations that a query asks for by id; ``None`` for all. Saves reading every journal for one of them."""
    found = _ONE_ID.findall(sql)
    return None if not found or _WIDENS.search(_QUOTED.sub("''", sql)) else set(found)


def _quote_index(sql: str) -> str:
    """``index`` is a column of ``sys_journal``, and a keyword of SQLite's."""
    parts = _QUOTED.split(sql)
    parts[::2] = [re.sub(r"\bindex\b", '"index"', part, flags=re.IGNORECASE) for part in parts[::2]]
    return "".join(parts)
