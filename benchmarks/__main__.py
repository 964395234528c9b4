"""``python -m benchmarks``: see README.md in this folder."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks import invocations
from benchmarks.machine import describe, pinned
from benchmarks.servers import OURS

RESULTS: Final = Path(__file__).parent / "results"


def _compare(options: argparse.Namespace) -> tuple[Any, str]:
    workloads = tuple(options.workloads or invocations.WORKLOADS)
    plan = invocations.Plan(rounds=options.rounds, invocations=options.invocations, workloads=workloads)
    with pinned(options.core):
        result = invocations.compare(plan)
    return result, invocations.table(result, OURS.name, workloads)


def _suites() -> dict[str, Callable[[argparse.Namespace], tuple[Any, str]]]:
    """By name. Each is imported when it is asked for: what one measures must not be loaded with the others."""
    return {"invocations": _compare}


def main() -> None:
    suites = _suites()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures; prints tables, keeps JSON.")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(suites)}; all if none is given")
    parser.add_argument("--rounds", type=int, default=5, help="medians are taken over these")
    parser.add_argument("--invocations", type=int, default=4000, help="per round")
    parser.add_argument("--workload", dest="workloads", action="append", choices=list(invocations.WORKLOADS))
    parser.add_argument("--core", type=int, default=0, help="that server and load generator share")
    parser.add_argument("--json", type=Path, default=RESULTS / "latest.json", help="where the numbers go")
    options = parser.parse_args()
    record: dict[str, Any] = {"machine": describe(), "command": " ".join(["python -m benchmarks", *sys.argv[1:]])}
    for name in options.suites or suites:
        print(f"\n## {name}\n", flush=True)
        record[name], text = suites[name](options)
        print(text, flush=True)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
