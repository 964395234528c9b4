"""The commands, the page and the clients decode and encode with the services' own codecs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from restate_reflect.ingress import AdminClient, SyncClient
from restate_reflect.payloads import Chain
from restate_reflect.payloads._envelope import MAGIC
from restate_reflect.replay import journal_of
from restate_reflect.server import RestateServer
from tests.conftest import Serve, ServeProcess
from tests.dev.running import dev
from tests.payloads.services import ALL, CHAINS, SECRET, Upper, encrypting, on_a_loop
from tests.support import call, fetch, run_cli

pytestmark = pytest.mark.slow

SHOP = """
from restate_reflect import Context, ObjectContext, State
from restate_reflect.payloads import ClaimCheck, DirectoryStore, Encrypt, Zstd

PAYLOADS = [Zstd(100), Encrypt({"k": b"k" * 32}), ClaimCheck(DirectoryStore("kept"), above=300)]


def made():
    return PAYLOADS


async def secret(text: str) -> str:
    return "hidden " + text


class Other:
    async def echo(self, ctx: Context, text: str) -> str:
        return text


class Box:
    declared = State(str, default="")

    async def put(self, ctx: ObjectContext, text: str) -> str:
        step = await ctx.run("secret", secret, text)
        ctx.set("text", step)
        ctx.set(Box.declared, step)
        ctx.set("large", "hidden " * 2000)
        await ctx.call(Other.echo, step)
        return "done"

    async def look(self, ctx: ObjectContext) -> str:
        return await ctx.get("text", str) or ""
