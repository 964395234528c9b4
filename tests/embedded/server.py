"""The embedded runtime in the place of restate-server, for tests that know ports and settings only."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from restate_reflect.embedded import RuntimeSettings
from restate_reflect.protocol.versions import ProtocolVersion
from restate_reflect.server import RestateServer, ServerSettings
from restate_reflect.server._settings import Ports
from tests.embedded.served import ServedRuntime

__all__ = ["EmbeddedServer", "runtime_settings"]

NO_EAGER_STATE = ("worker.invoker.eager-state-size-limit", "0 B")
SCOPES = "experimental-enable-vqueues"
SCOPED_OBJECTS = "experimental-enable-scoped-virtual-objects"


class EmbeddedServer(RestateServer):
    """Ingress and admin API of a runtime with a SQLite store, in a thread of the test's process.

    ``kill`` can't be told from ``stop`` here: what a killed runtime leaves behind is tested in a process of its own.
    """

    def __init__(self, settings: ServerSettings | None = None) -> None:
        super().__init__(settings)
        self._translated = runtime_settings(self.settings)
        self._served: ServedRuntime | None = None

    def start(self) -> None:
        if self._served is not None:
            return
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="embedded-"))
        before = (0, 0) if self._ports is None else (self._ports.ingress, self._ports.admin)
        self._served = ServedRuntime(settings=self._translated, file=self._folder / "data.sqlite", ports=before)
        self._served.__enter__()
        ingress, admin = (int(url.rpartition(":")[2]) for url in (self._served.ingress_url, self._served.admin_url))
        self._ports = Ports(ingress, admin, 0)

    def stop(self) -> None:
        served, self._served = self._served, None
        if served is not None:
            served.__exit__(None, None, None)

    def kill(self) -> None:
        self.stop()

    def close(self) -> None:
        self.stop()
        if self._folder is not None:
            shutil.rmtree(self._folder)
            self._folder = None


def runtime_settings(settings: ServerSettings) -> RuntimeSettings:
    """What means the same here.

    Raises:
        ValueError: Something has no counterpart.
    """
    config = dict(settings.config)
    translated = RuntimeSettings(
        retry_policy=settings.retry_policy,
        max_protocol_version=ProtocolVersion.V7 if settings.protocol_v7 else ProtocolVersion.V6,
        inactivity_timeout=60.0 if settings.inactivity_timeout is None else settings.inactivity_timeout,
        abort_timeout=600.0 if settings.abort_timeout is None else settings.abort_timeout,
        eager_state_limit=0 if config.pop(NO_EAGER_STATE[0], None) else 32 * 1024 * 1024,
        scopes=bool(config.pop(SCOPES, False)),
        scoped_virtual_objects=bool(config.pop(SCOPED_OBJECTS, False)),
    )
    config.pop("default-thread-pool-size", None)  # there is one thread anyway
    config.pop("worker.cleanup-interval", None)  # what has expired is gone at once
    if config or settings.request_identity_key is not None:
        raise ValueError(f"the embedded runtime has no counterpart of {config or 'signed requests'}")
    return translated
