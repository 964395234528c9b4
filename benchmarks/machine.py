"""What the operating system says about a peer's processes (Linux), and about the machine."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from restate_reflect.cli._version import is_compiled

__all__ = ["cpu_of", "cpu_seconds", "describe", "pinned", "process_tree", "rss_bytes", "yardstick_us"]

ROOT: Final = Path(__file__).parent.parent
_TICK: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_PACKAGES: Final = ("aiohttp", "granian", "h2", "hpack", "hypercorn", "protobuf", "pydantic", "restate-sdk", "uvloop")


@contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """Keeps this process, its descendants and those they start meanwhile on one core; ``None``: on all."""
    before = os.sched_getaffinity(0)
    _move({core} if core is not None else before)
    try:
        yield
    finally:
        _move(before)


def _move(cores: Collection[int]) -> None:
    """All threads: affinity is a thread's."""
    for pid in process_tree(os.getpid()):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            try:
                os.sched_setaffinity(int(thread.name), cores)
            except ProcessLookupError:
                continue


def process_tree(root: int) -> list[int]:
    """The process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int(_stat(int(entry.name))[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def _stat(pid: int) -> list[str]:
    """The fields after the command, which may hold blanks: state, parent, …"""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def cpu_seconds(root: int) -> float:
    """User and system time of a process and its descendants, all threads, ended ones included."""
    return sum(cpu_of(pid) for pid in process_tree(root))


def cpu_of(pid: int) -> float:
    """In nanosecond steps, where ``/proc/PID/stat`` counts in steps of 10 ms.

    The clock's number is what clock_getcpuclockid(3) makes of a process id (include/linux/posix-timers.h).
    """
    try:
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:
        fields = _stat(pid)
        return (int(fields[11]) + int(fields[12])) / _TICK


def rss_bytes(root: int) -> list[int]:
    """Resident memory of each process of a tree, largest (the one that serves) first."""
    return sorted((_rss(pid) for pid in process_tree(root)), reverse=True)


def _rss(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def describe() -> dict[str, Any]:
    """Machine, versions, commit, date and load, for the record."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "compiled": is_compiled(),
        "versions": {name: _version(name) for name in _PACKAGES},
        "load_before": [round(value, 2) for value in os.getloadavg()],
        "yardstick_us": round(yardstick_us(), 1),
    }


def yardstick_us() -> float:
    """Time of a fixed piece of Python, the best of 50: tells a slow machine from slow code."""
    times = []
    for _ in range(50):
        start = time.process_time()
        sum({number: str(number) for number in range(1000)})
        times.append(time.process_time() - start)
    return min(times) * 1e6


def _commit() -> str | None:
    """Its short id, ``+`` added if the tree has been changed since."""
    command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
