"""Clients of a cluster: which request goes on to the next node, which must not, and what is told then."""

from __future__ import annotations

import asyncio
import gc
import random
import socket
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from restate_reflect import RetryPolicy
from restate_reflect.ingress import (
    AdminClient,
    Client,
    ConnectError,
    ConnectionLostError,
    HandlerNotFoundError,
    IngressError,
    OverloadedError,
    RequestTimeoutError,
    SyncClient,
    UnavailableError,
    _transport,
)
from restate_reflect.ingress._sockets import watchful_socket
from tests.ingress.nodes import Behaviour, Cluster, Node, refusing
from tests.ingress.services import Approval, Item, Shelf

QUICK = RetryPolicy(max_attempts=3, initial_interval=0.001, max_interval=0.002)
ONCE = RetryPolicy(max_attempts=1)
Work = Callable[[Any], Any]
Run = Callable[..., list[Any]]
Start = Callable[..., Node]


@pytest.fixture(params=["async", "sync"])
def run(request: pytest.FixtureRequest) -> Run:
    """Does one work after the other with one client: results, or the errors of the ingress."""
    return _run_async if request.param == "async" else _run_sync


def _run_async(urls: list[str], *works: Work, retry: RetryPolicy = QUICK, timeout: float | None = None) -> list[Any]:
    async def main() -> list[Any]:
        async with Client(urls, retry=retry, timeout=timeout) as client:
            return [await _outcome(client, work) for work in works]

    return asyncio.run(main())


async def _outcome(client: Client, work: Work) -> Any:
    try:
        return await work(client)
    except IngressError as error:
        return error


def _run_sync(urls: list[str], *works: Work, retry: RetryPolicy = QUICK, timeout: float | None = None) -> list[Any]:
    outcomes: list[Any] = []
    with SyncClient(urls, retry=retry, timeout=timeout) as client:
        for work in works:
            try:
                outcomes.append(work(client))
            except IngressError as error:
                outcomes.append(error)
    return outcomes


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def start(cluster: Cluster) -> Iterator[Start]:
    with ExitStack() as stack:
        yield lambda behaviour="answers": stack.enter_context(Node(cluster, behaviour))


@pytest.fixture
def refused() -> Iterator[str]:
    with refusing() as url:
        yield url


def call(client: Any) -> Any:
    return client.call(Shelf.add, 1, key="a")


def keyed(client: Any) -> Any:
    return client.call(Shelf.add, 1, key="a", idempotency_key="once")


def test_a_refused_connection_leads_to_the_next_node(run: Run, start: Start, refused: str, cluster: Cluster) -> None:
    """In the same attempt: nothing was sent, so any request may go on."""
    assert run([refused, start().url], call, retry=ONCE) == [1]
    assert len(cluster.done) == 1


def test_a_name_that_nobody_knows_leads_to_the_next_node(run: Run, start: Start) -> None:
    assert run(["http://no-such-node.invalid:8080", start().url], call, retry=ONCE) == [1]


def test_a_failed_handshake_leads_to_the_next_node_and_is_not_repeated(run: Run, start: Start) -> None:
    """Of TLS: what was to be sent has not been sent."""
    plain, other = start(), start()
    wrong = plain.url.replace("http://", "https://")
    assert run([wrong, other.url], call) == [1]
    (error,) = run([wrong], call)
    assert isinstance(error, ConnectError)
    assert error.accepted is False
    assert plain.seen == []


@pytest.mark.parametrize("behaviour", ["dies", "is not ready"])
def test_what_may_have_been_accepted_does_not_go_on(
    run: Run, start: Start, cluster: Cluster, behaviour: Behaviour
) -> None:
    """The caller hears what is known and what would make it safe; the next call asks the other node."""
    first, second = start(behaviour), start()
    error, _ = run([first.url, second.url], call, call)
    assert isinstance(error, (ConnectionLostError, UnavailableError))
    assert error.accepted is None
    assert "may have been accepted" in str(error)
    assert "idempotency key" in str(error)
    assert (len(first.seen), len(second.seen)) == (1, 1)
    assert len(cluster.done) == (2 if behaviour == "dies" else 1)


