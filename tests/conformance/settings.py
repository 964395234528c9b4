"""The settings in which the contract is checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from restate_reflect.server import RestateServer, ServerSettings
from tests.differences import Difference
from tests.embedded.server import EmbeddedServer

__all__ = ["NOT_EMBEDDED", "SETTINGS", "Setting", "Signing", "on_engines"]

SERVICES = "tests.conformance.services"
NO_EAGER_STATE = {"worker.invoker.eager-state-size-limit": "0 B"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How server and endpoint are run, and what follows from it."""

    name: str
    server: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of ``ServerSettings``."""
    target: str = SERVICES
    use_http_11: bool = False
    signed: bool = False
    protocol: int = 6
    """The service protocol version that is negotiated."""
    embedded: bool = False
    """Whether the embedded runtime keeps the journals, instead of restate-server."""

    def __str__(self) -> str:
        return f"embedded-{self.name}" if self.embedded else self.name

    def start(self, signing: Signing, **others: Any) -> RestateServer:
        """A server, or a runtime in its place, not started; ``others`` are arguments of ``ServerSettings``."""
        settings = replace(self.server_settings(signing), **others)
        return EmbeddedServer(settings) if self.embedded else RestateServer(settings)

    @property
    def suspending(self) -> bool:
        """Whether an attempt ends at each await that has no result yet."""
        return self.use_http_11 or self.server.get("inactivity_timeout") == 0

    @property
    def lazy(self) -> bool:
        """Whether no state comes with the start of an attempt."""
        return self.server.get("config") == NO_EAGER_STATE

    def server_settings(self, signing: Signing) -> ServerSettings:
        return ServerSettings(**self.server, request_identity_key=signing.pem if self.signed else None)


SETTINGS = {
    setting.name: setting
    for setting in (
        Setting(name="default"),
        Setting(name="suspending", server={"inactivity_timeout": 0}),
        Setting(name="lazy", server={"config": NO_EAGER_STATE}),
        Setting(name="lazy-suspending", server={"config": NO_EAGER_STATE, "inactivity_timeout": 0}),
        Setting(name="single", server={"partitions": 1, "config": {"default-thread-pool-size": 1}}),
        Setting(name="http11", use_http_11=True),
        Setting(name="v5", target="tests.conformance.v5", protocol=5),
        Setting(name="v7", server={"protocol_v7": True}, protocol=7),
        Setting(name="v7-suspending", server={"protocol_v7": True, "inactivity_timeout": 0}, protocol=7),
        Setting(name="signed", signed=True),
    )
}


NOT_EMBEDDED = {"signed": Difference.SIGNING, "single": Difference.ONE_PROCESS}
"""Settings that mean nothing to the embedded runtime."""


def on_engines(names: Iterable[str], engine: str) -> list[Setting]:
    """The settings on ``server``, on ``embedded``, or on ``both``; without those that it lacks."""
    chosen = [SETTINGS[name] for name in names]
    embedded = [replace(setting, embedded=True) for setting in chosen if setting.name not in NOT_EMBEDDED]
    return {"server": chosen, "embedded": embedded, "both": chosen + embedded}[engine]


class Signing:
    """A pair of keys: the private one in a PEM file, the public one as text."""

    def __init__(self, folder: Path) -> None:
        private = Ed25519PrivateKey.generate()
        self.pem = folder / "identity.pem"
        self.pem.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        self.public = "publickeyv1_" + base58(private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def base58(data: bytes) -> str:
    """Bitcoin's alphabet; a leading zero byte is a ``1``."""
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = alphabet[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text