"""


class Box:
    """Served by a process, and asked by others."""

    def __init__(self, server: RestateServer, folder: Path) -> None:
        self.server, self.folder = server, folder

    def run(self, *arguments: str, code: int = 0) -> str:
        return self._run(*arguments, "--admin", self.server.admin_url, code=code)

    def ask(self, *arguments: str) -> str:
        """A command that speaks to the ingress."""
        return self._run(*arguments, "--ingress", self.server.ingress_url, code=0)

    def check(self, target: str, *, code: int = 0) -> str:
        chain = ("--payloads", f"{target}:PAYLOADS")
        done = run_cli("check", target, "--against", self.server.admin_url, *chain, cwd=self.folder)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def _run(self, *arguments: str, code: int) -> str:
        done = run_cli(*arguments, cwd=self.folder)
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr


@pytest.fixture
def box(any_server: RestateServer, serve_process: ServeProcess, tmp_path: Path) -> Box:
    (tmp_path / "box.py").write_text(SHOP)
    serve_process(any_server, "box.py", "--payloads", "box.py:PAYLOADS", cwd=tmp_path)
    return Box(any_server, tmp_path)


def test_commands_decode_and_encode(box: Box) -> None:
    """``state`` and ``journal``, with ``--payloads``; what is kept elsewhere, too."""
    sent = call(box.server, "Box", "put", "tea", key="k", send=True).json["invocationId"]
    assert call(box.server, "Box", "look", key="k").json == "hidden tea"
    state = json.loads(box.run("state", "get", "Box/k", "--json", "--payloads", "box.py:made"))
    assert state == {"declared": "hidden tea", "large": "hidden " * 2000, "text": "hidden tea"}
    assert "hidden" not in box.run("state", "get", "Box/k")
    box.run("state", "set", "Box/k", "text", "hidden coffee", "--payloads", "box:PAYLOADS")
    assert call(box.server, "Box", "look", key="k").json == "hidden coffee"
    assert "hidden" not in box.run("state", "get", "Box/k")
    journal = box.run("journal", sent, "--payloads", "box:PAYLOADS")
    assert journal.count('"hidden tea"') >= 3  # the step, the state, the call and its result
    assert "hidden" not in box.run("journal", sent)


def test_calls_are_sent_encoded_and_results_read(box: Box) -> None:
    """``call``, ``send``, ``attach`` and ``output``: what goes to the server is not plain, what is printed is."""
    chain = ("--payloads", "box:PAYLOADS")
    assert box.ask("call", "Other/echo", "hidden tea", *chain) == '"hidden tea"\n'
    sent = box.ask("send", "Other/echo", "hidden tea", *chain).strip()
    assert box.ask("attach", sent, *chain) == '"hidden tea"\n'
    assert json.loads(box.ask("output", sent, "--json", *chain)) == {"result": "hidden tea"}
    stored = box.server.query(f"SELECT raw FROM sys_journal WHERE id = '{sent}' AND index = 0")[0]["raw"]
    assert MAGIC in bytes.fromhex(stored)
    assert b"hidden" not in bytes.fromhex(stored)


def test_results_for_handlers_are_read(box: Box) -> None:
    """``attach`` and ``output`` of what a handler has called."""
    call(box.server, "Box", "put", "tea", key="inner")
    rows = box.server.query(
        "SELECT id FROM sys_invocation WHERE target_service_name = 'Other' AND invoked_by = 'service'"
        " ORDER BY created_at DESC LIMIT 1"
    )
    for command in ("attach", "output"):
        assert "hidden tea" not in box.ask(command, rows[0]["id"], "--json")
        assert box.ask(command, rows[0]["id"], "--payloads", "box:PAYLOADS") == '"hidden tea"\n'


def test_a_replay_reads_what_was_encoded(box: Box) -> None:
    """Also from a file, whose journal is plain then."""
    sent = call(box.server, "Box", "put", "tea", key="replayed", send=True).json["invocationId"]
    assert call(box.server, "Box", "look", key="replayed").json == "hidden tea"
    chain = ("--payloads", "box:PAYLOADS")
    said = json.loads(box.run("replay", sent, "box.py", "--save", "kept.json", "--json", *chain))
    assert said["fits"], said
    assert "hidden tea" in (box.folder / "kept.json").read_text()
    assert json.loads(box.run("replay", "kept.json", "box.py", "--json"))["fits"]
    box.run("replay", sent, "box.py", code=1)


def test_a_check_reads_what_was_encoded(box: Box) -> None:
    """Stored values are held against the types of the code."""
    call(box.server, "Box", "put", "tea", key="checked")
    assert "declared" not in box.check("box.py")
    changed = SHOP.replace('State(str, default="")', "State(int, default=0)")
    (box.folder / "changed.py").write_text(changed)
    said = box.check("changed.py", code=1)
    assert "declared" in said
    assert "int" in said


def test_workers_and_the_page_have_the_same(
    any_server: RestateServer, serve_process: ServeProcess, tmp_path: Path
) -> None:
    """``serve --workers``; the page beside it shows what is plain."""
    (tmp_path / "box.py").write_text(SHOP)
    there = ("--ingress", any_server.ingress_url, "--admin", any_server.admin_url)
    served = serve_process(
        any_server, "box.py", "--payloads", "box.py:made", "--workers", "2", "--docs", *there, cwd=tmp_path
    )
    sent = call(any_server, "Box", "put", "page", key="page", send=True).json["invocationId"]
    assert call(any_server, "Box", "look", key="page").json == "hidden page"
    shown = fetch(f"{served.url}/docs/api/invocations/{sent}", method="GET").body.decode()
    assert shown.count("hidden page") >= 3
    state = fetch(f"{served.url}/docs/api/state?service=Box&key=page", method="GET").json
    assert state["values"]["text"]["text"] == '"hidden page"'


def test_dev_shows_plain_values_in_its_log_and_on_its_page(tmp_path: Path) -> None:
    """And stores none."""
    (tmp_path / "box.py").write_text(SHOP)
    with dev(tmp_path, "--payloads", "box:PAYLOADS", target="box.py") as running:
        sent = running.post("Box/k/put/send", "dev")["invocationId"]
        assert running.post("Box/k/put", "dev") == "done"  # behind the other one
        assert "hidden dev" in fetch(f"{running.docs}/api/invocations/{sent}", method="GET").body.decode()
    stored = b"".join(each.read_bytes() for each in (tmp_path / ".restate-reflect").rglob("*") if each.is_file())
    assert b"hidden dev" not in stored
    assert MAGIC in stored


def test_what_is_no_chain_is_told(box: Box) -> None:
    said = box.run("state", "get", "Box/k", "--payloads", "box:PAYLOAD", code=2)
    assert re.search(r"--payloads 'box:PAYLOAD': there is no 'PAYLOAD'.*PAYLOADS", said)
    assert "is no list" in box.run("state", "get", "Box/k", "--payloads", "box:Box", code=2)


class TestClients:
    @pytest.mark.parametrize("chain", CHAINS)
    def test_inputs_are_sent_encoded_and_outputs_read(
        self, any_server: RestateServer, serve: Serve, chain: str
    ) -> None:
        """The server checks content types, and does not look into bodies."""
        payloads = Chain(CHAINS[chain]())
        serve(any_server, *ALL, payloads=payloads)
        with SyncClient(any_server.ingress_url, payloads=payloads) as client:
            assert client.call(Upper.up, SECRET * 20) == SECRET.upper() * 20
            assert client.call(Upper.maybe, None) is None
            assert client.call(Upper.encoded) == SECRET
            sent = client.send(Upper.up, SECRET * 20)
            assert sent.attach() == SECRET.upper() * 20
        raw = bytes.fromhex(
            any_server.query(f"SELECT raw FROM sys_journal WHERE id = '{sent.id}' AND index = 0")[0]["raw"]
        )
        assert MAGIC in raw
        assert SECRET.encode() * 20 not in raw

    def test_an_output_for_a_handler_is_read_by_who_knows_the_keys(
        self, any_server: RestateServer, serve: Serve
    ) -> None:
        serve(any_server, *ALL, payloads=encrypting("old"))
        call(any_server, "Everything", "run", "attached")
        rows = any_server.query(
            "SELECT id FROM sys_invocation WHERE target_service_name = 'Upper' AND target_handler_name = 'up'"
            " AND invoked_by = 'service' AND completion_result = 'success' ORDER BY created_at DESC LIMIT 1"
        )
        with SyncClient(any_server.ingress_url, payloads=encrypting("old")) as client:
            assert str(client.invocation(rows[0]["id"], str).attach()).startswith(SECRET.upper())

    def test_the_admin_client_reads_and_writes_in_plain(self, any_server: RestateServer, serve: Serve) -> None:
        serve(any_server, *ALL, payloads=encrypting("old"))
        call(any_server, "Cart", "fill", ["tea"], key="admin")

        @on_a_loop
        async def use() -> None:
            async with AdminClient(any_server.admin_url, payloads=encrypting("new", "old")) as admin:
                state = await admin.state("Cart", "admin")
                assert state["items"] == f'["tea","{SECRET}"]'.encode()
                await admin.replace_state("Cart", "admin", {**state, "items": b'["coffee"]'})

        use()
        wanted = "'coffee'"
        assert _soon(lambda: wanted in str(_look(any_server, encrypting("old", "new"))))

    def test_a_replay_reads_the_plain_journal(self, any_server: RestateServer, serve: Serve) -> None:
        serve(any_server, *ALL, payloads=encrypting("old"))
        sent = call(any_server, "Cart", "fill", ["tea"], key="replayed", send=True).json["invocationId"]
        assert call(any_server, "Cart", "look", key="replayed").status == 200

        @on_a_loop
        async def use() -> None:
            async with AdminClient(any_server.admin_url, payloads=encrypting("old")) as admin:
                journal = await journal_of(admin, sent)
            assert not any(b"aes-gcm" in entry.payload for entry in journal.entries)
            assert any(SECRET.encode() in entry.payload for entry in journal.entries)

        use()


def _look(server: RestateServer, payloads: list[Any]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}

    @on_a_loop
    async def look() -> None:
        async with AdminClient(server.admin_url, payloads=payloads) as admin:
            found.update(await admin.state("Cart", "admin"))

    look()
    return {name: value.replace(b'"', b"'") for name, value in found.items()}


def _soon(look: Any) -> bool:
    from tests.realserver.waiting import eventually

    return bool(eventually(look))
