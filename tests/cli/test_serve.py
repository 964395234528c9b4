"""``restate-reflect serve``: one process, several, reloading, registering, stopping."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import pytest

from restate_reflect.server import RestateServer, find_or_install
from tests.conftest import ServeProcess, ServerMaker
from tests.support import ServedProcess, call, fetch, run_cli

ACCEPT = {"accept": "application/vnd.restate.endpointmanifest.v3+json"}
SHOP = """
    from __future__ import annotations
    import asyncio
    import os
    from restate_reflect import Context, ObjectContext, ObjectSharedContext

    class Greeter:
        async def greet(self, ctx: Context, name: str) -> str:
            return f"{GREETING} {name}"

        async def pid(self, ctx: Context) -> int:
            return os.getpid()

    async def forever() -> None:
        print("in run", flush=True)
        await asyncio.Event().wait()

    class Stuck:
        async def run(self, ctx: Context) -> None:
            await ctx.run("forever", forever)

    class Counter:
        async def add(self, ctx: ObjectContext, amount: int, times: int = 1) -> int:
            total = (await ctx.get("total", int) or 0) + amount * times
            ctx.set("total", total)
            return total

        async def get(self, ctx: ObjectSharedContext) -> int:
            return await ctx.get("total", int) or 0

    class Opened:
        async def __aenter__(self) -> "Opened":
            print("opened", flush=True)
            return self

        async def __aexit__(self, *_: object) -> None:
            print("closed", flush=True)

        async def hi(self, ctx: Context) -> None: ...

    GREETING = "Hello"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(dedent(SHOP))
    return tmp_path


@contextmanager
def occupied_port() -> Iterator[int]:
    with socket.socket() as occupant:
        occupant.bind(("127.0.0.1", 0))
        occupant.listen()
        yield occupant.getsockname()[1]


def healthy(served: ServedProcess) -> bool:
    return fetch(f"{served.url}/health", method="GET").status == 200


def test_the_table_shows_services_handlers_and_types(folder: Path, serve_process: ServeProcess) -> None:
    """Kind, name, input, output; then the address."""
    served = serve_process(None, "shop:Greeter", "shop:Counter", cwd=folder)
    assert "".join(served.output).splitlines() == [
        "service  Greeter",
        "  greet  (str) → str",
        "  pid    () → int",
        "object   Counter",
        "  add    (amount: int, times: int = …) → int",
        "  get    () → int                             shared",
        f"listening on http://127.0.0.1:{served.port}",
    ]
    assert healthy(served)


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux which libraries a process has loaded")
def test_aiohttp_is_loaded_for_http_1_alone(
    folder: Path, restate_server: RestateServer, serve_process: ServeProcess
) -> None:
    """It takes 13 MiB and 0.2 s, and restate-server speaks HTTP/2."""
    served = serve_process(restate_server, "shop:Greeter", cwd=folder)
    assert call(restate_server, "Greeter", "greet", "Ada").status == 200
    loaded = Path(f"/proc/{served.pid}/maps")
    assert "/aiohttp/" not in loaded.read_text()
    assert healthy(served)
    assert "/aiohttp/" in loaded.read_text()


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_handlers_answer_on_the_real_server(
    loop: str, folder: Path, restate_server: RestateServer, serve_process: ServeProcess
) -> None:
    """On either event loop."""
    if loop == "uvloop":
        pytest.importorskip("uvloop")
    serve_process(restate_server, "shop:Greeter", "shop:Counter", "--loop", loop, cwd=folder)
    assert call(restate_server, "Greeter", "greet", "Ada").json == "Hello Ada"
    key = f"k-{loop}"
    assert call(restate_server, "Counter", "add", {"amount": 2, "times": 3}, key=key).json == 6
    assert call(restate_server, "Counter", "get", key=key).json == 6


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_gracefully(number: signal.Signals, folder: Path) -> None:
    """Exit code 0, and the instances' __aexit__ has run."""
    with ServedProcess("shop", cwd=folder) as served:
        assert served.process is not None
        process = served.process
        process.send_signal(number)
        assert process.wait(30) == 0
    assert "opened\n" in served.output
    assert served.output.index("closed\n") > served.output.index("opened\n")


def test_the_grace_period_bounds_a_graceful_stop(
    folder: Path, server_with: ServerMaker, serve_process: ServeProcess
) -> None:
    """A step that never ends is interrupted when the time is up; the exit code is that of a stop."""
    server = server_with()
    served = serve_process(server, "shop:Stuck", "--grace", "0.2", cwd=folder)
    call(server, "Stuck", "run", send=True)
    served.wait_for("in run")
    assert served.stop(20) == 0


