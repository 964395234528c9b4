"""What can be set on a server, and the configuration file made of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from restate_reflect.options import Duration, RetryPolicy, seconds

__all__ = ["DEFAULT_PORTS", "PATIENT", "ConfigValue", "Ports", "ServerSettings", "render_config"]

ConfigValue: TypeAlias = str | int | float | bool | list[str]


@dataclass(frozen=True, slots=True)
class Ports:
    """The three TCP ports of a server, all on 127.0.0.1."""

    ingress: int
    admin: int
    node: int


DEFAULT_PORTS = Ports(ingress=8080, admin=9070, node=5122)
"""Those of restate-server itself, which its tools and documentation assume."""

PATIENT: Final[Mapping[str, ConfigValue]] = {
    "worker.invoker.abort-timeout": "1day",
    "worker.invoker.http-keep-alive-options.timeout": "1day",
}
"""``config`` of a server whose attempts may stand in a debugger: none is aborted, nor its connection closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Settings of one restate-server; ``None`` leaves the server's own default.

    2 partitions and 256 MiB for RocksDB instead of 24 and 2 GiB let several servers run side by
    side. Idle that saves little (130 MB resident instead of 144); both start in about 0.4 s.
    """

    protocol_v7: bool = False
    """Whether service protocol V7, which is experimental in 1.7, may be negotiated; else V6."""
    partitions: int = 2
    inactivity_timeout: Duration | None = None
    """How long an attempt may wait for its next event before it is asked to suspend."""
    abort_timeout: Duration | None = None
    retry_policy: RetryPolicy = field(
        default_factory=lambda: RetryPolicy(initial_interval=0.01, max_interval=0.5, factor=2.0)
    )
    """Of invocations whose service sets none. The server's own starts at 500 ms."""
    request_identity_key: Path | None = None
    """A PEM file (PKCS #8) with the Ed25519 private key that signs requests."""
    config: Mapping[str, ConfigValue] = field(default_factory=dict)
    """Any other setting by its dotted name in the configuration file, such as
    ``{"worker.invoker.message-size-limit": "1 MiB"}``; it wins over all others. The server
    ignores names it does not know."""


def render_config(settings: ServerSettings, ports: Ports, data: Path) -> str:
    """The TOML configuration file: one dotted key a line."""
    values = {**_fixed(ports, data), **_chosen(settings), **settings.config}
    # JSON's strings, numbers, booleans and lists of strings are TOML's too.
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())


def _fixed(ports: Ports, data: Path) -> dict[str, ConfigValue]:
    def address(port: int) -> str:
        return f"127.0.0.1:{port}"

    return {
        "base-dir": str(data),
        # The default is the host's name; a data folder must open again after that has changed.
        "node-name": "restate-reflect",
        # Unix sockets would lie under base-dir, whose path may exceed the 108 bytes they allow.
        "listen-mode": "tcp",
        "bind-address": address(ports.node),
        "advertised-address": f"http://{address(ports.node)}/",
        "ingress.bind-address": address(ports.ingress),
        "ingress.advertised-address": f"http://{address(ports.ingress)}/",
        "admin.bind-address": address(ports.admin),
        "disable-telemetry": True,
        "log-disable-ansi-codes": True,
        "rocksdb-total-memory-size": "256 MiB",
        "shutdown-timeout": "5s",
    }


def _chosen(settings: ServerSettings) -> dict[str, ConfigValue]:
    policy = settings.retry_policy
    identity = settings.request_identity_key
    chosen: dict[str, ConfigValue | None] = {
        "default-num-partitions": settings.partitions,
        "experimental-enable-protocol-v7": settings.protocol_v7 or None,
        "worker.invoker.inactivity-timeout": _duration(settings.inactivity_timeout),
        "worker.invoker.abort-timeout": _duration(settings.abort_timeout),
        "default-retry-policy.initial-interval": _duration(policy.initial_interval),
        "default-retry-policy.max-interval": _duration(policy.max_interval),
        "default-retry-policy.exponentiation-factor": policy.factor,
        "default-retry-policy.max-attempts": policy.max_attempts,
        "default-retry-policy.on-max-attempts": policy.on_max_attempts,
        "worker.invoker.request-identity-private-key-pem-file": None if identity is None else str(identity.absolute()),
    }
    return {key: value for key, value in chosen.items() if value is not None}


def _duration(duration: Duration | None) -> str | None:
    return None if duration is None else f"{round(seconds(duration) * 1000)}ms"
