"""``python -m benchmarks [SUITE …]``: see README.md in this folder."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import describe
from benchmarks.report import Options, Outcome

RESULTS: Final = Path(__file__).parent / "results"

# Each is imported when it is asked for: what one measures must not be loaded with the others.
SUITES: Final = {
    "peers": ("benchmarks.invocations", "CPU, memory and start-up beside the official SDK"),
    "server": ("benchmarks.real_server", "throughput and latency through a real restate-server"),
    "replay": ("benchmarks.replay", "µs per journal entry, 10 to 10,000 of them"),
    "waiting": ("benchmarks.waiting", "memory of 10,000 invocations that wait at once"),
    "check": ("benchmarks.checking", "`check` of 10,000 invocations in flight"),
    "payloads": ("benchmarks.payloads", "CPU and memory per byte, 1 KiB to 16 MiB"),
    "startup": ("benchmarks.startup", "reflection and start of 500 handlers"),
    "workers": ("benchmarks.workers", "CPU and throughput with 1 and 2 workers"),
    "stages": ("benchmarks.stages", "where the microseconds of an invocation go"),
}


def _parser() -> argparse.ArgumentParser:
    listed = "\n".join(f"  {name:9} {what}" for name, (_, what) in SUITES.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=f"Measures, prints tables and keeps JSON.\n\nsuites:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="default: peers; all: every one")
    parser.add_argument("--rounds", type=int, help="medians are taken over these (7; with --quick 3)")
    parser.add_argument("--invocations", type=int, help="per round (4000; with --quick 1000)")
    parser.add_argument("--core", type=int, default=0, help="that server and driver share in `peers`")
    parser.add_argument("--quick", action="store_true", help="less of everything: to see that it works")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for SUITE.json")
    return parser


def _chosen(parser: argparse.ArgumentParser, names: list[str]) -> list[str]:
    unknown = [name for name in names if name not in SUITES and name != "all"]
    if unknown:
        parser.error(f"no suite {', '.join(unknown)}; there are {', '.join(SUITES)} and all")
    return list(SUITES) if "all" in names else names or ["peers"]


def main() -> None:
    parser = _parser()
    given = parser.parse_args()
    options = Options(
        rounds=given.rounds or (3 if given.quick else 7),
        invocations=given.invocations or (1000 if given.quick else 4000),
        core=given.core,
        quick=given.quick,
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped, too
    given.results.mkdir(parents=True, exist_ok=True)
    for name in _chosen(parser, given.suites):
        print(f"\n## {name}: {SUITES[name][1]}\n", flush=True)
        record: dict[str, Any] = {"command": " ".join(["python -m benchmarks", *sys.argv[1:]]), "machine": describe()}
        outcome: Outcome = import_module(SUITES[name][0]).run(options)
        print(outcome.text, flush=True)
        record["data"] = outcome.data
        (given.results / f"{name}.json").write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    print(f"\nkept in {given.results}")


if __name__ == "__main__":
    main()
