"""The official command line (npm: ``@restatedev/restate``), found or installed as restate-server is for tests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from restate_reflect.server import VERSION
from restate_reflect.server._binary import _path_in_package, cache_folder
from restate_reflect.server._npm import install

__all__ = ["CommandLine", "find_command_line", "normalised"]


def find_command_line() -> Path:
    """Its path: from ``RESTATE_CLI_BINARY``, the cache, or npm, which fills the cache; skips a test without npm."""
    if named := os.environ.get("RESTATE_CLI_BINARY"):
        return Path(named)
    beside = _path_in_package()
    name = beside.parent.parent.name.replace("restate-server", "restate")
    program = Path(*beside.parts[:2], name, "bin", "restate")
    folder = cache_folder().parent.parent / "restate" / VERSION
    if not (folder / program).is_file() and shutil.which("npm") is None:
        pytest.skip("needs the official command line, which npm would install: install Node.js, it brings npm")
    install(f"@restatedev/restate@{VERSION}", folder, program)
    return folder / program


@dataclass(frozen=True)
class CommandLine:
    """Talks to one engine."""

    program: Path
    home: Path
    admin_url: str
    ingress_url: str

    def run(self, *arguments: str, **environ: str) -> tuple[int, str]:
        """Exit code, and what it has written to both streams."""
        known = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "RESTATE_CLI_CONFIG_HOME": str(self.home),
            "RESTATE_ADMIN_URL": self.admin_url,
            "RESTATE_INGRESS_URL": self.ingress_url,
            "DO_NOT_TRACK": "1",
            "NO_COLOR": "1",
            **environ,
        }
        command = [str(self.program), "--request-timeout", "60000", *arguments]
        done = subprocess.run(command, env=known, capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, done.stdout + done.stderr

    def told(self, *arguments: str, **environ: str) -> tuple[int, list[str]]:
        """The same without what differs from run to run, lines in order of the alphabet: tables have no other."""
        code, text = self.run(*arguments, **environ)
        text = text.replace(self.admin_url, "ADMIN").replace(self.ingress_url, "INGRESS")
        text = text.replace(str(self.home), "HOME")
        lines = (re.sub(r"[\s─┌┐└┘│]+", " ", line).strip() for line in normalised(text).splitlines())
        return code, sorted(line for line in lines if line)


_SPAN = r"(?:\d+(?:\.\d+)? ?(?:ns|us|µs|ms|s|seconds?|minutes?|hours?|millis\w*)|\ban? (?:second|minute|hour))\b"
_REPLACED = [
    (r"inv_1\w{33}", "INV"),
    (r"dp_1\w{22}", "DP"),
    # restate-server gives each request over the ingress a key of its own.
    (r"\n[^\n]*Idempotency key:\s+01[0-9A-Z]{24}[^\n]*", ""),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*(?:Z| UTC| ?[+-]\d\d:\d\d)?", "TIME"),
    (r"\w{3} \d+ \w{3} \d{4} \d\d:\d\d:\d\d \+\d\d:\d\d", "TIME"),
    (rf"{_SPAN}(?:(?:,| and)? {_SPAN})*(?: ago)?", "SPAN"),
    (r"\bnow\b", "SPAN"),
    (r"SPAN ago", "SPAN"),
    (r'"partition_key":\d+', '"partition_key":N'),
    (r"(error when calling '[^']*': ).*", r"\1WHY"),
    (r"[ \t]+(- \w+ \[\d+\])", r"\n\1"),  # the services of a deployment, in any order
    (r"[ \t]+", " "),
]


def normalised(text: str) -> str:
    """Without ids, times and spans."""
    for pattern, replacement in _REPLACED:
        text = re.sub(pattern, replacement, text)
    return text
