"""The sign-up goes on after any crash, and runs once per key."""

from __future__ import annotations

import pytest

from examples.signup import Account, Form, Mailer, Signup, Stage
from restate_reflect import TerminalError
from restate_reflect.ingress import AlreadyInvokedError
from restate_reflect.testing import Durable

FORM = Form(email="ada@example.com")


class Box(Mailer):
    """Keeps the mails; a crash may make it keep one twice."""

    def __init__(self) -> None:
        self.codes: list[str] = []

    def send_code(self, email: str, code: str) -> None:
        self.codes.append(code)


async def test_the_click_opens_the_account(durable: Durable) -> None:
    """The code that was mailed is the one that counts, whatever crashed in between."""
    box = Box()
    env = await durable(Signup(box))
    submitted = await env.submit(Signup.run, FORM, key="ada")
    await env.settle()
    assert await env.call(Signup.status, key="ada") is Stage.WAITING
    (code,) = set(box.codes)
    await env.call(Signup.click, code, key="ada")
    assert await submitted.attach() == Account(user="ada", email="ada@example.com")
    assert await env.call(Signup.status, key="ada") is Stage.DONE


async def test_a_wrong_code_is_refused(durable: Durable) -> None:
    """And the promise stays open."""
    env = await durable(Signup(Box()))
    submitted = await env.submit(Signup.run, FORM, key="ada")
    await env.settle()
    with pytest.raises(TerminalError, match="not the code") as refused:
        await env.call(Signup.click, "1234", key="ada")
    assert refused.value.code == 403
    assert env.promise(Signup, "ada", "clicked").peek(bool) is None
    assert not await submitted.output()


async def test_a_second_click_changes_nothing(durable: Durable) -> None:
    """The promise was completed before."""
    box = Box()
    env = await durable(Signup(box))
    submitted = await env.submit(Signup.run, FORM, key="ada")
    await env.settle()
    for _ in range(2):
        await env.call(Signup.click, box.codes[0], key="ada")
    assert (await submitted.attach()).user == "ada"


async def test_a_workflow_runs_once_per_key(durable: Durable) -> None:
    """Submitting again joins the run; calling again is refused."""
    env = await durable(Signup(Box()))
    assert (await env.submit(Signup.run, FORM, key="ada")).is_new
    assert not (await env.submit(Signup.run, FORM, key="ada")).is_new
    with pytest.raises(AlreadyInvokedError):
        await env.call(Signup.run, FORM, key="ada")


async def test_a_mail_that_fails_is_sent_again_with_the_same_code(durable: Durable) -> None:
    """The code comes from the journal's seed."""
    box = Box()
    env = await durable(Signup(box))
    env.fail_step("mail", ConnectionError("greylisted"), times=2)
    await env.submit(Signup.run, FORM, key="ada")
    await env.advance(seconds=2)
    assert len(set(box.codes)) == 1


async def test_nobody_has_signed_up(durable: Durable) -> None:
    """The declared default."""
    env = await durable(Signup(Box()))
    assert await env.call(Signup.status, key="nobody") is Stage.UNKNOWN
