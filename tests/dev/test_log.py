"""What ``restate-reflect dev`` shows of invocations that go wrong, and of code that does not load."""

from __future__ import annotations

import json
import time
import urllib.parse
from pathlib import Path

import pytest

from tests.dev.running import DEADLINE, Dev, dev
from tests.support import ROOT, fetch

CODE = """
from pathlib import Path
from restate_reflect import Context, TerminalError

def double(number: int) -> int:
    return 2 * number

class Bank:
    def __init__(self) -> None:
        self.calls = 0

    async def pay(self, ctx: Context, amount: int) -> int:
        doubled = await ctx.run("double", double, amount)
        ctx.log.info("doubled to %d", doubled)
        if not Path("open").exists():
            raise ValueError("the bank is closed")
        return doubled

    async def deliver(self, ctx: Context, amount: int) -> int:
        await ctx.run("double", double, amount)
        return await ctx.run("bring", self.bring)

    def bring(self) -> int:
        if not Path("open").exists():
            raise ValueError("nobody at home") from KeyError("door")
        return 1

    async def wrong(self, ctx: Context) -> int:
        return "text"

    async def refuse(self, ctx: Context) -> None:
        raise TerminalError("sold out", code=409)

    async def read(self, ctx: Context) -> str:
        return open("shop.py").read()

    async def count(self, ctx: Context) -> int:
        self.calls += 1
        return self.calls
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "shop.py"
    found.write_text(CODE)
    return found


def test_a_failure_is_told_once_with_cause_line_and_next_attempt(file: Path) -> None:
    """Later attempts get a line now and then; what is replayed is dimmed, and the end is told."""
    with dev(file.parent) as running:
        sent = running.post("Bank/pay/send", 4)["invocationId"]
        running.wait_for(rf"Bank/pay +{sent[-4:]}  begins with 4  {sent}$")
        running.wait_for(r'  run "double" → 8  \(\d+ ms\)$')
        running.wait_for(r"  info: doubled to 8$")
        running.wait_for(rf"^✗ Bank/pay {sent[-4:]} fails; tried again in \d+(\.\d+)? m?s$")
        running.wait_for(r"^    ValueError: the bank is closed$")
        running.wait_for(r'^    at shop\.py:\d+ in pay: raise ValueError\("the bank is closed"\)$')
        running.wait_for(r"tries again: 1 step replayed, not done again$")
        running.wait_for(r'  run "double" → 8$')
        running.wait_for(r"fails again: ValueError: the bank is closed; tried again in ")
        (file.parent / "open").touch()
        running.wait_for(r"returns 8  \(\d+ ms\)$")
        text = running.end()
    assert text.count("✗") == 1
    assert "Traceback" not in text


def test_a_step_that_failed_is_not_called_replayed(file: Path) -> None:
    """Its command is in the journal, its result is not: it is done again."""
    with dev(file.parent) as running:
        running.post("Bank/deliver/send", 4)
        running.wait_for("    KeyError: 'door'$")
        running.wait_for("    The above exception was the direct cause of the following exception:$")
        running.wait_for(r"      … \d+ frames in .*concurrent")
        running.wait_for('        raise ValueError\\("nobody at home"\\) from KeyError')
        running.wait_for(r'tries again: 1 step replayed, not done again; run "bring" is done again$')
        (file.parent / "open").touch()
        running.wait_for("returns 1")


def test_full_trace_shows_the_frames_of_libraries(file: Path) -> None:
    with dev(file.parent, "--full-trace") as running:
        running.post("Bank/deliver/send", 4)
        running.wait_for(r'      File ".*concurrent.*", line')


def test_a_bug_ends_the_invocation_at_once(file: Path) -> None:
    """No server would stop retrying it; whoever develops wants the answer, with the line to mend."""
    with dev(file.parent) as running:
        started = time.monotonic()
        answer = running.ask("Bank/wrong")
        assert answer.status == 500
        assert "does not fit its return annotation" in answer.json["message"]
        assert time.monotonic() - started < DEADLINE / 2
        running.wait_for(r"^✗ Bank/wrong \w+ ends: only a change of the code can mend this$")
        running.wait_for(r"the result of shop\.Bank\.wrong \(.*shop\.py:\d+\) does not fit")
        assert running.ask("Bank/refuse").status == 409
        running.wait_for(r"Bank/refuse .* ends with failure: sold out \(409\)")


def test_what_is_not_durable_is_warned_of_once(file: Path) -> None:
    """I/O outside of steps, and state on ``self``; the handler goes on."""
    with dev(file.parent) as running:
        for _ in range(2):
            assert running.post("Bank/read").startswith("\nfrom pathlib")
            running.post("Bank/count")
        text = running.end()
    assert text.count("! not durable") == 2
    assert "handler code opens a file ('shop.py') at shop.py:" in text
    assert "assigns self.calls" in text


def test_guards_can_refuse_or_be_off(file: Path) -> None:
    """``--guard fail`` answers with the mistake; ``off`` says nothing."""
    with dev(file.parent, "--guard", "fail") as running:
        assert "ctx.run" in running.ask("Bank/read").json["message"]
        assert "self.calls" in running.ask("Bank/count").json["message"]
    with dev(file.parent, "--guard", "off") as running:
        running.post("Bank/read")
        assert "not durable" not in running.end()


def test_a_save_that_does_not_load_keeps_the_old_code_serving(file: Path) -> None:
    """The user's own lines are shown, none of ours; the next good save is served."""
    with dev(file.parent) as running:
        file.write_text(f"{CODE}\n\ndef load():\n    raise KeyError('no such setting')\n\nload()\n")
        running.wait_for("revision 2 does not load; revision 1 serves on")
        running.wait_for(r'File ".*shop\.py", line \d+, in <module>')
        running.wait_for(r"KeyError: 'no such setting'")
        assert str(ROOT / "restate_reflect") not in running.text
        assert running.ask("Bank/refuse").status == 409
        file.write_text(CODE.replace("2 * number", "3 * number").replace("not Path", "Path"))
        running.wait_for("revision 3 serves")
        assert running.post("Bank/pay", 5) == 15


