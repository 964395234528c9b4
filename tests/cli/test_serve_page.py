"""``serve --docs``, and the options that ``serve`` hands on to the endpoint."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

import pytest

from restate_reflect.server import RestateServer
from tests.cli.engines import Engine
from tests.cli.test_serve import occupied_port
from tests.support import ServedProcess, fetch, run_cli

pytestmark = pytest.mark.slow

KEY = "publickeyv1_w7YHemBctH5Ck2nQRQ47iBBqhNHy4FV7t2Usbye2A6f"
ACCEPT = {"accept": "application/vnd.restate.endpointmanifest.v3+json"}
PROGRAM = """
    from __future__ import annotations
    from restate_reflect import Context, endpoint
    from restate_reflect.page import add_docs

    class Greeter:
        async def greet(self, ctx: Context, name: str) -> str:
            return f"Hello {name}"

        async def peek(self, ctx: Context) -> str:
            with open(__file__) as file:
                return file.readline()

    app = endpoint(Greeter)

    def with_page():
        add_docs(made := endpoint(Greeter), ingress_url="http://127.0.0.1:9")
        return made
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "greeting.py").write_text(dedent(PROGRAM))
    return tmp_path


@pytest.fixture
def environment(embedded_engine: Engine) -> dict[str, str]:
    return {"RESTATE_INGRESS_URL": embedded_engine.ingress_url, "RESTATE_ADMIN_URL": embedded_engine.admin_url}


def page_of(served: ServedProcess) -> str:
    """The URL that ``serve`` has printed."""
    line = served.output[served.wait_for("page: http://") - 1]
    return line.removeprefix("page: ").strip()


def services_of(page: str) -> dict[str, object]:
    told: dict[str, object] = fetch(f"{page}api/services", method="GET").json
    return told


def test_the_page_is_on_the_endpoints_port(folder: Path, environment: dict[str, str]) -> None:
    """The environment tells where its calls go."""
    with ServedProcess("greeting:Greeter", "--docs", cwd=folder, env=environment) as served:
        page = page_of(served)
        assert page == f"{served.url}/docs/"
        assert b"<html" in fetch(page, method="GET").body
        assert services_of(page)["ingress"] == environment["RESTATE_INGRESS_URL"]


@pytest.mark.parametrize("more", [(), ("--workers", "2")])
def test_the_page_has_a_port_of_its_own(more: tuple[str, ...], folder: Path) -> None:
    """There it takes no invocations, and identity keys of the endpoint do not matter."""
    arguments = ("greeting:Greeter", "--docs-port", "0", "--identity-key", KEY, *more)
    with ServedProcess(*arguments, cwd=folder) as served:
        page = page_of(served)
        assert not page.startswith(f"{served.url}/")
        assert b"<html" in fetch(page, method="GET").body
        assert fetch(f"{page.removesuffix('/docs/')}/invoke/Greeter/greet", b"").status == 404
        assert fetch(f"{served.url}/docs/", method="GET").status != 200
        assert fetch(f"{served.url}/discover", method="GET", headers=ACCEPT).status == 401


def test_the_page_calls_the_server_that_is_registered_at(
    folder: Path, restate_server: RestateServer, environment: dict[str, str]
) -> None:
    """Whatever the environment says; a call from the page gets its result and its journal."""
    arguments = ("greeting:Greeter", "--docs", "--register", restate_server.admin_url)
    with ServedProcess(*arguments, cwd=folder, env=environment) as served:
        served.wait_for("registered Greeter")
        page = page_of(served)
        assert str(services_of(page)["ingress"]).rstrip("/") == restate_server.ingress_url
        headers = {"x-restate-reflect-docs": "1", "content-type": "application/json"}
        answer = fetch(f"{page}api/call/Greeter/greet", json.dumps("Ada").encode(), headers=headers).json
        journal = fetch(f"{page}api/invocations/{answer['invocationId']}", method="GET").json
        assert [step["type"] for step in journal["steps"]] == ["Input", "Output"]


