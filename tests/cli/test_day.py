"""What operators do with state, SQL, many invocations at once, and views that go on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from restate_reflect.cli import main
from restate_reflect.cli._columns import columns
from restate_reflect.cli._terminal import paint_status
from tests.cli.engines import Engine
from tests.support import run_cli


def test_state_is_read_written_and_cleared(either: Engine) -> None:
    """By name, and all of it after a question, which nobody can answer here."""
    either.out("call", "Counter/state/add", "5")
    assert either.json("state", "get", "Counter/state") == {"count": 5}
    assert either.out("state", "get", "Counter/state", "count") == "5"
    assert either.out("state", "set", "Counter/state", "count", "-7") == "Counter/state has count = -7"
    either.eventually("-7", "state", "get", "Counter/state", "count")
    assert either.out("call", "Counter/state/get") == "-7"
    either.out("state", "set", "Counter/state", "note", "hello")
    either.eventually('"hello"', "state", "get", "Counter/state", "note")
    assert "has no state 'nope'. It has count, note." in either.fails(4, "state", "get", "Counter/state", "nope")
    assert "Clear all 2 of Counter/state (count, note)?" in either.fails(2, "state", "clear", "Counter/state")
    assert either.out("state", "clear", "Counter/state", "note") == "Counter/state: note cleared"
    assert either.out("state", "clear", "Counter/state", "--yes").endswith("cleared")
    assert "names no key" in either.fails(2, "state", "get", "Counter")
    assert "state set OBJECT/KEY NAME VALUE" in either.fails(2, "state", "set", "Counter/state", "count")


def test_sql_shows_rows(either: Engine) -> None:
    either.out("call", "Counter/sql/add", "5")
    query = "SELECT key, value_utf8 FROM state WHERE service_name = 'Counter' AND service_key = 'sql'"
    assert either.json("sql", query) == [{"key": "count", "value_utf8": "5"}]
    assert [line.split() for line in either.out("sql", query).splitlines()] == [["key", "value_utf8"], ["count", "5"]]
    assert json.loads(either.out("sql", "-", "--json", stdin=query)) == [{"key": "count", "value_utf8": "5"}]
    assert either.run("sql", "SELECT key FROM state WHERE service_key = 'nobody'").stderr == "no rows\n"
    assert either.run("sql", "SELEC 1").exit_code == 1


def test_services_and_deployments_are_listed(either: Engine) -> None:
    services = either.out("services")
    assert "Counter" in services
    assert "virtual object" in services
    assert "add, get" in services
    (deployment,) = either.json("deployments")
    assert deployment["id"] in either.out("deployments")
    assert "Counter (" in either.out("deployments")


def test_a_run_of_a_workflow_goes_by_its_key(either: Engine) -> None:
    """Wherever an id is asked for; an object has no such thing."""
    identifier = either.out("send", "Signup/by-key/run", "ada")
    either.eventually("running", "ps", "Signup", "--key", "by-key")
    assert identifier in either.out("journal", "Signup/by-key")
    assert either.out("cancel", "Signup/by-key") == f"{identifier} asked to cancel"
    either.eventually("failed", "journal", "Signup/by-key")
    assert "was not started for 'nobody'" in either.fails(4, "journal", "Signup/nobody")
    assert "Counter is no workflow" in either.fails(4, "cancel", "Counter/by-key")


def test_a_finished_invocation_is_started_again(either: Engine) -> None:
    """As a new one, with the same input."""
    identifier = either.out("send", "Shop/buy", '{"sku": "again"}')
    either.eventually("succeeded", "journal", identifier)
    new = either.out("restart-as-new", identifier)
    assert new != identifier
    assert either.out("attach", new) == '"ch_again"'


def test_many_are_chosen_by_what_they_are(either: Engine) -> None:
    """With their number, and a question unless ``--yes`` is given."""
    sent = {either.out("send", "Shop/wait") for _ in range(3)}
    either.eventually("running", "ps", "Shop/wait")
    assert "Cancel 3 invocations? Nobody can be asked here: give --yes." in either.fails(
        2, "cancel", "--service", "Shop/wait"
    )
    assert either.out("cancel", "--service", "Shop/wait", "--yes").splitlines()[-1] == "3 asked to cancel"
    for identifier in sent:
        either.eventually("failed", "journal", identifier)
    assert "not both" in either.fails(2, "kill", "inv_1dceKvwtEc2n5wKFLqTbJJY5R0E8Vo2cJb", "--service", "Shop")
    assert "not both" in either.fails(2, "purge")
    assert either.run("kill", "--service", "Shop/wait", "--yes").stderr == "no invocations fit\n"
    assert sent <= set(either.json("purge", "--service", "Shop/wait", "--status", "completed", "--yes")["purge"])


@pytest.mark.parametrize("arguments", [("-1",), ("-1", "--json"), ("--json", "-1"), ("--timeout", "30", "-1")])
def test_a_negative_number_is_a_body(either: Engine, arguments: tuple[str, ...]) -> None:
    either.out("state", "set", "Counter/negative", "count", "3")
    either.eventually("3", "state", "get", "Counter/negative", "count")
    assert "2" in either.out("call", "Counter/negative/add", *arguments)
    assert "No such option" in either.fails(2, "call", "Counter/negative/add", "-x")


def test_a_journal_is_followed_to_its_end(either: Engine) -> None:
    identifier = either.out("send", "Shop/buy", '{"sku": "follow"}')
    assert "succeeded" in either.out("journal", identifier, "--follow")


def test_ps_is_watched_until_ctrl_c(embedded_engine: Engine) -> None:
    identifier = embedded_engine.out("send", "Shop/wait")
    # Where a shell has started the tests in the background, Ctrl-C is ignored by all that they start.
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from restate_reflect.cli import main; main()"
    )
    command = [sys.executable, "-c", program, "ps", "--watch", "--admin", embedded_engine.admin_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert any(identifier in line for line in process.stdout)
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
        finally:
            process.kill()
    embedded_engine.out("kill", identifier)


def test_colours_take_no_room_and_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    painted = columns([("A", "STATUS", "B"), ("x", "failed", "y")], paint=paint_status)
    assert painted.splitlines()[1] == "x  \x1b[31mfailed\x1b[0m  y"
    monkeypatch.setenv("NO_COLOR", "1")
    assert columns([("A", "STATUS", "B"), ("x", "failed", "y")], paint=paint_status).splitlines()[1] == "x  failed  y"


def test_a_service_that_is_not_there_is_suggested(tmp_path: Path) -> None:
    """And not what the module has imported."""
    (tmp_path / "shop.py").write_text(
        "from datetime import datetime\nfrom restate_reflect import Context, ObjectContext\n"
        "class Counter:\n    async def add(self, ctx: ObjectContext) -> int: ...\n"
        "def make_mailer() -> Counter: ...\n"
    )
    told = run_cli("manifest", "shop:Nope", cwd=tmp_path).stderr
    assert "There are: Counter, make_mailer." in told
    assert "Did you mean 'Counter'?" in run_cli("manifest", "shop:Countr", cwd=tmp_path).stderr


def test_the_files_of_dev_are_completed(embedded_engine: Engine) -> None:
    env = {"_RESTATE_REFLECT_COMPLETE": "bash_complete", "COMP_WORDS": "restate-reflect dev gre", "COMP_CWORD": "2"}
    result = CliRunner(env=env).invoke(main, [], prog_name="restate-reflect", complete_var="_RESTATE_REFLECT_COMPLETE")
    assert result.output.strip() == "file,gre"
