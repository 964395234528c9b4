"""One restate-server process: start, readiness, kill, restart, stop."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from restate_reflect.server._admin import Admin
from restate_reflect.server._binary import find_or_install
from restate_reflect.server._errors import ServerStartError
from restate_reflect.server._ports import answers, free_ports
from restate_reflect.server._settings import Ports, ServerSettings, render_config

__all__ = ["RestateServer"]

_READY_TIMEOUT = 60.0
"""Seconds. Ready takes 0.4 s on two quiet cores; many servers and a busy machine need more."""
_POLL = 0.02
_STOP_TIMEOUT = 15.0
_PORT_ATTEMPTS = 5
_LOG_TAIL = 40
_ADDRESS_IN_USE = "Address in use"


class RestateServer:
    """A restate-server on 127.0.0.1; a blocking context manager.

    Args:
        settings: What to set; see ``ServerSettings``.
        data_dir: Folder for data, configuration and log, kept after the end. Without one, a
            fresh temporary folder is used and removed.
        binary: Path of the program; without it ``find_or_install`` looks for one.
        prefer: Ports to try first; free ones are taken when any of them is in use.
    """

    def __init__(
        self,
        settings: ServerSettings | None = None,
        *,
        data_dir: str | os.PathLike[str] | None = None,
        binary: str | os.PathLike[str] | None = None,
        prefer: Ports | None = None,
    ) -> None:
        self.settings = settings or ServerSettings()
        self._binary = binary
        self._prefer = prefer
        self._data_dir = None if data_dir is None else Path(data_dir)
        self._folder: Path | None = None
        self._ports: Ports | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def ingress_url(self) -> str:
        """Where handlers are called, without a slash at the end."""
        return f"http://127.0.0.1:{self.ports.ingress}"

    @property
    def admin_url(self) -> str:
        """Where deployments are registered and tables queried, without a slash at the end."""
        return f"http://127.0.0.1:{self.ports.admin}"

    @property
    def ports(self) -> Ports:
        """The ports in use; they stay the same over ``restart``."""
        if self._ports is None:
            raise RuntimeError("the server was not started: use `with RestateServer() as server:` or start()")
        return self._ports

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        if self._process is None:
            raise RuntimeError("the server is not running")
        return self._process.pid

    @property
    def log_file(self) -> Path:
        """Everything the server has printed, over all restarts."""
        return self._used_folder() / "server.log"

    @property
    def admin(self) -> Admin:
        """The admin API."""
        return Admin(self.admin_url)

    def start(self) -> None:
        """Starts the server and returns when ingress and admin API answer.

        Raises:
            BinaryNotFoundError: there is no server to start.
            ServerStartError: it ended, or was not ready in time.
        """
        if self._process is not None:
            return
        binary = find_or_install(self._binary)
        with ExitStack() as undo:
            undo.callback(self.close)
            if self._ports is not None:
                self._spawn(binary, self._ports)
            else:
                self._start_on_new_ports(binary)
            self._check_features()
            undo.pop_all()

    def restart(self) -> None:
        """Stops the server if it runs, and starts it on the same ports and data."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """Kills the server (SIGKILL) and waits for its end. ``restart`` brings it back."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Stops the server (SIGTERM, after 15 s SIGKILL) and keeps its data."""
        self._end(signal.SIGTERM)

    def close(self) -> None:
        """Stops the server and removes its temporary folder."""
        self.stop()
        if self._data_dir is None and self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def register(
        self,
        url: str,
        *,
        use_http_11: bool = False,
        force: bool = True,
        breaking: bool = False,
        additional_headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """``Admin.register``: has the server discover the deployment at ``url``."""
        return self.admin.register(
            url, use_http_11=use_http_11, force=force, breaking=breaking, additional_headers=additional_headers
        )

    def query(self, sql: str) -> list[dict[str, Any]]:
        """``Admin.query``: rows of the server's SQL tables."""
        return self.admin.query(sql)

    def log_tail(self, lines: int = _LOG_TAIL) -> str:
        """The last lines the server has printed."""
        try:
            return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return "(no log)"

    def _start_on_new_ports(self, binary: Path) -> None:
        """A port found free can be taken by another process before the server binds it: then try others."""
        for attempt in range(_PORT_ATTEMPTS):
            ports = self._prefer if attempt == 0 and self._prefer is not None else free_ports()
            try:
                self._spawn(binary, ports)
            except ServerStartError as error:
                if _ADDRESS_IN_USE not in str(error) or attempt == _PORT_ATTEMPTS - 1:
                    raise
            else:
                self._ports = ports
                return

    def _used_folder(self) -> Path:
        if self._folder is None:
            self._folder = self._data_dir or Path(tempfile.mkdtemp(prefix="restate-server-"))
            self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder

    def _spawn(self, binary: Path, ports: Ports) -> None:
        folder = self._used_folder()
        config = folder / "restate.toml"
        config.write_text(render_config(self.settings, ports, folder / "data"))
        # Variables such as RESTATE_ADMIN__BIND_ADDRESS win over the file.
        environ = {name: value for name, value in os.environ.items() if not name.startswith("RESTATE_")}
        with self.log_file.open("ab") as log:
            # A group of its own: Ctrl-C in a terminal then reaches us, who stop the endpoint before the server.
            self._process = subprocess.Popen(
                [binary, "--no-logo", "--config-file", config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environ,
                cwd=folder,
                process_group=0,
            )
        self._wait_until_ready(ports)

    def _wait_until_ready(self, ports: Ports) -> None:
        deadline = time.monotonic() + _READY_TIMEOUT
        waiting = [(ports.admin, "/health"), (ports.ingress, "/restate/health")]
        while waiting:
            self._check_alive()
            if answers(*waiting[0]):
                waiting.pop(0)
            elif time.monotonic() > deadline:
                self.kill()
                raise ServerStartError(f"restate-server was not ready within {_READY_TIMEOUT:g} s.{self._shown_log()}")
            else:
                time.sleep(_POLL)
        # Somebody else's server may have answered on a port that ours could not bind.
        self._check_alive()

    def _check_alive(self) -> None:
        process = self._process
        if process is not None and process.poll() is not None:
            self._process = None
            raise ServerStartError(f"restate-server ended with code {process.returncode}.{self._shown_log()}")

    def _shown_log(self) -> str:
        return f" The end of its log:\n{self.log_tail()}"

    def _check_features(self) -> None:
        """The server ignores settings it does not know: an old one would speak V6 without a word."""
        version = self.admin.version()
        if self.settings.protocol_v7 and not version.get("features", {}).get("protocol_v7"):
            raise ServerStartError(
                f"restate-server {version.get('version')} can't speak service protocol V7; use 1.7 or newer."
            )

    def _end(self, signal_number: int) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal_number)
        try:
            process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
