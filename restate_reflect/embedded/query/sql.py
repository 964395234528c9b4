"""``POST /query``: SQL over the runtime's tables.

SQLite runs it, over the tables that a query names, in a process of its own (``sandbox``), which makes these tables from
the store's file, or from what it is sent (``shipping``). The server's dialect is another (DataFusion): sqlglot
translates what is not plain, if it is installed.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib.util
import json
import marshal
import re
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO, Final, Literal

from restate_reflect.embedded.errors import DamageError
from restate_reflect.embedded.kernel.kernel import Kernel
from restate_reflect.embedded.query.sandbox.asked import Asked
from restate_reflect.embedded.query.schema import TABLES
from restate_reflect.embedded.query.shipping import Part, catalog, parts

__all__ = ["Form", "Queries", "QueryError"]

Form = Literal["json", "arrow"]

_QUOTED: Final = re.compile(r"('(?:[^']|'')*'|\"[^\"]*\")")
_SOME_IDS: Final = re.compile(r"\bid\s*(?:=\s*('\w+')|IN\s*\(\s*('\w+'(?:\s*,\s*'\w+')*)\s*\))", re.IGNORECASE)
_WIDENS: Final = re.compile(
    r"\b(or|not|case|is|join|union|except|intersect)\b|\bselect\b.*\bselect\b|\bfrom\s+[\w\s]+,|[=<>]\s*\(|\)\s*[=<>!]",
    re.IGNORECASE | re.DOTALL,
)
"""What may ask for other invocations than those it names."""

_PLAIN: Final = re.compile(
    r"""\s*SELECT\s+(?:\*|(?P<columns>\w+(?:\s*,\s*\w+)*))\s+FROM\s+(?P<table>\w+)
    (?:\s+WHERE\s+(?P<conditions>\w+\s*=\s*'[^']*'(?:\s+AND\s+\w+\s*=\s*'[^']*')*))?
    (?:\s+ORDER\s+BY\s+(?:"index"|index|created_at)(?:\s+(?:ASC|DESC))?)?(?:\s+LIMIT\s+\d+)?\s*;?\s*""",
    re.IGNORECASE | re.VERBOSE,
)
"""What means the same in both dialects; tools ask it again and again, and sqlglot takes 150 ms to be imported."""
_SANDBOX: Final = str(Path(__file__).parent / "sandbox" / "main.py")
_AT_ONCE: Final = 2
"""Processes; further queries wait."""
_MAX_WAIT: Final = 30.0
"""Seconds that a query may take; its own limit is one of CPU time."""
_SLICE: Final = 0.002
"""Seconds for which sending records may hold the kernel at a stretch."""
_PIPE: Final = 1 << 20
"""Bytes of records between two waits for the process, where the system lets pipes be as large."""
_WITHOUT_REFERENCES: Final = 2
"""Version of marshal's format: looking for equal objects would take twice the time."""
_LONGEST_SQL: Final = 100_000
"""Characters; regular expressions look through it here."""


class QueryError(ValueError):
    """The query can't be run.

    Attributes:
        status: 501 if restate-server may be able to, as the message says; else what it would answer.
    """

    def __init__(self, message: str, status: int = 501) -> None:
        super().__init__(message)
        self.status = status


