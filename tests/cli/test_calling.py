"""``call``, ``send``, ``attach`` and ``output``, against both engines."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cli.engines import Engine, anonymous


@pytest.fixture
def key() -> str:
    """No other test has used it."""
    return uuid4().hex


def test_a_call_prints_the_result(either: Engine, key: str) -> None:
    assert either.out("call", f"Counter/{key}/add", "5") == "5"
    assert either.out("call", f"Counter/{key}/add", "3") == "8"
    assert either.json("call", f"Counter/{key}/get") == {"result": 8}


def test_a_call_without_result_prints_nothing(either: Engine) -> None:
    assert either.out("call", "Shop/nothing") == ""
    assert either.json("call", "Shop/nothing") == {"result": None}


def test_bodies_are_json_words_files_or_stdin(either: Engine, key: str, tmp_path: Path) -> None:
    order = '{"sku": "bolt"}'
    (tmp_path / "order.json").write_text(order)
    assert either.out("call", "Shop/buy", order) == '"ch_bolt"'
    assert either.out("call", "Shop/buy", f"@{tmp_path / 'order.json'}") == '"ch_bolt"'
    assert either.out("call", "Shop/buy", "-", stdin=order) == '"ch_bolt"'
    either.out("send", f"Signup/{key}/run", "ada")
    either.out("call", f"Signup/{key}/confirm", '"!"')
    assert either.out("attach", f"Signup/{key}") == '"ada!"'


def test_bytes_come_as_they_are(either: Engine) -> None:
    """A newline after them would be part of a file; as JSON they are base64."""
    arguments = ("call", "Shop/raw", "abc", "--content-type", "application/octet-stream")
    assert either.run(*arguments).stdout_bytes == b"abc\xff"
    assert either.json(*arguments) == {"result": {"base64": "YWJj/w=="}}


def test_a_key_may_hold_anything(either: Engine, key: str) -> None:
    assert either.out("call", f"Counter/{key}/a b/ü?#%/add", "1") == "1"
    assert either.out("call", f"Counter/{key}/a b/ü?#%/get") == "1"


def test_headers_reach_the_handler(either: Engine) -> None:
    assert either.out("call", "Shop/headers", "-H", "X-Tenant: acme") == '"acme"'


def test_an_idempotency_key_makes_a_second_request_the_first(either: Engine, key: str) -> None:
    counter = f"Counter/{key}/add"
    assert either.out("call", counter, "5", "--idempotency-key", key) == "5"
    assert either.out("call", counter, "5", "--idempotency-key", key) == "5"
    assert either.out("attach", counter, "--idempotency-key", key) == "5"
    assert either.out("output", counter, "--idempotency-key", key) == "5"
    again = either.run("send", counter, "5", "--idempotency-key", key)
    assert again.exit_code == 0
    assert "had been started before" in again.stderr


def test_a_send_can_be_attached_to(either: Engine) -> None:
    sent = either.json("send", "Shop/buy", '{"sku": "nut"}')
    assert sent["is_new"] is True
    assert either.out("attach", sent["invocation_id"]) == '"ch_nut"'
    assert either.out("output", sent["invocation_id"]) == '"ch_nut"'
    assert either.json("attach", sent["invocation_id"]) == {"result": "ch_nut"}


def test_a_delayed_send_tells_when_it_starts(either: Engine) -> None:
    sent = either.json("send", "Shop/nothing", "--delay", "2h30m")
    assert sent["execution_time"].endswith("+00:00")
    assert either.eventually("scheduled (2h)", "ps", "Shop/nothing", "--status", "scheduled")
    either.out("kill", sent["invocation_id"])


def test_what_is_not_ready_is_exit_code_5(either: Engine) -> None:
    identifier = either.out("send", "Shop/wait")
    assert either.fails(5, "output", identifier) == "inv_… has no result yet; `attach` waits for it"
    not_ready = either.run("output", identifier, "--json")
    assert (not_ready.exit_code, json.loads(not_ready.stdout)) == (5, {"ready": False})
    assert either.fails(5, "attach", identifier, "--timeout", "0.2").splitlines() == [
        "no result of inv_… within 0.2 s.",
        "The invocation, if it was accepted, goes on; `restate-reflect ps` lists it.",
    ]
    either.out("kill", identifier)


def test_a_terminal_failure_is_exit_code_3(either: Engine, key: str) -> None:
    """With its code and metadata; the invocation id leads to the journal."""
    assert either.fails(3, "call", f"Counter/{key}/add", "99").splitlines() == [
        f"Counter/{key}/add failed with code 409: too much",
        "  limit: 98",
        "`restate-reflect journal inv_…` shows its steps.",
    ]
    told = json.loads(either.fails(3, "call", f"Counter/{key}/add", "99", "--json"))
    assert told == {
        "error": "ServiceError",
        "message": "too much",
        "code": 409,
        "metadata": {"limit": "98"},
        "invocation_id": "inv_…",
        "exit_code": 3,
        "hint": "`restate-reflect journal inv_…` shows its steps.",
    }
    identifier = either.out("send", f"Counter/{key}/add", "99")
    assert either.fails(3, "attach", identifier).splitlines()[0] == "inv_… failed with code 409: too much"


def test_a_bad_input_is_a_failure_of_the_handler(either: Engine, key: str) -> None:
    lines = either.fails(3, "call", f"Counter/{key}/add", "many").splitlines()
    assert lines[0].endswith("failed with code 400: invalid input for tests.cli.engines.Counter.add: not a valid int:")
    assert 'unable to parse string as an integer (got "many")' in lines[1]


REFUSALS = [
    (4, ("call", "Nobody/greet"), "no service Nobody is registered.", "`restate-reflect register URL` makes"),
    (4, ("call", "Counter/a/ad", "1"), "Counter has no handler ad.", ""),
    (
        2,
        ("call", "Counter/add", "1"),
        "Counter/add can't be called like this.",
        "a key belongs between: Counter/KEY/add",
    ),
    (2, ("call", "Shop/k/wait"), "Shop/k/wait can't be called like this.", "leave 'k' out: Shop/wait"),
    (2, ("call", "Shop/wait", "5"), "Shop/wait takes no input, and one was given.", "restate-reflect call Shop/wait"),
    (2, ("send", "Shop/buy"), "Shop/buy takes an input, and none was given.", "call Shop/buy BODY"),
    (4, ("output", "Signup/nobody"), "no invocation Signup/nobody: it was never started, or its result is past", ""),
    (4, ("attach", "inv_1dceKvwtEc2n5wKFLqTbJJY5R0E8Vo2cJb"), "no invocation inv_…: it was never started", ""),
]


@pytest.mark.parametrize("code, arguments, said, hint", REFUSALS)
def test_what_the_server_refuses(either: Engine, code: int, arguments: tuple[str, ...], said: str, hint: str) -> None:
    """In words that tell what to type instead, the same for both engines."""
    lines = either.fails(code, *arguments).splitlines()
    assert lines[0].startswith(said)
    assert hint in "".join(lines[1:])


def test_a_workflow_that_runs_once_can_be_attached_to(either: Engine, key: str) -> None:
    either.out("send", f"Signup/{key}/run", "ada")
    assert either.fails(1, "call", f"Signup/{key}/run", "ada").splitlines() == [
        f"the workflow Signup/{key} was started before, and runs once per key.",
        f"`restate-reflect attach Signup/{key}` waits for its result.",
    ]
    either.out("call", f"Signup/{key}/confirm", '"!"')


USAGE = [
    (("call", "Counter"), "names no handler. Write Service/handler, or Object/key/handler."),
    (("call", "Shop/buy", '{"sku": '), "no valid JSON"),
    (("call", "Shop/buy", "@nowhere.json"), "nowhere.json can't be read: No such file or directory."),
    (("call", "Shop/buy", "{}", "-H", "tenant"), "'tenant' is no header. Write it as 'name: value'."),
    (("send", "Shop/buy", "{}", "--delay", "soon"), "'soon' is no duration. Write 30s, 250ms, 2h30m or 3d."),
    (("attach", "inv_1x"), "'inv_1x' is no invocation. Give an id (inv_ and 34 letters and digits), or Workflow/key"),
    (("attach", "Shop", "--idempotency-key", "k"), "'Shop' names no handler."),
    (("call", "Shop/wait", "--ingress", "ftp://x"), "it must begin with http:// or https://."),
    (("call", "Shop/wait", "--ingress", "http://"), "is no URL of a server. Write it as"),
]


@pytest.mark.parametrize("arguments, said", USAGE)
def test_bad_usage_is_exit_code_2_and_asks_nobody(arguments: tuple[str, ...], said: str) -> None:
    nowhere = Engine("http://127.0.0.1:9", "http://127.0.0.1:9")
    assert said in " ".join(nowhere.fails(2, *arguments).split())


def test_a_server_that_is_not_there_is_exit_code_6() -> None:
    """With the reason, and the option and variable that name another."""
    nowhere = Engine("http://127.0.0.1:9", "http://127.0.0.1:9")
    first, second = nowhere.fails(6, "call", "Shop/wait").splitlines()
    assert first == "no ingress answers at URL: connection refused."
    assert second == (
        "Is a server running? `restate-reflect dev` runs one together with your services; "
        "--ingress URL or RESTATE_INGRESS_URL names another (port 8080 by default)."
    )
    told = json.loads(nowhere.fails(6, "send", "Shop/wait", "--json"))
    assert (told["error"], told["exit_code"]) == ("ConnectError", 6)


def test_a_node_that_is_not_there_is_passed_over(either: Engine) -> None:
    """One attempt asks each address; if none answers, all are named."""
    assert either.out("call", "Shop/nothing", "--ingress", f"http://127.0.0.1:9,{either.ingress_url}") == ""
    nowhere = Engine("http://127.0.0.1:9,http://127.0.0.1:10", "http://127.0.0.1:9")
    assert nowhere.fails(6, "call", "Shop/wait").startswith("no ingress answers at URL, URL: connection refused.")


def test_another_kind_of_server_is_exit_code_6(either: Engine) -> None:
    swapped = Engine(either.admin_url, either.ingress_url)
    assert swapped.fails(6, "call", "Shop/wait").startswith("there is a server at URL, but it is not the ingress;")
    assert swapped.fails(6, "ps").startswith("there is a server at URL, but it is not the admin API;")


def test_http_may_be_left_out(either: Engine) -> None:
    assert either.out("call", "Shop/nothing", "--ingress", either.ingress_url.removeprefix("http://")) == ""


def test_ids_are_hidden_only_in_tests() -> None:
    assert anonymous("inv_1dceKvwtEc2n5wKFLqTbJJY5R0E8Vo2cJb at http://127.0.0.1:80/x") == "inv_… at URL/x"
