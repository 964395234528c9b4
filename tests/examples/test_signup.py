"""The sign-up workflow on the real server."""

from __future__ import annotations

import itertools

import pytest

from examples.signup import Mailer, Signup
from restate_reflect.server import RestateServer
from tests.conftest import Serve
from tests.realserver.waiting import eventually
from tests.support import call, fetch

_serial = itertools.count()


class Inbox(Mailer):
    """Keeps the codes."""

    def __init__(self) -> None:
        self.codes: list[str] = []

    def send_code(self, email: str, code: str) -> None:
        self.codes.append(code)


@pytest.fixture
def user() -> str:
    """A key that was not used before: a workflow runs once per key."""
    return f"user-{next(_serial)}"


def started(server: RestateServer, user: str, inbox: Inbox) -> str:
    """Starts a sign-up and waits for the mail; the code in it."""
    call(server, "Signup", "run", {"email": f"{user}@example.com"}, key=user, send=True)
    eventually(lambda: call(server, "Signup", "status", key=user).json == "waiting for the click")
    return inbox.codes[0]


def account(server: RestateServer, user: str) -> object:
    return fetch(f"{server.ingress_url}/restate/workflow/Signup/{user}/attach", method="GET").json


def test_the_click_opens_the_account(any_server: RestateServer, serve: Serve, user: str) -> None:
    """Status, click, result: three handlers of one workflow."""
    inbox = Inbox()
    serve(any_server, Signup(inbox))
    assert call(any_server, "Signup", "status", key=user).json == "not signed up"
    code = started(any_server, user, inbox)
    assert call(any_server, "Signup", "click", code, key=user).status == 200
    assert account(any_server, user) == {"user": user, "email": f"{user}@example.com"}
    assert call(any_server, "Signup", "status", key=user).json == "done"


def test_a_wrong_code_is_refused_and_the_right_one_still_works(
    any_server: RestateServer, serve: Serve, user: str
) -> None:
    """The promise stays open."""
    inbox = Inbox()
    serve(any_server, Signup(inbox))
    code = started(any_server, user, inbox)
    assert call(any_server, "Signup", "click", "guess", key=user).status == 403
    assert call(any_server, "Signup", "status", key=user).json == "waiting for the click"
    assert call(any_server, "Signup", "click", code, key=user).status == 200
    assert account(any_server, user) == {"user": user, "email": f"{user}@example.com"}


def test_a_second_click_changes_nothing(any_server: RestateServer, serve: Serve, user: str) -> None:
    """People click twice."""
    inbox = Inbox()
    serve(any_server, Signup(inbox))
    code = started(any_server, user, inbox)
    answers = [call(any_server, "Signup", "click", code, key=user).status for _ in range(2)]
    assert answers == [200, 200]
    assert len(inbox.codes) == 1


def test_the_workflow_survives_a_restart_of_the_endpoint(
    restate_server: RestateServer, serve: Serve, user: str
) -> None:
    """It waits on one endpoint and ends on another one at the same port; the mail is sent once."""
    inbox = Inbox()
    first = serve(restate_server, Signup(inbox))
    code = started(restate_server, user, inbox)
    first.stop()
    serve(restate_server, Signup(inbox), port=first.port)
    assert call(restate_server, "Signup", "click", code, key=user).status == 200
    assert account(restate_server, user) == {"user": user, "email": f"{user}@example.com"}
    assert inbox.codes == [code]