def test_a_second_signal_stops_at_once(folder: Path, server_with: ServerMaker, serve_process: ServeProcess) -> None:
    """Although the grace period is long and a step is running."""
    server = server_with()
    served = serve_process(server, "shop:Stuck", "--grace", "3600", cwd=folder)
    call(server, "Stuck", "run", send=True)
    served.wait_for("in run")
    assert served.process is not None
    process = served.process
    process.terminate()
    served.wait_for("stopping; once more stops at once")
    process.terminate()
    assert process.wait(20) == 1
    served.wait_for("stopped at once")


def test_a_port_in_use_is_one_line_and_code_1(folder: Path) -> None:
    """With and without workers."""
    with occupied_port() as port:
        for more in ((), ("--workers", "2"), ("--reload",)):
            done = run_cli("serve", "shop", "--port", str(port), *more, cwd=folder)
            assert done.returncode == 1
            assert f"port {port} of 127.0.0.1 is in use. Choose another with --port" in done.stderr
            assert "Traceback" not in done.stderr


def test_a_foreign_address_is_named(folder: Path) -> None:
    """An address of documentation, which no machine has."""
    done = run_cli("serve", "shop", "--host", "192.0.2.1", "--port", "0", cwd=folder)
    assert done.returncode == 1
    assert "192.0.2.1 is no address of this machine" in done.stderr


@pytest.mark.parametrize("more", [(), ("--workers", "2")])
def test_a_target_error_ends_with_code_2(more: tuple[str, ...], folder: Path) -> None:
    """Workers report it as a single process does."""
    done = run_cli("serve", "shop:Nobody", "--port", "0", *more, cwd=folder)
    assert done.returncode == 2
    assert "TargetError: 'shop:Nobody': module 'shop' (shop.py) has no attribute 'Nobody'." in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("more", [(), ("--workers", "2")])
def test_what_is_no_interceptor_ends_with_code_2(more: tuple[str, ...], folder: Path) -> None:
    """Workers are told of it, too."""
    done = run_cli("serve", "shop", "--port", "0", "--interceptor", "shop:GREETING", *more, cwd=folder)
    assert done.returncode == 2
    assert "TargetError: --interceptor 'shop:GREETING': 'Hello' is no interceptor" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bad_identity_key_ends_with_code_2(folder: Path) -> None:
    """Before anything is served."""
    done = run_cli("serve", "shop", "--port", "0", "--identity-key", "abc", cwd=folder)
    assert done.returncode == 2
    assert "identity key 'abc' must start with 'publickeyv1_'" in done.stderr


def test_unsigned_requests_are_refused_when_a_key_is_set(folder: Path, serve_process: ServeProcess) -> None:
    """401 for discovery and invocation; health stays open."""
    key = "publickeyv1_w7YHemBctH5Ck2nQRQ47iBBqhNHy4FV7t2Usbye2A6f"
    served = serve_process(None, "shop", "--identity-key", key, cwd=folder)
    assert fetch(f"{served.url}/discover", method="GET", headers=ACCEPT).status == 401
    assert fetch(f"{served.url}/invoke/Greeter/greet", b"").status == 401
    assert healthy(served)


def test_register_makes_the_server_know_it(folder: Path, restate_server: RestateServer) -> None:
    """--register posts to the admin API after listening, and shows calls to try."""
    with ServedProcess("shop:Greeter", "--register", restate_server.admin_url, cwd=folder) as served:
        served.wait_for("registered Greeter at " + restate_server.admin_url)
        served.wait_for("Ctrl-C stops.")
        assert call(restate_server, "Greeter", "greet", "Ada").json == "Hello Ada"
    line = next(line for line in served.output if "/Greeter/greet" in line)
    assert line.strip() == (
        f"curl {restate_server.ingress_url}/Greeter/greet -H 'content-type: application/json' -d '\"text\"'"
    )


