"""Three nodes of restate-server and rolling endpoints under SIGKILL: nothing is lost, doubled or stuck.

    pytest tests/chaos/test_cluster.py -s --cluster-minutes 5

prints figures and the seed; ``--chaos-seed N`` repeats its choices.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path

import pytest

from restate_reflect.ingress import SyncClient
from tests.chaos.cluster import Cluster
from tests.chaos.cluster_clients import CLIENTS, ClusterDone, ClusterLoad
from tests.chaos.invariants import check, left_over
from tests.chaos.program import Ledger, Span
from tests.chaos.turns import Turns

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.server]


def test_a_cluster_loses_doubles_and_forgets_nothing(tmp_path: Path, seed: int, cluster_seconds: float) -> None:
    """While nodes and endpoints are killed in turn and versions roll through; clients name all nodes."""
    file = tmp_path / "effects"
    file.touch()
    with Cluster() as cluster:
        load = ClusterLoad(cluster.ingress_urls, seed)
        with Turns(cluster, file, seed) as turns:
            began = time.monotonic()
            try:
                asyncio.run(load.run(cluster_seconds, turns.enough))
                took = time.monotonic() - began
                turns.stop()
                turns.drain()
            except ExceptionGroup as error:
                turns.stop()
                error.add_note(left_over(cluster.nodes[0]))
                raise
            check_failover(load.done)
            check_what_was_told(cluster, load.done)
            check_versions(cluster, turns)
            figures = check(cluster.nodes[0], load.done, file)
        report(load.done, turns, figures["invocations"], took)
        assert sum(load.done.counts.values()) > CLIENTS
        assert turns.enough()
        assert turns.rolls == len(turns.drained)


def check_what_was_told(cluster: Cluster, done: ClusterDone) -> None:
    """Of calls without a key: what the client said to be accepted is there once, what it said not to be is not."""
    with SyncClient(cluster.ingress_urls, timeout=60) as client:
        for token, accepted in done.bare.items():
            count, _ = client.call(Ledger.read, key=token)
            assert count in {True: (1,), False: (0,), None: (0, 1)}[accepted], f"{token}: {accepted}, but {count} times"


def check_failover(done: ClusterDone) -> None:
    """What is safe to repeat does not fail because a node ends; on a busy machine it may come too late."""
    assert {kind for kind in done.troubles if kind.endswith(", safe to repeat")} <= {
        "RequestTimeoutError, safe to repeat"
    }


def check_versions(cluster: Cluster, turns: Turns) -> None:
    """Each workflow has ended on the version that it began on."""
    with SyncClient(cluster.ingress_urls, timeout=60) as client:
        found = {key: client.workflow(Span.run, key=key).attach() for key in turns.spans}
    assert found == {key: [version, version] for key, version in turns.spans.items()}


def report(done: ClusterDone, turns: Turns, invocations: int, seconds: float) -> None:
    cuts = statistics.quantiles(done.seconds, n=100)
    print(
        f"{sum(done.counts.values())} operations {done.counts} of {CLIENTS} clients in {seconds:.0f} s, {invocations}"
        f" invocations; killed: {dict(turns.killed)}; {turns.rolls} versions rolled through, each drained within"
        f" {max(turns.drained, default=0):.0f} s; seconds an operation: median {cuts[49]:.2f}, 95 % {cuts[94]:.2f},"
        f" longest {max(done.seconds):.1f}; errors that reached callers: {dict(done.troubles)}"
    )
