"""``mypy --strict`` and pyright infer and refuse what the files of this folder say.

``assert_type`` pins what is inferred. A comment ``# expect-error mypy: code; pyright: rule`` says
what must be reported for the line below it; for every other line nothing may be.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.support import ROOT

pytestmark = pytest.mark.slow

HERE = Path(ROOT, "tests", "typing")
FILES = sorted(path for path in HERE.glob("*.py") if not path.name.startswith("test_"))

Line = tuple[str, int]
Findings = Mapping[Line, set[str]]

_EXPECTED = re.compile(r"\s*# expect-error mypy: ([\w, -]+); pyright: ([\w, ]+)$")
_MYPY = re.compile(r"(?P<path>[^:]+):(?P<line>\d+): error: .*\[(?P<code>[\w-]+)\]$")


def mypy() -> Findings:
    """Error codes by line, as ``mypy --strict`` with the project's configuration reports them."""
    pytest.importorskip("mypy", reason="belongs to the extra 'lint'")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-pretty", *map(str, FILES)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found: defaultdict[Line, set[str]] = defaultdict(set)
    for line in done.stdout.splitlines():
        match = _MYPY.match(line)
        if match and Path(ROOT, match["path"]).parent == HERE:
            found[Path(match["path"]).name, int(match["line"])].add(match["code"])
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return found


def pyright() -> Findings:
    """Rules by line, as pyright in strict mode reports them."""
    program = shutil.which("pyright", path=str(Path(sys.executable).parent)) or shutil.which("pyright")
    if program is None:
        pytest.skip("pyright is not there; it belongs to the extra 'lint'")
    command = [program, "--pythonpath", sys.executable, "--project", str(HERE), "--outputjson"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found: defaultdict[Line, set[str]] = defaultdict(set)
    for each in json.loads(done.stdout)["generalDiagnostics"]:
        path = Path(each["file"])
        if path in FILES:
            found[path.name, each["range"]["start"]["line"] + 1].add(each.get("rule", "syntax"))
    return found


def expected(group: int) -> Findings:
    """What the comments say: of mypy (group 1) or pyright (group 2)."""
    wanted: dict[Line, set[str]] = {}
    for path in FILES:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if "expect-error" in line:
                match = _EXPECTED.fullmatch(line)
                assert match, f"{path.name}:{number}: malformed comment"
                wanted[path.name, number + 1] = {code.strip() for code in match[group].split(",")}
    return wanted


@pytest.mark.parametrize("checker, group", [(mypy, 1), (pyright, 2)])
def test_inferences_and_refusals(checker: Callable[[], Findings], group: int) -> None:
    """Each file says as much as the checkers do, line by line."""
    wanted, found = expected(group), checker()
    unexpected = {line: codes for line, codes in found.items() if line not in wanted}
    assert unexpected == {}, "an inference fails, or something legal is refused"
    accepted = [line for line in wanted if line not in found]
    assert accepted == [], "something wrong is accepted"
    other = {line: (codes, found[line]) for line, codes in wanted.items() if not codes <= found[line]}
    assert other == {}, "refused for another reason (expected, found)"


def test_there_is_something_to_check() -> None:
    """The numbers of assertions and refusals only grow."""
    text = "".join(path.read_text() for path in FILES)
    assert text.count("assert_type(") >= 80
    assert text.count("expect-error") >= 45
