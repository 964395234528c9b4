"""``ps``, ``journal``, ``cancel``, ``kill``, ``pause``, ``resume``, ``purge`` and ``register``, on both engines."""

from __future__ import annotations

import json
import re
from pathlib import Path
from uuid import uuid4

import pytest

from examples.protobuf_shop.shop_pb2 import Quantity
from restate_reflect import Context, ObjectContext, reflect
from tests.cli.engines import Engine, Shop, anonymous
from tests.support import ServedInThread

pytestmark = pytest.mark.slow

UNKNOWN = "inv_1dceKvwtEc2n5wKFLqTbJJY5R0E8Vo2cJb"


@pytest.fixture
def key() -> str:
    """No other test has used it."""
    return uuid4().hex


def times_hidden(text: str) -> str:
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", anonymous(text))
    return re.sub(r"\+?\d+(\.\d+)?(ms|s|m|h)\b", "T", text)


def columns_of(text: str) -> list[list[str]]:
    """Lines, split where two blanks stand."""
    return [re.split(r" {2,}", times_hidden(line)) for line in text.splitlines()]


def test_ps_lists_what_is_not_completed(either: Engine) -> None:
    """With age and, of what waits, for how long."""
    identifier = either.out("send", "Shop/wait", "--delay", "3d")
    header, *rows = columns_of(either.out("ps", "Shop/wait", "--status", "scheduled"))
    assert header == ["ID", "TARGET", "STATUS", "AGE", "RETRIES", "LAST ERROR"]
    assert ["inv_…", "Shop/wait", "scheduled (2d)", "T", "-", "-"] in rows
    assert identifier in [each["id"] for each in either.json("ps")]
    either.out("kill", identifier)
    assert identifier not in [each["id"] for each in either.json("ps", "Shop")]


def test_ps_shows_how_completed_ones_ended(either: Engine, key: str) -> None:
    either.out("call", f"Counter/{key}/add", "1")
    either.fails(3, "call", f"Counter/{key}/add", "99")
    rows = columns_of(either.out("ps", "Counter/add", "--all", "--key", key))[1:]
    assert [row[2:] for row in rows] == [["failed", "T", "-", "[409] too much"], ["succeeded", "T", "-", "-"]]
    newest = either.json("ps", "--all", "--key", key, "--limit", "1")
    assert [(each["success"], each["failure"], each["key"]) for each in newest] == [(False, "[409] too much", key)]


def test_ps_without_rows_says_so_on_stderr(either: Engine) -> None:
    nothing = either.run("ps", "Nobody")
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert nothing.stderr == "no invocations; --all shows those that are completed\n"
    assert either.json("ps", "Nobody") == []


def test_ps_shows_why_something_is_tried_again(either: Engine) -> None:
    """Without the traceback, which --json has."""
    identifier = either.out("send", "Shop/broken", "5")
    found = either.eventually("the database is away", "ps", "Shop/broken")
    assert "Traceback (most recent call last):" in either.out("journal", identifier)
    row = next(row for row in columns_of(found) if row[1] == "Shop/broken")
    assert row[-1] == "[500 Internal] RuntimeError: the database is away"
    (told,) = [each for each in either.json("ps", "Shop/broken") if each["id"] == identifier]
    assert "Traceback (most recent call last)" in told["last_failure"]["message"]
    assert told["created_at"].startswith("20")
    either.out("kill", identifier)


def test_a_journal_shows_steps_with_times_and_values(either: Engine, key: str) -> None:
    """Input, call, run, sleep and output; the same on both engines."""
    identifier = either.json("send", "Shop/buy", json.dumps({"sku": key, "qty": 2}))["invocation_id"]
    either.out("attach", identifier)
    text = either.out("journal", identifier).replace(key, "KEY")
    title, header, *steps = [re.split(r" {2,}", times_hidden(line)) for line in text.splitlines()]
    assert title == ["inv_…", "Shop/buy", "succeeded, began T ago"]
    assert header == ["#", "AT", "TOOK", "STEP", "VALUES"]
    assert [step[-2:] for step in steps] == [
        ["input", 'input: {"sku": "KEY", "qty": 2}'],
        ["call Counter/KEY/add", "input: 2, result: 2, inv_…"],
        ["run charge", 'result: "ch_KEY"'],
        ["sleep", "wakes up: TIME"],
        ["output", 'output: "ch_KEY"'],
    ]
    data = either.json("journal", identifier)
    assert data["invocation"]["target"] == "Shop/buy"
    assert [step["type"] for step in data["steps"]] == ["Input", "Call", "Run", "Sleep", "Output"]


