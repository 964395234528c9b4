"""Running the real restate-server."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from restate_reflect.endpoint.identity import IdentityVerifier
from restate_reflect.server import Admin, AdminError, RestateServer, ServerSettings, ServerStartError
from restate_reflect.server._ports import free_ports
from restate_reflect.server._settings import Ports, render_config
from tests.conftest import ServerMaker
from tests.support import fetch

MANIFEST = {
    "protocolMode": "REQUEST_RESPONSE",
    "minProtocolVersion": 5,
    "maxProtocolVersion": 6,
    "services": [{"name": "Stub", "ty": "SERVICE", "handlers": [{"name": "hello"}]}],
}


@contextmanager
def deployment(received: list[tuple[str, dict[str, str]]]) -> Iterator[str]:
    """A deployment by the standard library: HTTP/1.1, discovery only."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            received.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            body = json.dumps(MANIFEST).encode()
            self.send_response(200)
            self.send_header("content-type", "application/vnd.restate.endpointmanifest.v3+json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{httpd.server_port}"
        finally:
            httpd.shutdown()
            thread.join()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_running_server_answers_on_both_ports(restate_server: RestateServer) -> None:
    """Ready means: no request fails for earliness."""
    assert restate_server.admin.healthy()
    assert fetch(f"{restate_server.ingress_url}/restate/health", method="GET").status == 200
    assert restate_server.query("SELECT 1 AS one") == [{"one": 1}]


@pytest.mark.parametrize("fixture, enabled", [("restate_server", False), ("restate_server_v7", True)])
def test_v7_is_a_switch(fixture: str, enabled: bool, request: pytest.FixtureRequest) -> None:
    """The admin API tells which experimental features are on."""
    server: RestateServer = request.getfixturevalue(fixture)
    assert server.admin.version()["features"]["protocol_v7"] is enabled


def test_the_end_leaves_no_process_and_no_files(server_with: ServerMaker) -> None:
    """close() stops by pid, removes the temporary folder, and may be repeated."""
    server = server_with()
    pid, folder = server.pid, server.log_file.parent
    assert alive(pid)
    assert folder.is_dir()
    server.close()
    server.close()
    assert not alive(pid)
    assert not folder.exists()


def test_a_restart_after_a_kill_keeps_ports_and_data(server_with: ServerMaker) -> None:
    """A deployment registered before SIGKILL is known after it."""
    server = server_with()
    with deployment([]) as url:
        server.register(url, use_http_11=True)
        before, pid = server.ports, server.pid
        server.kill()
        assert not alive(pid)
        assert not server.admin.healthy()
        server.restart()
    assert server.ports == before
    assert server.query("SELECT name FROM sys_service") == [{"name": "Stub"}]


def test_data_in_a_folder_of_ones_own_outlives_the_server(tmp_path: Path) -> None:
    """A second server on the folder knows what the first one did, on other ports, too."""
    with deployment([]) as url:
        with RestateServer(data_dir=tmp_path) as server:
            server.register(url, use_http_11=True)
        with RestateServer(data_dir=tmp_path) as server:
            assert server.query("SELECT name FROM sys_service") == [{"name": "Stub"}]


@pytest.mark.parametrize("taken", [0, 1, 2])
def test_ports_in_use_are_left_for_free_ones(taken: int) -> None:
    """Whichever of the three it is, and even though it was free when it was chosen."""
    with socket.socket() as occupant:
        occupant.bind(("127.0.0.1", 0))
        occupant.listen()
        ports = free_ports()
        wanted = [ports.ingress, ports.admin, ports.node]
        wanted[taken] = occupant.getsockname()[1]
        with RestateServer(prefer=Ports(*wanted)) as server:
            assert server.ports != Ports(*wanted)
            assert server.admin.healthy()


def test_preferred_ports_are_used_when_free() -> None:
    """So that the well-known 8080 and 9070 can be had."""
    ports = free_ports()
    with RestateServer(prefer=ports) as server:
        assert server.ports == ports


def test_a_failed_start_shows_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And leaves neither process nor folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    server = RestateServer(ServerSettings(config={"worker.invoker.inactivity-timeout": "soon"}))
    with pytest.raises(
        ServerStartError, match=r"(?s)restate-server ended with code .*end of its log:.*inactivity-timeout"
    ):
        server.start()
    with pytest.raises(RuntimeError, match="not running"):
        _ = server.pid
    assert list(tmp_path.iterdir()) == []


def test_environment_variables_do_not_reach_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """RESTATE_… variables win over the configuration file, and would move our ports."""
    monkeypatch.setenv("RESTATE_ADMIN__BIND_ADDRESS", "127.0.0.1:1")
    with RestateServer() as server:
        assert server.admin.healthy()


def test_registration_tells_id_and_services(restate_server: RestateServer) -> None:
    """The server has discovered the deployment when register returns."""
    received: list[tuple[str, dict[str, str]]] = []
    with deployment(received) as url:
        answer = restate_server.register(url, use_http_11=True, additional_headers={"x-shop": "one"})
    assert [service["name"] for service in answer["services"]] == ["Stub"]
    assert answer["id"].startswith("dp_")
    path, headers = received[0]
    assert path == "/discover"
    assert headers["x-shop"] == "one"


def test_a_failed_registration_quotes_the_server(restate_server: RestateServer) -> None:
    """Nothing listens at the deployment's URL."""
    with pytest.raises(AdminError, match=r"POST .*/deployments: 5.. ") as caught:
        restate_server.register("http://127.0.0.1:9")
    assert caught.value.status is not None
    assert caught.value.status >= 500


def test_a_bad_query_quotes_the_server(restate_server: RestateServer) -> None:
    """Errors of SQL come back as AdminError."""
    with pytest.raises(AdminError, match="nowhere"):
        restate_server.query("SELECT * FROM nowhere")


def test_an_unreachable_admin_api_is_named() -> None:
    """With the URL that was tried."""
    with pytest.raises(AdminError, match=r"no admin API of a restate-server answers at http://127\.0\.0\.1:9: "):
        Admin("http://127.0.0.1:9").version()
    with pytest.raises(AdminError, match="'localhost:9070' is not a URL"):
        Admin("localhost:9070")


def test_a_server_that_was_not_started_has_no_ports() -> None:
    """The message says how to start it."""
    with pytest.raises(RuntimeError, match="use `with RestateServer"):
        _ = RestateServer().admin_url


def test_another_http_server_is_no_admin_api() -> None:
    """A JSON-less answer is told apart from a silent port."""
    with deployment([]) as url, pytest.raises(AdminError, match="501"):
        Admin(url).query("SELECT 1")


def test_signed_requests_of_the_real_server_pass(tmp_path: Path, server_with: ServerMaker) -> None:
    """The key pair is ours, the signature is the server's, the check is ours."""
    from tests.endpoint.test_identity import OTHER, public_key

    private = Ed25519PrivateKey.generate()
    pem = tmp_path / "identity.pem"
    pem.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    received: list[tuple[str, dict[str, str]]] = []
    with deployment(received) as url:
        server_with(request_identity_key=pem).register(url, use_http_11=True)
    path, headers = received[0]
    IdentityVerifier([public_key(OTHER), public_key(private)]).verify(headers, path)


def test_the_configuration_is_toml_with_the_given_names(tmp_path: Path) -> None:
    """Free settings win over all others."""
    import tomllib

    settings = ServerSettings(
        inactivity_timeout=0.5, config={"default-num-partitions": 1, "roles": ["worker", "admin"]}
    )
    made = tomllib.loads(render_config(settings, Ports(1, 2, 3), tmp_path / 'a "b" ä'))
    assert made["worker"]["invoker"] == {"inactivity-timeout": "500ms"}
    assert made["default-num-partitions"] == 1
    assert made["roles"] == ["worker", "admin"]
    assert made["base-dir"] == str(tmp_path / 'a "b" ä')
    assert made["admin"]["bind-address"] == "127.0.0.1:2"
