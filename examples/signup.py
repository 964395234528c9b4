"""A workflow: it runs once per key, waits for a click, and can be asked how far it is.

Shows a workflow with its one run handler, a durable promise that another handler of the same
workflow completes (days later, if need be), state that shared handlers may read, and a class of
dependencies that a test replaces by its own.

Try it::

    restate-reflect serve examples.signup --with-server
    curl localhost:8080/Signup/ada/run/send --json '{"email": "ada@example.com"}'
    curl -X POST localhost:8080/Signup/ada/status                   # "waiting for the click"
    curl localhost:8080/Signup/ada/click --json '"<the code that serve has printed>"'
    curl localhost:8080/restate/workflow/Signup/ada/attach          # the account
"""

from __future__ import annotations

from enum import Enum

from pydantic import BaseModel, Field

from restate_reflect import State, TerminalError, WorkflowContext, WorkflowSharedContext


class Form(BaseModel):
    """What a visitor fills in."""

    email: str = Field(pattern=r"^\S+@\S+$", examples=["ada@example.com"])


class Account(BaseModel):
    """A confirmed account."""

    user: str
    email: str


class Stage(Enum):
    """How far a sign-up is."""

    UNKNOWN = "not signed up"
    WAITING = "waiting for the click"
    DONE = "done"


class Mailer:
    """Stands for a mail service: prints."""

    def send_code(self, email: str, code: str) -> None:
        """Mails the code that proves that the address is the visitor's."""
        print(f"to {email}: your code is {code}")


class Signup:
    """One sign-up; the key is the user name."""

    stage = State(Stage, default=Stage.UNKNOWN)
    code = State(str)

    def __init__(self, mailer: Mailer | None = None) -> None:
        self.mailer = mailer or Mailer()

    async def run(self, ctx: WorkflowContext, form: Form) -> Account:
        """Mails a code, waits for it to come back, and opens the account."""
        code = str(ctx.uuid())
        ctx.set(Signup.code, code)
        await ctx.run("mail", self.mailer.send_code, form.email, code)
        ctx.set(Signup.stage, Stage.WAITING)
        await ctx.promise("clicked", bool)
        ctx.set(Signup.stage, Stage.DONE)
        return Account(user=ctx.key, email=form.email)

    async def click(self, ctx: WorkflowSharedContext, code: str) -> None:
        """Confirms the address. Raises ``TerminalError`` (403) for a wrong code."""
        if code != await ctx.get(Signup.code):
            raise TerminalError("this is not the code that was mailed", code=403)
        if not await ctx.promise("clicked", bool).peek():
            await ctx.promise("clicked", bool).resolve(True)

    async def status(self, ctx: WorkflowSharedContext) -> Stage:
        """How far the sign-up is; also long after it has ended."""
        return await ctx.get(Signup.stage)