def test_the_page_shows_the_same_timeline_on_both_engines(either: Engine) -> None:
    """Of an invocation that it started: the embedded runtime answers the page's queries, too."""
    environment = {"RESTATE_INGRESS_URL": either.ingress_url, "RESTATE_ADMIN_URL": either.admin_url}
    with ServedProcess("tests.cli.engines:Shop", "--docs", env=environment) as served:
        page = page_of(served)
        headers = {"x-restate-reflect-docs": "1", "content-type": "application/json"}
        answer = fetch(f"{page}api/call/Shop/buy", {"sku": "tea"}, headers=headers).json
        journal = fetch(f"{page}api/invocations/{answer['invocationId']}", method="GET").json
        recent = fetch(f"{page}api/invocations?service=Shop&handler=buy", method="GET").json["invocations"]
    assert answer["body"] == {"form": "json", "text": '"ch_tea"'}
    assert [(step["type"], step["name"], step["state"]) for step in journal["steps"]] == [
        ("Input", "", "done"),
        ("Call", "Counter/tea/add", "done"),
        ("Run", "charge", "done"),
        ("Sleep", "", "done"),
        ("Output", "", "done"),
    ]
    assert answer["invocationId"] in [each["id"] for each in recent]


def test_others_may_open_the_page_under_an_allowed_name(folder: Path) -> None:
    with ServedProcess("greeting:Greeter", "--docs", "--docs-allow", "dev.example", cwd=folder) as served:
        page = page_of(served)
        assert fetch(page, method="GET", headers={"host": "dev.example"}).status == 200
        assert fetch(page, method="GET", headers={"host": "evil.example"}).status == 403


@pytest.mark.parametrize(
    "arguments, code, said",
    [
        (("greeting:app", "--guard", "warn"), 2, "Write endpoint(…, guard=…) in place of --guard."),
        (("greeting:app", "--max-protocol-version", "6"), 2, "endpoint(…, max_protocol_version=…)"),
        (("greeting:with_page", "--docs"), 2, "the application has a route /docs already."),
        (("greeting", "--docs", "--identity-key", KEY), 2, "Give the page a port of its own: --docs-port 9081"),
        (("greeting", "--docs", "--docs-host", "0.0.0.0"), 2, "--docs-host is the address of --docs-port"),
        (("greeting", "--docs", "--register", "http://127.0.0.1:9"), 6, "no admin API of a restate-server answers"),
    ],
)
def test_what_does_not_go_together_is_told(arguments: tuple[str, ...], code: int, said: str, folder: Path) -> None:
    done = run_cli("serve", *arguments, "--port", "0", cwd=folder)
    assert done.returncode == code, done.stderr
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("more", [(), ("--workers", "2")])
def test_a_port_of_the_page_in_use_names_its_option(more: tuple[str, ...], folder: Path) -> None:
    with occupied_port() as port:
        done = run_cli("serve", "greeting:Greeter", "--port", "0", "--docs-port", str(port), *more, cwd=folder)
    assert done.returncode == 1
    assert f"port {port} of 127.0.0.1 is in use. Choose another with --docs-port" in done.stderr


def versions_of(served: ServedProcess) -> tuple[int, int]:
    manifest = fetch(f"{served.url}/discover", method="GET", headers=ACCEPT).json
    return manifest["minProtocolVersion"], manifest["maxProtocolVersion"]


def test_the_protocol_version_is_limited(folder: Path) -> None:
    with ServedProcess("greeting:Greeter", "--max-protocol-version", "5", cwd=folder) as served:
        assert versions_of(served) == (5, 5)


@pytest.fixture
def guarded(restate_server: RestateServer) -> tuple[str, ...]:
    return ("greeting:Greeter", "--guard", "warn", "--register", restate_server.admin_url)


def peek(served: ServedProcess, server: RestateServer) -> None:
    """The handler goes on, and the warning names the line and the remedy."""
    served.wait_for("registered Greeter")
    assert fetch(f"{server.ingress_url}/Greeter/peek").json.strip() == ""
    served.wait_for("handler code opens a file")


def test_io_in_handlers_is_reported(folder: Path, guarded: tuple[str, ...], restate_server: RestateServer) -> None:
    with ServedProcess(*guarded, cwd=folder) as served:
        peek(served, restate_server)


def test_workers_are_told_what_the_endpoint_is_told(
    folder: Path, guarded: tuple[str, ...], environment: dict[str, str], restate_server: RestateServer
) -> None:
    """All that is tested above for one process."""
    more = ("--workers", "2", "--docs", "--max-protocol-version", "6")
    with ServedProcess(*guarded, *more, cwd=folder, env=environment) as served:
        peek(served, restate_server)
        assert versions_of(served) == (5, 6)
        page = page_of(served)
        assert page == f"{served.url}/docs/"
        assert services_of(page)["ingress"] == f"{restate_server.ingress_url}"
