"""``python -m tests.fuzz [TARGET…] --seconds 600``: fuzzes each target so long; all of them share the time equally."""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

from tests.fuzz.running import fuzz
from tests.fuzz.targets import NAMES
from tests.support import ROOT


def main() -> int:
    """0 if no invariant was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"from {', '.join(NAMES)}; default: all")
    parser.add_argument("--seconds", type=int, default=60, help="for all targets together (default: 60)")
    parser.add_argument("--seed", type=int, help="of the fuzzer's random numbers (default: a new one, printed)")
    parser.add_argument("--corpus", type=Path, help="folder that keeps inputs; a later run goes on from them")
    options = parser.parse_args()
    unknown = set(options.targets) - set(NAMES)
    if unknown:
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    return _run(options)


def _run(options: argparse.Namespace) -> int:
    targets = options.targets or list(NAMES)
    seed = options.seed if options.seed is not None else random.randrange(1, 2**31)
    print(f"seed {seed}", flush=True)
    failed = 0
    for target in targets:
        corpus = options.corpus / target if options.corpus else None
        result = fuzz(target, max(options.seconds // len(targets), 1), seed=seed, corpus=corpus, artifacts=ROOT)
        print(result, flush=True)
        if result.exit_code:
            failed += 1
            print(result.output[-4000:], flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
