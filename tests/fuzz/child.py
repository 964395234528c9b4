"""The process that fuzzes one target with ``atheris``: ``python -m tests.fuzz.child TARGET LIBFUZZER-OPTIONS…``.

It ends with 0 when its time is over, and with libFuzzer's code when an input broke an invariant, took too long or
needed too much memory; the input is then in a file that the output names.
"""

from __future__ import annotations

import os
import sys
from typing import Any

__all__ = ["main"]


def main() -> None:
    import atheris

    name, *options = sys.argv[1:]
    instrument: Any = atheris  # has no stubs
    with instrument.instrument_imports(include=["restate_reflect"]):
        from tests.fuzz.targets import load

        target = load(name)
    for seed in target.seeds:  # what they leave behind (caches, pools) is not charged to the first input
        target.check(seed)
    _fuzz(atheris, target.check, [sys.argv[0], *options])


def _fuzz(atheris: Any, check: Any, arguments: list[str]) -> None:
    def run(data: bytes) -> None:
        check(bytes(data))

    atheris.Setup(arguments, run, enable_python_coverage=True)
    atheris.Fuzz()


if __name__ == "__main__":
    os.environ.setdefault("PYTHONHASHSEED", "0")
    main()