def test_a_file_that_was_missing_mends_what_did_not_load(file: Path) -> None:
    """Also for the very first revision."""
    file.write_text(f"import prices\n{CODE}")
    with dev(file.parent, begin=False) as running:
        running.wait_for("revision 1 does not load; waiting for a change")
        running.wait_for("No module named 'prices'")
        (file.parent / "prices.py").write_text("")
        running.wait_for(r"revision \d+ serves Bank")


def test_the_page_keeps_its_address_and_shows_journals(file: Path) -> None:
    """Over a save; it asks the admin API of the embedded runtime."""
    with dev(file.parent) as running:
        (file.parent / "open").touch()
        sent = running.post("Bank/pay/send", 4)["invocationId"]
        running.wait_for("returns 8")
        file.write_text(f"{CODE}\n# saved\n")
        running.wait_for("revision 2 serves")
        assert "<html" in fetch(f"{running.docs}/", method="GET").body.decode().lower()
        shown = page(running, f"invocations/{urllib.parse.quote(sent)}")
        assert '"double"' in json.dumps(shown)


def page(running: Dev, path: str) -> object:
    answer = fetch(f"{running.docs}/api/{path}", method="GET")
    assert answer.status == 200, answer.body
    return answer.json


def test_replayed_steps_are_dimmed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a terminal; ESC[2m is faint (ECMA-48)."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    with dev(file.parent, begin=False) as running:
        running.ingress = running.wait_for(r"ingress (http://[\d.:]+)")[1]
        running.wait_for("revision 1 serves")
        running.post("Bank/pay/send", 4)
        running.wait_for(
            r'\s{2}run "double" → 8\x1b\[0m\x1b\[2m  \(|\s{2}run "double" → 8\x1b\[2m  \(|run "double" → 8'
        )
        assert "\x1b[2m  run" not in running.lines[-1]
        running.wait_for("tries again")
        running.wait_for(r'\x1b\[2m  run "double" → 8')


def test_ports_and_folders_in_use_are_named_with_the_option_to_change(file: Path) -> None:
    """Two of them in one folder would spoil each other's data."""
    with dev(file.parent) as running:
        with dev(file.parent, begin=False) as second:
            second.process.wait(DEADLINE)
            assert "another `restate-reflect dev` (pid" in second.end()
            assert second.process.returncode == 1
        port = running.ingress.rpartition(":")[2]
        with dev(file.parent, "--data-dir", "other", "--ingress-port", port, begin=False) as third:
            third.process.wait(DEADLINE)
            assert f"port {port} is in use" in (text := third.end())
            assert "--ingress-port PORT" in text
            assert third.process.returncode == 1
