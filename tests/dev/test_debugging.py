"""Debuggers and ``input()`` in handlers and steps: the terminal goes to the worker that asks for it."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from restate_reflect.server import RestateServer
from tests.dev.running import DEADLINE, dev
from tests.dev.terminal import Terminal, in_terminal
from tests.support import Answer, ServedProcess, fetch

pytestmark = pytest.mark.slow

CODE = """
import time
from restate_reflect import Context, handler

class Shop:
    async def order(self, ctx: Context, number: int) -> int:
        breakpoint()
        return number + 1

    @handler(inactivity_timeout=1, abort_timeout=1)
    async def hasty(self, ctx: Context, number: int) -> int:
        import pdb; pdb.set_trace()
        return number + await ctx.run("one", lambda: 1)

    async def step(self, ctx: Context) -> int:
        return await ctx.run("ask", self.ask)

    def ask(self) -> int:
        return int(input("how many? "))

    async def sleepy(self, ctx: Context) -> int:
        time.sleep(3)
        return 1

    async def fine(self, ctx: Context) -> int:
        return 1
"""


ASKING = """one = 1 + await ctx.run("one", lambda: 1)
        import pdb; pdb.set_trace()
        return number + one
        return 1 + await"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "shop.py"
    found.write_text(CODE)
    return found


class Caller:
    """A request that takes as long as somebody debugs."""

    def __init__(self, url: str, body: Any = None, deadline: float = DEADLINE) -> None:
        self._deadline = deadline
        self.answers: list[Answer] = []
        arguments = (url,) if body is None else (url, body)
        self._thread = threading.Thread(target=lambda: self.answers.append(fetch(*arguments, timeout=deadline)))
        self._thread.start()

    @property
    def answer(self) -> Answer:
        self._thread.join(self._deadline)
        return self.answers[0]


DEV = ("dev", "shop.py", "--ingress-port", "0", "--admin-port", "0", "--no-docs")


def ingress_of(running: Terminal) -> str:
    ingress = running.wait_for(r"ingress (http://[\d.:]+)")[1]
    running.wait_for("Ctrl-C stops")
    return ingress


def test_a_breakpoint_in_a_handler_gets_the_terminal(file: Path) -> None:
    """Values can be looked at and changed; the invocation goes on with them."""
    with in_terminal(file.parent, *DEV) as running:
        ingress = ingress_of(running)
        asked = Caller(f"{ingress}/Shop/order", 5)
        running.wait_for(r"\(Pdb\) ")
        running.type("number")
        running.wait_for(r"\n5\r?\n\(Pdb\) ")
        running.type("number = 41")
        running.wait_for(r"\(Pdb\) ")
        running.type("c")
        assert asked.answer.json == 42
        running.wait_for("returns 42")


def test_input_in_a_step_gets_the_terminal_and_the_log_waits(file: Path) -> None:
    """Lines of other invocations come when the answer is typed."""
    with in_terminal(file.parent, *DEV) as running:
        ingress = ingress_of(running)
        asked = Caller(f"{ingress}/Shop/step")
        running.wait_for(r"how many\? ")

        def printed_meanwhile() -> str:
            before = len(running.text)
            assert fetch(f"{ingress}/Shop/fine", timeout=DEADLINE).json == 1
            return running.text[before:]

        # `input` writes the prompt before `dev` hears of the question.
        assert any("Shop/fine" not in printed_meanwhile() for _ in range(20))
        assert "Shop/fine" not in printed_meanwhile()
        running.type("7")
        assert asked.answer.json == 7
        running.wait_for("Shop/fine .*returns 1")


def test_timeouts_do_not_end_an_attempt_that_is_debugged(file: Path) -> None:
    """This handler may be silent for a second."""
    with in_terminal(file.parent, *DEV) as running:
        ingress = ingress_of(running)
        asked = Caller(f"{ingress}/Shop/hasty", 5)
        running.wait_for(r"\(Pdb\) ")
        running.type("import time; time.sleep(4)")
        running.wait_for(r"\(Pdb\) ")
        running.type("c")
        assert asked.answer.json == 6
    assert "has not answered" not in running.text
    assert running.text.count("(Pdb)") == 2