@pytest.mark.parametrize("behaviour", ["dies", "is not ready"])
def test_with_an_idempotency_key_it_goes_on_and_is_done_once(
    run: Run, start: Start, cluster: Cluster, behaviour: Behaviour
) -> None:
    first, second = start(behaviour), start()
    assert run([first.url, second.url], keyed, retry=ONCE) == [1]
    assert (len(first.seen), len(second.seen), len(cluster.done)) == (1, 1, 1)


@pytest.mark.parametrize(
    "work",
    [
        lambda client: client.invocation("inv_1", int).attach(),
        lambda client: client.invocation("inv_1", int).output(),
    ],
    ids=["attach", "output"],
)
def test_reads_go_on(run: Run, start: Start, work: Work) -> None:
    first, second = start("dies"), start()
    (outcome,) = run([first.url, second.url], work, retry=ONCE)
    assert not isinstance(outcome, IngressError)
    assert set(first.seen) == set(second.seen)
    assert len(second.seen) == 1


def test_submissions_of_workflows_go_on(run: Run, start: Start) -> None:
    first, second = start("dies"), start("is not ready")
    (error,) = run([first.url, second.url], lambda c: c.submit(Approval.run, Item(sku="a"), key="k"), retry=ONCE)
    assert isinstance(error, UnavailableError)
    assert first.seen == second.seen == ["/Approval/k/run/send"]


def test_shed_load_goes_on(run: Run, start: Start, cluster: Cluster) -> None:
    """The server says that it has accepted nothing."""
    assert run([start("sheds load").url, start().url], call, retry=ONCE) == [1]
    assert len(cluster.done) == 1


def test_a_node_that_has_not_heard_of_the_service_leads_to_the_next(run: Run, start: Start, cluster: Cluster) -> None:
    """Just after a registration. If no node knows it, that is the answer, and nothing is repeated."""
    nodes = [start("knows no service"), start()]

    def forget(client: Any) -> Any:
        nodes[1].behaviour = "knows no service"
        return call(client)

    first, second = run([node.url for node in nodes], call, forget)
    assert first == 1
    assert isinstance(second, HandlerNotFoundError)
    assert (len(nodes[0].seen), len(nodes[1].seen), len(cluster.done)) == (2, 2, 1)


def test_who_answers_is_asked_first_from_then_on(run: Run, start: Start) -> None:
    """A node that has failed is asked again when the one in use fails."""
    first, second = start("is not ready"), start()

    def recover(client: Any) -> Any:
        first.behaviour, second.behaviour = "answers", "is not ready"
        return keyed(client)

    run([first.url, second.url], keyed, call, call, recover, call)
    assert (len(first.seen), len(second.seen)) == (1 + 2, 3 + 1)


def test_a_node_that_hangs_leaves_time_to_the_next(run: Run, start: Start, cluster: Cluster) -> None:
    """What may be sent twice gets its share of the timeout at each node; the result is that of the first sending."""
    assert run([start("hangs").url, start().url], keyed, timeout=4.0, retry=ONCE) == [1]
    assert len(cluster.done) == 1


