"""Human approval on the real server."""

from __future__ import annotations

import queue
from datetime import timedelta

import pytest

from examples.approval import Claim, Desk, Expenses
from restate_reflect.server import RestateServer
from tests.conftest import Serve
from tests.support import call, fetch


class Inbox(Desk):
    """Keeps what the managers were asked."""

    def __init__(self) -> None:
        self.asked: queue.Queue[str] = queue.Queue()
        self.reminded: list[str] = []

    def ask(self, claim: Claim, awakeable_id: str) -> None:
        self.asked.put(awakeable_id)

    def remind(self, claim: Claim) -> None:
        self.reminded.append(claim.employee)


def submitted(server: RestateServer, amount: int = 700) -> str:
    return call(server, "Expenses", "submit", {"employee": "ada", "amount": amount}, send=True).invocation_id


def outcome(server: RestateServer, invocation_id: str) -> tuple[int, object]:
    answer = fetch(f"{server.ingress_url}/restate/invocation/{invocation_id}/attach", method="GET")
    return answer.status, answer.json


@pytest.mark.parametrize("approved, status", [(True, "approved"), (False, "rejected")])
def test_the_manager_decides(any_server: RestateServer, serve: Serve, approved: bool, status: str) -> None:
    """The awakeable's value arrives as the declared model."""
    desk = Inbox()
    serve(any_server, Expenses(desk))
    claim = submitted(any_server)
    decision = {"approved": approved, "by": "grace"}
    fetch(f"{any_server.ingress_url}/restate/awakeables/{desk.asked.get(timeout=30)}/resolve", decision)
    assert outcome(any_server, claim) == (200, {"status": status, "by": "grace"})
    assert desk.asked.empty()


def test_a_rejected_awakeable_fails_the_claim(any_server: RestateServer, serve: Serve) -> None:
    """Its reason is the failure's message."""
    desk = Inbox()
    serve(any_server, Expenses(desk))
    claim = submitted(any_server)
    url = f"{any_server.ingress_url}/restate/awakeables/{desk.asked.get(timeout=30)}/reject"
    fetch(url, b"the department was closed", headers={"content-type": "text/plain"})
    status, body = outcome(any_server, claim)
    assert status == 500
    assert isinstance(body, dict)
    assert body["message"] == "the department was closed"


def test_silence_expires(any_server: RestateServer, serve: Serve) -> None:
    """The durable deadline raises TimeoutError at the await, and a step follows."""
    desk = Inbox()
    serve(any_server, Expenses(desk, patience=timedelta(milliseconds=200)))
    assert outcome(any_server, submitted(any_server)) == (200, {"status": "expired", "by": "deadline"})
    assert desk.reminded == ["ada"]


def test_small_claims_need_nobody(any_server: RestateServer, serve: Serve) -> None:
    """No awakeable, no question."""
    desk = Inbox()
    serve(any_server, Expenses(desk))
    assert outcome(any_server, submitted(any_server, 50)) == (200, {"status": "approved", "by": "rule"})
    assert desk.asked.empty()
