"""Three nodes of restate-server on this machine: one cluster that outlives the end of any one of them."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from restate_reflect.options import RetryPolicy
from restate_reflect.server import RestateServer, ServerSettings
from restate_reflect.server._settings import ConfigValue, Ports
from tests.support import lasting_port

__all__ = ["Cluster"]

NODES = 3
REPLICATION = 2
"""Nodes that have an entry before it is acknowledged: of three, one may be gone."""


class Cluster:
    """The nodes; a context manager. Each can be killed and started again by itself, on its ports and its data."""

    def __init__(self, *, protocol_v7: bool = False) -> None:
        ports = [Ports(lasting_port(), lasting_port(), lasting_port()) for _ in range(NODES)]
        shared: dict[str, ConfigValue] = {
            "cluster-name": f"cluster-{secrets.token_hex(4)}",
            "metadata-client.addresses": [_address(each) for each in ports],
            "default-replication": REPLICATION,
        }
        self.nodes = [
            RestateServer(
                ServerSettings(
                    protocol_v7=protocol_v7,
                    retry_policy=RetryPolicy(initial_interval=0.01, max_interval=0.5, factor=2.0),
                    config={**shared, "node-name": f"node-{number}", "auto-provision": number == 1},
                ),
                prefer=each,
            )
            for number, each in enumerate(ports, 1)
        ]
        self._stack = ExitStack()

    def __enter__(self) -> Cluster:
        with ExitStack() as stack:
            for node in self.nodes:
                stack.callback(node.close)
            self.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self) -> None:
        """Starts whatever does not run, all at once: a node alone is not ready without the others."""
        with ThreadPoolExecutor(NODES) as threads:
            list(threads.map(RestateServer.start, self.nodes))

    @property
    def ingress_urls(self) -> list[str]:
        return [node.ingress_url for node in self.nodes]

    @property
    def admin_urls(self) -> list[str]:
        return [node.admin_url for node in self.nodes]


def _address(ports: Ports) -> str:
    return f"http://127.0.0.1:{ports.node}/"