def test_connections_notice_when_a_machine_has_vanished(
    run: Run, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which sends no reset: probes end the connection within a minute, and what may be repeated goes on."""
    settings: list[tuple[int, ...]] = []
    options = [name for name in ("TCP_KEEPIDLE", "TCP_KEEPALIVE", "TCP_USER_TIMEOUT") if hasattr(socket, name)]

    def noted(address: tuple[Any, ...]) -> socket.socket:
        made = watchful_socket(address)
        probing = made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0
        settings.append((probing, *(made.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in options)))
        return made

    monkeypatch.setattr(_transport, "watchful_socket", noted)
    assert run([start().url], call) == [1]
    expected = {"TCP_KEEPIDLE": 30, "TCP_KEEPALIVE": 30, "TCP_USER_TIMEOUT": 60_000}
    assert settings == [(True, *(expected[name] for name in options))]


def test_what_may_not_be_sent_twice_waits_at_a_node_that_hangs(run: Run, start: Start, cluster: Cluster) -> None:
    hanging, other = start("hangs"), start()
    error, asked_next = run([hanging.url, other.url], call, lambda client: _value(client, client.url), timeout=0.5)
    assert isinstance(error, RequestTimeoutError)
    assert error.accepted is None
    assert f"no answer from {hanging.url} within 0.5 s" in str(error)
    assert "may have been accepted" in str(error)
    assert (len(hanging.seen), other.seen, len(cluster.done)) == (1, [], 1)
    assert asked_next == other.url


def _value(client: Any, value: str) -> Any:
    async def later() -> str:
        return value

    return later() if isinstance(client, Client) else value


def test_if_nobody_can_be_reached_each_is_named(run: Run, refused: str) -> None:
    with refusing() as other:
        (error,) = run([refused, other], call)
    assert isinstance(error, ConnectError)
    assert error.accepted is False
    for url in (refused, other):
        assert url.removeprefix("http://") in str(error)


@pytest.mark.parametrize(
    "behaviour, told", [(None, "no ingress of a restate-server answers"), ("sheds load", "status 429")]
)
def test_a_timeout_says_if_nothing_was_ever_accepted(
    run: Run, start: Start, refused: str, behaviour: Behaviour | None, told: str
) -> None:
    patient = RetryPolicy(max_attempts=1000, initial_interval=60, max_interval=60)
    url = refused if behaviour is None else start(behaviour).url
    (error,) = run([url], call, retry=patient, timeout=1.0)
    assert isinstance(error, RequestTimeoutError)
    assert error.accepted is False
    assert f"At last: {told}" in str(error)


@pytest.mark.parametrize("others", [[], ["http://127.0.0.1:9"]], ids=["one address", "two"])
def test_errors_leave_no_garbage(refused: str, others: list[str]) -> None:
    """They are freed where they are caught, with all that was tried."""

    async def main() -> None:
        async with Client([refused, *others], retry=QUICK) as client:
            with pytest.raises(ConnectError) as caught:
                await call(client)
            error = weakref.ref(caught.value)
            del caught
            gc.disable()
            try:
                await asyncio.sleep(0)
                assert error() is None
            finally:
                gc.enable()

    asyncio.run(main())


@pytest.mark.parametrize("last", [None, "sheds load", "knows no service"])
def test_what_was_sent_once_is_not_told_to_be_refused(
    run: Run, start: Start, refused: str, last: Behaviour | None
) -> None:
    """The first node may have accepted it, whatever the second one says."""
    second = refused if last is None else start(last).url
    (error,) = run([start("dies").url, second], keyed, retry=ONCE)
    assert not isinstance(error, (ConnectError, OverloadedError, HandlerNotFoundError))
    assert error.accepted is None


@pytest.mark.parametrize("seed", range(3))
def test_no_call_is_done_twice_while_nodes_come_and_go(run: Run, start: Start, cluster: Cluster, seed: int) -> None:
    """Three nodes change between all behaviours; calls without a key come to be done once at most, others once."""
    chance = random.Random(seed)
    nodes = [start() for _ in range(3)]
    kinds: list[Behaviour] = ["answers", "answers", "dies", "is not ready", "sheds load", "knows no service"]

    def numbered(number: int) -> Work:
        def work(client: Any) -> Any:
            for node in nodes:
                node.behaviour = chance.choice(kinds)
            key = {"idempotency_key": f"k-{number}"} if number % 2 else {}
            return client.call(Shelf.add, 1, key=f"n-{number}", **key)

        return work

    outcomes = run([node.url for node in nodes], *map(numbered, range(100)))
    done = Counter(int(path.split("/")[2].removeprefix("n-")) for path in cluster.done)
    assert set(done.values()) == {1}
    for number, outcome in enumerate(outcomes):
        accepted = outcome.accepted if isinstance(outcome, IngressError) else True
        assert accepted is None or accepted == (number in done), (number, outcome)
    assert sum(isinstance(outcome, int) for outcome in outcomes) > 40


def test_the_admin_client_goes_on_to_the_next_node(start: Start, refused: str) -> None:
    async def main() -> None:
        async with AdminClient([refused, start().url], retry=ONCE) as admin:
            await admin.cancel("inv_1")

    asyncio.run(main())


@pytest.mark.parametrize("make", [Client, SyncClient, AdminClient])
def test_addresses_that_are_none_are_refused_at_once(make: Callable[[Any], Any]) -> None:
    with pytest.raises(ValueError, match="no URL of an"):
        make([])
    with pytest.raises(ValueError, match="several addresses are a list"):
        make("http://a:8080,http://b:8080")
    with pytest.raises(ValueError, match="Write it as http://"):
        make(["http://a:8080", "b:8080"])
