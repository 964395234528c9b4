"""What ``serve`` logs, and how its options are given."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from pathlib import Path

import click
import pytest

from restate_reflect.cli import main
from restate_reflect.cli._logs import LogOptions, log_arguments
from restate_reflect.embedded import Runtime
from restate_reflect.embedded.deployments.connect import connect
from restate_reflect.endpoint.records import JsonFormatter, TextFormatter
from tests.support import ServedProcess, fetch, run_cli

CODE = """
import logging
import os
import time
from restate_reflect import ObjectContext, TerminalError

log = logging.getLogger("shop")

class Shop:
    async def order(self, ctx: ObjectContext, number: int) -> int:
        ctx.log.info("ordered %d", number)
        log.info("first\\x1b[2J\\nsecond")
        if number == 7:
            time.sleep(2)
        return number
"""
INI = """
[loggers]
keys=root
[handlers]
keys=
[formatters]
keys=
[logger_root]
level=ERROR
handlers=
"""
IDENTIFIER = r"inv_1\w{33}"
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(CODE)
    return tmp_path


def order(served: ServedProcess, number: int) -> None:
    async def send() -> None:
        async with Runtime() as runtime:
            await runtime.register(connect(served.url, {}, True))
            await runtime.invoke("Shop", "order", json.dumps(number).encode(), key="tea")

    asyncio.run(send())


def test_records_have_time_level_handler_and_invocation(folder: Path) -> None:
    """Those of ``ctx.log`` and of any other logger in a handler; what they say acts on no terminal."""
    with ServedProcess("shop.py", "--access-log", cwd=folder) as served:
        order(served, 5)
        served.wait_for("attempt ")
        fetch(f"{served.url}/nowhere", method="GET")
        served.wait_for("GET /nowhere 404")
    text = "".join(served.output)
    assert re.search(rf"^{TIME} INFO    Shop/order {IDENTIFIER} ordered 5$", text, re.M)
    assert re.search(rf"^{TIME} INFO    Shop/order {IDENTIFIER} first\\x1b\[2J\n    second$", text, re.M)
    assert re.search(rf"^{TIME} INFO    Shop/order {IDENTIFIER} attempt (ended|suspended) in [\d.]+ ms$", text, re.M)


def test_json_has_the_same_as_data(folder: Path) -> None:
    with ServedProcess("shop.py", "--log-format", "json", cwd=folder) as served:
        order(served, 5)
        at = served.wait_for("ordered 5")
    record = json.loads(served.output[at - 1])
    assert (record["level"], record["service"], record["handler"], record["key"]) == ("info", "Shop", "order", "tea")
    assert re.fullmatch(IDENTIFIER, record["invocation_id"])
    assert "attempt ended" not in "".join(served.output)


def test_the_level_and_the_threshold_can_be_chosen(folder: Path) -> None:
    """Of workers, too; who blocks the event loop is a warning."""
    options = ("--log-level", "warning", "--blocked-after", "0.3", "--workers", "2")
    with ServedProcess("shop.py", *options, cwd=folder) as served:
        order(served, 7)
        served.wait_for("the handler Shop/order blocks the event loop for ")
    assert "ordered 7" not in "".join(served.output)
    assert "time.sleep(2)" in "".join(served.output)


@pytest.mark.parametrize(
    "name, text",
    [
        ("log.json", json.dumps({"version": 1, "root": {"level": "ERROR"}})),
        ("log.toml", 'version = 1\n[root]\nlevel = "ERROR"\n'),
        ("log.yaml", "version: 1\nroot:\n  level: ERROR\n"),
        ("log.ini", INI),
    ],
)
def test_a_configuration_file_decides_alone(
    tmp_path: Path, name: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from restate_reflect.cli import _logs

    (tmp_path / name).write_text(text)
    root = logging.getLogger()
    before, handlers = root.level, list(root.handlers)
    try:
        _logs.set_up_logging(LogOptions(config=tmp_path / name))
        assert root.level == logging.ERROR
    finally:
        root.setLevel(before)
        root.handlers[:] = handlers


def test_a_file_that_is_no_configuration_is_told(folder: Path) -> None:
    (folder / "log.json").write_text('{"version": 9}')
    result = run_cli("serve", "shop.py", "--log-config", "log.json", cwd=folder)
    assert result.returncode == 2
    assert "no logging configuration" in result.stderr


def test_workers_log_as_their_supervisor_was_told() -> None:
    arguments = log_arguments(LogOptions("debug", "json", Path("/x/log.json"), True))
    assert " ".join(arguments) == "--log-level debug --log-format json --log-config /x/log.json --access-log"


def test_formatters_show_extras_and_exceptions() -> None:
    record = logging.makeLogRecord({"name": "shop", "levelname": "ERROR", "msg": "a %s", "args": ("b",), "order": 7})
    try:
        raise KeyError("x")
    except KeyError as error:
        record.exc_info = (type(error), error, error.__traceback__)
    found = json.loads(JsonFormatter().format(record))
    assert (found["message"], found["order"]) == ("a b", 7)
    assert found["exception"].endswith("KeyError: 'x'")
    assert TextFormatter().format(record).splitlines()[0].endswith("ERROR   shop a b")
    assert all(line.startswith("    ") for line in TextFormatter().format(record).splitlines()[1:])


def test_every_option_has_a_variable() -> None:
    """By the name of its command and its longest flag, or one that several commands share."""
    for name in main.list_commands(click.Context(main)):
        command = main.get_command(click.Context(main), name)
        assert command is not None
        options = [each for each in command.params if isinstance(each, click.Option)]
        assert all(each.envvar for each in options), name
    serve = main.get_command(click.Context(main), "serve")
    assert serve is not None
    found = {each.envvar for each in serve.params if isinstance(each, click.Option)}
    assert {"RESTATE_REFLECT_SERVE_PORT", "RESTATE_REFLECT_SERVE_REGISTER", "RESTATE_REFLECT_SERVE_LOG_LEVEL"} <= found


def test_options_come_from_variables_and_from_an_env_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set in the environment wins over the file, and the command line over both."""
    file = folder / ".env"
    file.write_text("RESTATE_REFLECT_MANIFEST_VERSION=1\nGREETING='hello there'\n")
    target = folder / "greeting.py"
    target.write_text(CODE + "\nprint(os.environ.get('GREETING'))\n")
    environ = {"RESTATE_REFLECT_SERVE_LOG_LEVEL": "critical"}
    with ServedProcess("greeting.py", "--env-file", ".env", cwd=folder, env=environ) as served:
        order(served, 5)
    assert "hello there" in "".join(served.output)
    assert "ordered 5" not in "".join(served.output)


def test_waiting_for_the_server_needs_one() -> None:
    told = run_cli("serve", "shop", "--wait-for-server").stderr
    assert "--wait-for-server waits for the one of --register" in told


def test_serve_waits_for_a_server_that_is_not_there_yet(folder: Path) -> None:
    """And says so once; when its patience is over, it says what is wrong."""
    options = ("--register", "http://127.0.0.1:9", "--wait-for-server", "0.5")
    with ServedProcess("shop.py", *options, cwd=folder) as served:
        served.wait_for("waiting for the server at http://127.0.0.1:9")
        served.wait_for("refused")
    assert "".join(served.output).count("waiting for the server") == 1


def test_a_folder_can_be_watched_too(folder: Path) -> None:
    """A template, say, which no module is."""
    (folder / "templates").mkdir()
    with ServedProcess("shop.py", "--reload-dir", "templates", cwd=folder) as served:
        (folder / "templates" / "mail.txt").write_text("hello")
        served.wait_for("changed: templates/mail.txt")
        served.wait_for("reloaded")
