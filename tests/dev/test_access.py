"""``dev`` runs beside a browser: what its ports answer to whom."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from tests.dev.running import Dev, dev
from tests.embedded.test_access import ask
from tests.support import run_cli

SHOP = """
    from restate_reflect import Context

    class Greeter:
        async def greet(self, ctx: Context) -> str:
            return "hello"
"""
PAGE = "http://localhost:5173"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    folder = tmp_path_factory.mktemp("project")
    (folder / "shop.py").write_text(dedent(SHOP))
    with dev(folder, "--cors", PAGE) as running:
        yield running


def endpoint_of(started: Dev) -> str:
    """Where the current revision listens."""
    answer = ask(started.admin, "GET", "/deployments", ("host", "localhost"))[2].decode()
    return answer.partition('"uri":"')[2].partition('/"')[0]


def test_a_rebound_name_reaches_no_port(started: Dev) -> None:
    paths = {
        started.ingress: "/Greeter/greet",
        started.admin: "/deployments",
        started.docs.removesuffix("/docs"): "/docs/",
        endpoint_of(started): "/discover",
    }
    for url, path in paths.items():
        assert ask(url, "GET", path, ("host", "evil.example"))[0] == 403, url
        assert ask(url, "GET", path, ("host", f"localhost:{url.rpartition(':')[2]}"))[0] in (200, 415), url


@pytest.mark.parametrize(
    "path", ["/health", "/invoke/Greeter/greet", "/docs/api/services", "/docs/invoke/Greeter/greet"]
)
def test_the_endpoint_answers_to_names_of_this_machine_only(started: Dev, path: str) -> None:
    """Over HTTP/2, too."""
    url = endpoint_of(started)
    method = "POST" if "invoke" in path else "GET"
    assert ask(url, method, path, ("host", "evil.example"))[0] == 403
    shown = subprocess.run(
        ["curl", "--http2-prior-knowledge", "-s", "-o", "/dev/null", "-w", "%{http_code} %{http_version}", "-X", method,
         "-H", "host: evil.example", url + path],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert shown == "403 2"


@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", "/docs/discover"),
        ("GET", "/docs/health"),
        ("POST", "/docs/invoke/Greeter/greet"),
        ("GET", "/docsdiscover"),
        ("GET", "/docs/../discover"),
        ("GET", "/docs/%2e%2e/discover"),
        ("GET", "/docs/api/../../discover"),
        ("GET", "/docs/api/call/../discover"),
        ("GET", "/docs//discover"),
        ("GET", "/docs/page.js/discover"),
        ("POST", "/docs/api/call/x/..%2f..%2f..%2finvoke%2fGreeter%2fgreet"),
        ("POST", "/docs/api/call/invoke/Greeter/greet"),
        ("GET", "/discover"),
        ("PUT", "/docs/"),
    ],
)
def test_the_port_of_the_page_answers_for_the_page_alone(started: Dev, method: str, path: str) -> None:
    url = started.docs.removesuffix("/docs")
    status, _, body = ask(url, method, path, ("host", "localhost"), ("x-restate-reflect-docs", "1"))
    assert status in (404, 405), body
    assert b"minProtocolVersion" not in body


@pytest.mark.parametrize("path", ["", "/", "/page.css", "/page.js", "/api/services"])
def test_the_page_is_there(started: Dev, path: str) -> None:
    assert ask(started.docs.removesuffix("/docs"), "GET", f"/docs{path}", ("host", "localhost"))[0] in (200, 308)


def test_only_the_allowed_origin_may_call(started: Dev) -> None:
    host = ("host", "localhost")
    allowed = ask(started.ingress, "POST", "/Greeter/greet", host, ("origin", PAGE))
    assert (allowed[0], allowed[1]["access-control-allow-origin"]) == (200, PAGE)
    assert ask(started.ingress, "POST", "/Greeter/greet", host, ("origin", "http://evil.example"))[0] == 403


@pytest.mark.parametrize(
    "options, words",
    [
        (("--cors", "localhost:5173"), "Write scheme, host and port"),
        (("--cors", PAGE, "--engine", "server"), "restate-server lets pages of any origin call"),
    ],
)
def test_what_can_not_be_allowed_is_told(options: tuple[str, ...], words: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "restate_reflect", "dev", "shop.py", *options],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert words in " ".join(done.stderr.split())


def test_another_host_listens_for_others_and_the_page_stays_here(tmp_path: Path) -> None:
    """In a container: the ingress and the admin API answer to any name; the page to this machine's browsers alone."""
    (tmp_path / "shop.py").write_text(dedent(SHOP))
    with dev(tmp_path, "--host", "0.0.0.0", begin=False) as running:
        found = running.wait_for(r"ingress http://\S+?:(\d+), admin http://\S+?:(\d+), docs http://\S+?:(\d+)")
        running.wait_for("revision 1 serves")
        ingress, admin, docs = (f"http://127.0.0.1:{port}" for port in found.groups())
        for name in ("dev:8080", "172.17.0.2", "[fd00::2]:8080", "localhost"):
            assert ask(ingress, "POST", "/Greeter/greet", ("host", name))[0] == 200, name
            assert ask(admin, "GET", "/deployments", ("host", name))[0] == 200, name
        # A page of a stranger's may have its own name point here.
        for name in ("evil.example", "172.17.0.2.evil.example"):
            assert ask(ingress, "POST", "/Greeter/greet", ("host", name))[0] == 403, name
            assert ask(admin, "GET", "/deployments", ("host", name))[0] == 403, name
        assert ask(docs, "GET", "/docs/", ("host", "dev:9081"))[0] == 403
        assert ask(docs, "GET", "/docs/", ("host", "localhost"))[0] == 200


def test_only_the_embedded_runtime_has_another_host(tmp_path: Path) -> None:
    done = run_cli("dev", "shop.py", "--host", "0.0.0.0", "--engine", "server", cwd=tmp_path)
    assert done.returncode == 2
    assert "dev's restate-server is for this machine alone" in done.stderr