class Queries:
    """Runs queries over one kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def run(self, sql: str, form: Form = "json") -> BinaryIO:
        """The answer to one SELECT: as JSON, ``{"rows": [...]}``, where columns that are null are left out of a row, or
        as a stream of Arrow's.

        Returns:
            A file without a name, at the position where the answer begins, for the caller to send and to close. Read
            from a pipe, the 16 MB of 40,000 entries took 20 ms of this process before the first byte was passed on.

        Raises:
            QueryError: It is no SELECT, names a table that is not here, or needs more time or memory than it may; or
                Arrow is asked for, and its library is not installed.
            StoreError: What is stored can't be read.
        """
        if len(sql) > _LONGEST_SQL:
            raise _refused(f"it has more than {_LONGEST_SQL} characters")
        if form == "arrow" and _folder("arro3.io") is None:
            raise QueryError(
                "Arrow needs the library arro3: pip install 'restate-reflect[local]'. Or ask for JSON, with the header"
                " accept: application/json"
            )
        async with self._places:
            try:
                async with asyncio.timeout(_MAX_WAIT):
                    return await self._run(sql, form)
            except TimeoutError:
                raise _refused(f"it takes more than {_MAX_WAIT:g} s") from None
            except OSError as error:
                raise _refused(f"no process can be started for it, or no file made ({error.strerror})") from None

    async def _run(self, sql: str, form: Form) -> BinaryIO:
        with contextlib.ExitStack() as stack:
            answer = stack.enter_context(tempfile.TemporaryFile(buffering=0))  # sendfile moves its position
            ended_well = await self._execute(sql, form, answer)
            answer.seek(0)
            self._check(answer.readline() if ended_well else b"")
            stack.pop_all()
            return answer

    def _check(self, told: bytes) -> None:
        """What the process has told, if it came to that. Raises ``QueryError``, or ``DamageError``."""
        try:
            found = json.loads(told)
        except ValueError:
            raise _refused(f"it needs too much time, memory, or room in {tempfile.gettempdir()}") from None
        if found["status"] == "damaged":
            raise DamageError.of(self._kernel.store.file, found["error"])
        if found["status"] == 501:
            raise _refused(found["error"])
        if found["status"] != 200:
            raise QueryError(found["error"], found["status"])

    async def _execute(self, sql: str, form: Form, answer: BinaryIO) -> bool:
        """Whether the process has written everything."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", _SANDBOX,
            stdin=asyncio.subprocess.PIPE, stdout=answer, stderr=asyncio.subprocess.DEVNULL, pipesize=_PIPE,
        )  # fmt: skip
        assert process.stdin is not None
        telling = asyncio.ensure_future(self._tell(process.stdin, sql, form))
        try:
            status = await process.wait()
            telling.cancel()
            (failure,) = await asyncio.gather(telling, return_exceptions=True)
            if isinstance(failure, Exception) and not isinstance(failure, OSError):
                raise failure
            return status == 0
        finally:
            telling.cancel()
            if process.returncode is None:
                _kill(process)
                await process.wait()

    async def _tell(self, to: asyncio.StreamWriter, sql: str, form: Form) -> None:
        """The query, and what is stored; others get their turn in between."""
        filled = {table: _wanted(table, sql) for table in TABLES if _names(sql, table)}
        ids = _ids(sql)
        self._kernel.commit()  # what it reads from a file
        asked = self._asked(sql, form, filled, ids)
        to.write(marshal.dumps(tuple(asked)))
        try:
            if asked.file is None:
                await self._send(to, parts(self._kernel, filled, ids))
            to.write(marshal.dumps(None))
            await to.drain()
        finally:
            to.close()  # in any case: it waits for more

    async def _send(self, to: asyncio.StreamWriter, content: Iterator[Part]) -> None:
        until = time.perf_counter() + _SLICE
        for part in content:
            to.write(marshal.dumps(part, _WITHOUT_REFERENCES))
            if time.perf_counter() > until:
                await to.drain()
                await asyncio.sleep(0)
                until = time.perf_counter() + _SLICE

    def _asked(self, sql: str, form: Form, filled: dict[str, list[str]], ids: Collection[str] | None) -> Asked:
        glot = _folder("sqlglot")
        is_plain = glot is None or _is_plain(sql)
        libraries = {glot, _folder("arro3.io"), _folder("google.protobuf")} - {None}
        return Asked(
            _quote_index(sql) if is_plain else sql,
            form,
            {table: dict(columns) for table, columns in TABLES.items()},
            list(filled.items()),
            sorted(folder for folder in libraries if folder is not None),
            is_plain,
            self._kernel.store.file,
            None if ids is None else sorted(ids),
            catalog(self._kernel),
        )


def _kill(process: asyncio.subprocess.Process) -> None:
    try:
        process.kill()
    except ProcessLookupError:
        pass


def _is_plain(sql: str) -> bool:
    """Whether SQLite can run it as it is, and all that it names is there."""
    found = _PLAIN.fullmatch(sql)
    if found is None or found["table"] not in TABLES:
        return False
    asked = re.findall(r"\w+", found["columns"] or "")
    compared = re.findall(r"(\w+)\s*=", found["conditions"] or "")
    if not TABLES[found["table"]].keys() >= {*asked, *compared} or len(asked) > len(set(asked)):
        return False
    return all(TABLES[found["table"]][column] == "text" for column in compared)


def _names(sql: str, name: str) -> bool:
    return re.search(rf"\b{name}\b", _names_in(sql), re.IGNORECASE) is not None


def _wanted(table: str, sql: str) -> list[str]:
    """The columns of which something is said; all of them where there is a star that counts nothing."""
    if "*" in _names_in(sql).replace("(*)", ""):
        return list(TABLES[table])
    words = set(re.findall(r"\w+", _names_in(sql).lower()))
    return [column for column in TABLES[table] if column in words] or list(TABLES[table])[:1]


@functools.cache
def _folder(module: str) -> str | None:
    """Where a library is; ``None`` if it is not installed."""
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    if found is None or found.origin is None:
        return None
    return str(Path(found.origin).parents[module.count(".") + 1])


def _refused(why: str) -> QueryError:
    tables = ", ".join(TABLES)
    return QueryError(
        f"the embedded runtime can't answer this query: {why}. It has SELECTs over {tables}, in SQLite's SQL; "
        "use restate-server for anything else"
    )


def _names_in(sql: str) -> str:
    """Without strings."""
    return _QUOTED.sub(_kept_names, sql)


def _kept_names(quoted: re.Match[str]) -> str:
    """Takes strings out, and keeps quoted names."""
    return quoted[0] if quoted[0].startswith('"') else "''"


def _ids(sql: str) -> Collection[str] | None:
    """The invocations that a query asks for by id; ``None`` for all. Saves reading every journal for some of them."""
    conditions = re.split(r"\bwhere\b", sql, maxsplit=1, flags=re.IGNORECASE)[1:]
    found = re.findall(r"\w+", " ".join(map(" ".join, _SOME_IDS.findall("".join(conditions)))))
    return None if not found or _WIDENS.search(_QUOTED.sub("''", sql)) else set(found)


def _quote_index(sql: str) -> str:
    """``index`` is a column of ``sys_journal``, and a keyword of SQLite's."""
    parts = _QUOTED.split(sql)
    parts[::2] = [re.sub(r"\bindex\b", '"index"', part, flags=re.IGNORECASE) for part in parts[::2]]
    return "".join(parts)
