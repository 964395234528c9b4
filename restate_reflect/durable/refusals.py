"""What a handler's loop has no use for: each method of asyncio's loops that it refuses, or answers without doing much.

A thread, a socket or a process would have its say at another moment on replay, or none. So a handler that reaches for
one, itself or through a library, is told what it reached for, at its own line, and its attempt ends: a library that
catches everything would go on with a journal that does not replay alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn, Protocol

from restate_reflect.durable.locations import caller
from restate_reflect.errors import HandlerBugError

__all__ = [
    "NEUTRAL",
    "REFUSED",
    "WAITS_FOR_THREAD",
    "completed_from_outside",
    "filled_from_outside",
    "outside",
    "refusing",
]


class Refusing(Protocol):
    """A loop that ends its attempt with an error."""

    def refuse(self, error: HandlerBugError) -> NoReturn: ...


REFUSED: Final = {
    "set_default_executor": "a thread pool",
    "getaddrinfo": "a name look-up",
    "getnameinfo": "a name look-up",
    "create_connection": "a network connection",
    "create_server": "a network server",
    "create_unix_connection": "a socket",
    "create_unix_server": "a socket server",
    "create_datagram_endpoint": "a socket",
    "connect_accepted_socket": "a socket",
    "connect_read_pipe": "a pipe",
    "connect_write_pipe": "a pipe",
    "subprocess_exec": "a subprocess",
    "subprocess_shell": "a subprocess",
    "sock_recv": "a socket",
    "sock_recv_into": "a socket",
    "sock_recvfrom": "a socket",
    "sock_recvfrom_into": "a socket",
    "sock_sendall": "a socket",
    "sock_sendto": "a socket",
    "sock_connect": "a socket",
    "sock_accept": "a socket",
    "sock_sendfile": "a socket",
    "sendfile": "a socket",
    "start_tls": "a TLS connection",
    "add_reader": "a file descriptor",
    "add_writer": "a file descriptor",
    "add_signal_handler": "a signal handler",
    "run_until_complete": "a loop of its own",
    "run_forever": "a loop of its own",
    "stop": "the end of its loop",
    "close": "the end of its loop",
}


WAITS_FOR_THREAD: Final = frozenset({"run_sync_in_worker_thread"})
"""Functions of libraries that make a plain future and a thread of their own to complete it, without asking the loop
for one: anyio's ``to_thread.run_sync``, and what is built on it (files, interpreters, sync tools of agents)."""


async def _nothing(self: object, *args: object) -> None:
    """There is nothing to shut down."""


def _was_not_there(self: object, *args: object) -> bool:
    """Nothing of that kind can have been added."""
    return False


def _ignored(self: object, *args: object) -> None:
    """The debug mode of asyncio measures time, which stands still here."""


NEUTRAL: Final[dict[str, Callable[..., Any]]] = {
    "shutdown_asyncgens": _nothing,
    "shutdown_default_executor": _nothing,
    "remove_reader": _was_not_there,
    "remove_writer": _was_not_there,
    "remove_signal_handler": _was_not_there,
    "set_debug": _ignored,
}


def refusing(method: str, thing: str) -> Callable[..., NoReturn]:
    """A method that refuses ``thing``."""

    def refuse(self: Refusing, *args: Any, **kwargs: Any) -> NoReturn:
        self.refuse(outside(thing, f"; loop.{method}"))

    return refuse


def completed_from_outside(by: str, awaited_at: str | None) -> HandlerBugError:
    """The refusal of a result that is no result of the journal: ``by`` a thread, another invocation …"""
    waiting = f", while the handler waits at {awaited_at}" if awaited_at else ""
    return HandlerBugError(
        "something of a handler (an asyncio.Event, a Queue, a future) is completed from outside of it"
        f" ({caller()}): by {by}{waiting}. On replay nobody would do that: results enter a handler by its journal"
        ' alone. Put what completes it into a step, await ctx.run("name", function, …). Return the value from the step,'
        " or send it by a signal or an awakeable."
    )


def filled_from_outside(thing: str, where: object) -> HandlerBugError:
    """The refusal of something of the handler that was filled while nobody waited for it, as seen afterwards."""
    return HandlerBugError(
        f"{thing} of the handler, made at {where}, is completed from outside of it, between two turns of the handler:"
        " by the body of a step, a thread or another invocation. On replay nobody would do that: results enter a"
        " handler by its journal alone. Return the value from the step, or send it by a signal or an awakeable."
    )


def outside(thing: str, detail: str = "", place: str | None = None) -> HandlerBugError:
    """The refusal of something that is outside of handlers."""
    return HandlerBugError(
        f"{thing} can't be used in handler code ({place or caller()}{detail}): it would not be replayed."
        ' Put it into a step: await ctx.run("name", function, …).'
    )