@pytest.mark.parametrize("more", [(), ("--workers", "2")])
def test_a_registration_at_no_server_ends_with_code_6(more: tuple[str, ...], folder: Path) -> None:
    """The endpoint does not serve on unregistered: whoever asked for it would wait in vain."""
    done = run_cli("serve", "shop", "--port", "0", "--register", "http://127.0.0.1:9", *more, cwd=folder)
    assert done.returncode == 6
    assert "no admin API of a restate-server answers at http://127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_server_of_its_own_comes_and_goes_with_serve(folder: Path) -> None:
    """--with-server starts one, registers, prints calls, and leaves no process behind."""
    env = {"RESTATE_SERVER_BINARY": str(find_or_install())}
    with ServedProcess("shop:Counter", "--with-server", cwd=folder, env=env) as served:
        served.wait_for("Ctrl-C stops.")
        line = next(line for line in served.output if "/Counter/my-key/add" in line)
        answer = subprocess.run(line.strip() + " -s", shell=True, capture_output=True, text=True, check=True).stdout
        assert answer == "1"
        admin = next(line for line in served.output if line.startswith("restate-server: ")).split()[-1]
        assert fetch(f"{admin}/health", method="GET").status == 200
        assert served.stop() == 0
    with pytest.raises(OSError, match="refused"):
        fetch(f"{admin}/health", method="GET")


def test_workers_share_a_port_and_are_replaced_when_they_die(
    folder: Path, restate_server: RestateServer, serve_process: ServeProcess
) -> None:
    """A killed worker comes back; the service answers all the while."""
    served = serve_process(restate_server, "shop:Greeter", "--workers", "2", cwd=folder)
    pid = call(restate_server, "Greeter", "pid").json
    assert pid not in (served.pid, os.getpid())
    os.kill(pid, signal.SIGKILL)
    served.wait_for(f"(pid {pid}) ended with signal 9; starting another")
    assert call(restate_server, "Greeter", "pid").json != pid
    assert served.stop() == 0


def test_workers_end_when_their_supervisor_is_killed(
    folder: Path, restate_server: RestateServer, serve_process: ServeProcess
) -> None:
    """No orphan keeps the port."""
    served = serve_process(restate_server, "shop:Greeter", "--workers", "2", cwd=folder)
    served.kill()  # returns when all that hold its stdout, the workers included, have ended
    with pytest.raises(OSError, match="refused"):
        fetch(f"{served.url}/health", method="GET")


def test_a_change_is_served_after_reload_and_an_error_keeps_the_old_code(
    folder: Path, restate_server: RestateServer
) -> None:
    """With --register the new manifest is registered, too."""
    file = folder / "shop.py"
    source = file.read_text()
    with ServedProcess("shop:Greeter", "--reload", "--register", restate_server.admin_url, cwd=folder) as served:
        seen = served.wait_for("registered Greeter")
        assert call(restate_server, "Greeter", "greet", "Ada").json == "Hello Ada"

        file.write_text(source.replace('"Hello"', '"Good day"').replace("def pid", "def process"))
        seen = served.wait_for("reloaded", seen)
        seen = served.wait_for("registered Greeter", seen)
        assert call(restate_server, "Greeter", "greet", "Ada").json == "Good day Ada"
        assert call(restate_server, "Greeter", "process").status == 200

        file.write_text(source + "\n    this is no Python\n")
        seen = served.wait_for("shop has a syntax error", seen)
        seen = served.wait_for("the code from before the change serves on", seen)
        assert call(restate_server, "Greeter", "greet", "Ada").json == "Good day Ada"

        file.write_text(source.replace('"Hello"', '"Welcome back"'))
        seen = served.wait_for("registered Greeter", seen)
        assert call(restate_server, "Greeter", "greet", "Ada").json == "Welcome back Ada"
        assert served.stop() == 0


def test_two_saves_within_a_second_are_two_versions(folder: Path) -> None:
    """Of the same size: what Python goes by to find a compiled module out of date."""
    file = folder / "shop.py"
    source, second = file.read_text(), 1_800_000_000 * 10**9
    os.utime(file, ns=(second, second))
    with ServedProcess("shop:Greeter", "--reload", cwd=folder, env={"PYTHONDONTWRITEBYTECODE": ""}) as served:
        file.write_text(source.replace("def pid", "def pie"))
        os.utime(file, ns=(second, second + 10**8))
        served.wait_for("reloaded")
        assert b'"pie"' in fetch(f"{served.url}/discover", method="GET", headers=ACCEPT).body


def test_reload_waits_when_the_first_start_fails(folder: Path) -> None:
    """A helper module that fails is watched like the target."""
    (folder / "helper.py").write_text("raise ValueError('not yet')\n")
    (folder / "late.py").write_text((folder / "shop.py").read_text() + "\nimport helper\n")
    with ServedProcess("late:Greeter", "--reload", cwd=folder, wait=False) as served:
        served.wait_for("waiting for a change")
        assert any("ValueError: not yet" in line for line in served.output)
        (folder / "helper.py").write_text("")
        served.wait_for("listening on http://")
        assert served.stop() == 0