def test_leaving_the_debugger_ends_the_invocation(file: Path) -> None:
    with in_terminal(file.parent, *DEV) as running:
        ingress = ingress_of(running)
        asked = Caller(f"{ingress}/Shop/order", 5)
        running.wait_for(r"\(Pdb\) ")
        running.type("q")
        if sys.version_info >= (3, 14):
            running.wait_for("Quit anyway")
            running.type("y")
        assert asked.answer.status == 500
        running.wait_for("the debugger was left at")


def test_stopping_lets_go_of_the_debugger(file: Path) -> None:
    """Ctrl-C ends ``dev`` although a handler stands at a breakpoint."""
    with in_terminal(file.parent, *DEV) as running:
        ingress = ingress_of(running)
        Caller(f"{ingress}/Shop/order/send", 5)
        running.wait_for(r"\(Pdb\) ")
        running.end()
        assert running.process.returncode == 0


def test_a_breakpoint_under_reload_gets_the_terminal(file: Path) -> None:
    """There is no engine here; a plain function of the service's start-up asks."""
    file.write_text(f"{CODE}\nNAME = input('name? ')\nprint('hello', NAME)\n")
    with in_terminal(file.parent, "serve", "shop.py", "--reload", "--port", "0") as running:
        running.wait_for(r"name\? ")
        running.type("ada")
        running.wait_for("hello ada")
        running.wait_for("listening on")


def test_without_a_terminal_it_is_said_how_to_debug(file: Path) -> None:
    """A breakpoint is passed over, and the invocation goes on."""
    with dev(file.parent) as running:
        assert running.post("Shop/order", 5) == 6
        running.wait_for(r"breakpoint\(\) at .*shop\.py:\d+: there is no terminal to debug in, .*debugpy")


def test_a_handler_that_blocks_is_told_while_it_does(file: Path) -> None:
    with dev(file.parent) as running:
        running.post("Shop/sleepy/send")
        running.wait_for("^! blocked$")
        running.wait_for(r"the handler Shop/sleepy blocks the event loop for [\d.]+ s by now")
        assert "shop.py:" in running.lines[-1]
        assert "time.sleep(3)" in running.lines[-1]
        running.wait_for("returns 1")


def test_a_breakpoint_in_a_handler_under_reload_gets_the_terminal(file: Path, restate_server: RestateServer) -> None:
    """Also that of a process which a save has started; no timeout of the handler's ends its attempt."""
    options = ("--reload", "--port", "0", "--register", restate_server.admin_url)
    with in_terminal(file.parent, "serve", "shop.py", *options) as running:
        running.wait_for("registered Shop")
        asked = Caller(f"{restate_server.ingress_url}/Shop/order", 5)
        running.wait_for(r"\(Pdb\) ")
        running.type("number = 41")
        running.wait_for(r"\(Pdb\) ")
        running.type("c")
        assert asked.answer.json == 42
        file.write_text(CODE.replace("import pdb; pdb.set_trace()", "").replace("return number + await", ASKING))
        running.wait_for("reloaded")
        running.wait_for("registered Shop")
        asked = Caller(f"{restate_server.ingress_url}/Shop/hasty", 5)
        running.wait_for(r"\(Pdb\) ")
        running.type("import time; time.sleep(4)")
        running.wait_for(r"\(Pdb\) ")
        running.type("c")
        assert asked.answer.json == 7
    assert running.text.count("(Pdb)") == 4, "the attempt was ended, and another one came to the breakpoint"


def test_serve_without_a_terminal_passes_over_a_breakpoint(file: Path, restate_server: RestateServer) -> None:
    """One process, as in a container."""
    with ServedProcess("shop.py", "--register", restate_server.admin_url, cwd=file.parent) as served:
        served.wait_for("registered Shop")
        assert fetch(f"{restate_server.ingress_url}/Shop/order", 5, timeout=DEADLINE).json == 6
        served.wait_for("there is no terminal to debug in")