def test_code_decodes_what_only_it_can_read(either: Engine, tmp_path: Path) -> None:
    """Input, output, state, and what is sent to others, as protobuf-JSON."""
    (tmp_path / "quantity").write_bytes(Quantity(pieces=200).SerializeToString())
    message = (f"@{tmp_path / 'quantity'}", "--content-type", "application/proto")
    delivered = either.out("send", "Supplier/deliver", *message)
    either.run("attach", delivered)
    callee = next(step["invocationId"] for step in either.json("journal", delivered)["steps"] if step["invocationId"])
    assert '"pieces"' not in either.out("journal", delivered)
    target = "tests.cli.engines"
    steps = [re.split(r" {2,}", line)[-1] for line in either.out("journal", delivered, target).splitlines()[2:]]
    total = re.fullmatch(r'output: ({"pieces": "\d+"})', steps[-1])
    assert total is not None
    assert steps[0] == 'input: {"pieces": "200"}'
    assert steps[1] == f'input: {{"pieces": "200"}}, result: {total[1]}, {callee}'
    assert f"value: {total[1]}" in either.out("journal", callee, target)


def test_a_journal_tells_why_it_failed(either: Engine, key: str) -> None:
    identifier = either.out("send", f"Counter/{key}/add", "99")
    either.fails(3, "attach", identifier)
    lines = either.out("journal", identifier).splitlines()
    assert lines[-2].endswith("failure: [409] too much")
    assert lines[-1] == "failed: [409] too much"


def test_a_journal_is_of_a_known_invocation(either: Engine) -> None:
    assert either.fails(4, "journal", UNKNOWN) == "no invocation inv_… at URL"
    assert "'x' is no invocation id" in " ".join(either.fails(2, "journal", "x").split())


def test_a_journal_of_what_has_not_begun_has_its_input_only(either: Engine) -> None:
    identifier = either.out("send", "Shop/nothing", "--delay", "1h")
    found = either.out("journal", identifier).splitlines()
    assert found[0].startswith(f"{identifier}  Shop/nothing  scheduled (59m), began ")
    assert [line.split() for line in found[2:]] == [["0", "+0ms", "input", "input:", "nothing"]]
    either.out("kill", identifier)


@pytest.mark.parametrize("verb, done", [("cancel", "asked to cancel"), ("kill", "killed")])
def test_invocations_can_be_ended(either: Engine, verb: str, done: str) -> None:
    """Several at once; the second time it is refused."""
    first, second = either.out("send", "Shop/wait"), either.out("send", "Shop/wait")
    assert either.out(verb, first, second) == f"{first} {done}\n{second} {done}"
    assert "failed with code 409" in either.fails(3, "attach", first)
    assert either.fails(1, verb, first) == "The invocation 'inv_…' was already completed."
    third = either.out("send", "Shop/wait")
    assert either.json(verb, third) == {verb: [third]}
    assert "does not exist" in either.fails(4, verb, UNKNOWN)


def test_a_purged_invocation_is_forgotten(either: Engine) -> None:
    identifier = either.out("send", "Shop/nothing")
    either.out("attach", identifier)
    assert either.out("purge", identifier) == f"{identifier} purged"
    assert either.fails(4, "journal", identifier) == "no invocation inv_… at URL"
    assert either.fails(4, "output", identifier).startswith("no invocation inv_…")


def test_a_paused_invocation_waits_for_resume(either: Engine) -> None:
    """Its last error is still shown."""
    identifier = either.out("send", "Shop/broken", "1")
    either.eventually("the database is away", "ps", "Shop/broken")
    either.out("pause", identifier)
    row = next(
        row for row in columns_of(either.eventually(identifier, "ps", "--status", "paused")) if row[1] == "Shop/broken"
    )
    assert row[2] == "paused"
    assert either.out("resume", identifier) == f"{identifier} resumed"
    either.out("kill", identifier)


def test_a_deployment_is_registered(either: Engine) -> None:
    """Under a URL with or without http://; twice is no mistake, unreachable is."""
    with ServedInThread(reflect(Shop, name=f"Shop{uuid4().hex}")) as served:
        name = served.url.removeprefix("http://")
        assert re.fullmatch(r"would register: Shop\w+ \(revision 1\)", either.out("register", name, "--dry-run"))
        assert re.fullmatch(r"dp_\w+: Shop\w+ \(revision 1\)", either.out("register", served.url))
        assert either.json("register", served.url)["services"][0]["name"].startswith("Shop")
    refused = either.fails(1, "register", "http://127.0.0.1:9")
    assert "META0003" in refused


class AsService:
    async def go(self, ctx: Context) -> None: ...


class AsObject:
    async def go(self, ctx: ObjectContext) -> None: ...


def test_a_refusal_to_register_names_our_own_flags(either: Engine) -> None:
    """The server speaks of its own command line's."""
    name = f"Kind{uuid4().hex}"
    with ServedInThread(reflect(AsService, name=name)) as one, ServedInThread(reflect(AsObject, name=name)) as other:
        either.out("register", one.url)
        assert "`restate-reflect register URL --breaking` allows it." in either.fails(1, "register", other.url)
        either.out("register", other.url, "--breaking")
