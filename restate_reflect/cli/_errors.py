"""Errors of a command line: a message in place of a traceback, and exit codes that scripts can rely on."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from restate_reflect.cli._terminal import say
from restate_reflect.errors import RestateReflectError

__all__ = ["EXIT_CODES", "NOT_READY", "REFUSED", "UNREACHABLE", "Explain", "Explained", "exit_code", "plain_errors"]

REFUSED: Final = 1
"""Any other failure: port in use, something that the server refused, an interrupt."""
INPUT: Final = 2
"""Wrong arguments, a target that leads nowhere, a class that can't become a service (click's own code, too)."""
FAILED: Final = 3
"""The invocation ended with a terminal failure: the handler's own answer."""
NOT_FOUND: Final = 4
"""There is no such service, handler or invocation."""
NOT_READY: Final = 5
"""No result yet: ``output`` found none, or ``--timeout`` passed."""
UNREACHABLE: Final = 6
"""No server answers at the URL, or another kind of server."""

EXIT_CODES: Final = {
    "ServiceError": FAILED,
    "NoSuchInvocationError": NOT_FOUND,
    "NotFoundError": NOT_FOUND,
    "AdminNotFoundError": NOT_FOUND,
    "RequestTimeoutError": NOT_READY,
    "TransportError": UNREACHABLE,
    "NotAnIngressError": UNREACHABLE,
    "BadRequestError": INPUT,
    "RefusedError": REFUSED,
    "ServerError": REFUSED,
    "RestateReflectError": INPUT,
}
"""By the name of a class, the nearest counts; names, since the modules are loaded only where they are needed."""


class Explained(NamedTuple):
    """An error in the words of a command line."""

    message: str
    hint: str | None = None
    """What to do, on a line of its own."""
    code: int | None = None
    """An exit code other than that of the class."""


Explain = Callable[[RestateReflectError], Explained | None]


@contextmanager
def plain_errors(
    host: str = "", port: int = 0, *, option: str = "--port", as_json: bool = False, explain: Explain | None = None
) -> Iterator[None]:
    """Turns what a user can mend into a message on stderr, as JSON if asked for, and an exit code.

    Args:
        host, port: Of the socket to listen on, for messages.
        option: With which one chooses that port.
        explain: Better words for some errors.
    """
    import asyncio  # 40 ms, which help and completion need not pay

    try:
        yield
    except RestateReflectError as error:
        explained = (explain(error) if explain else None) or Explained(_text(error))
        code = explained.code or exit_code(error)
        _end(_as_json(error, explained, code) if as_json else _as_text(explained), code)
    except asyncio.CancelledError:
        _end("stopped at once", REFUSED)
    except OSError as error:
        if (message := _socket_message(error, host, port, option)) is None:
            raise
        _end(message, REFUSED)


def exit_code(error: RestateReflectError) -> int:
    """By the class; see ``docs/cli.md``."""
    nearest = _nearest(error)
    # Of the admin API: an answer has a status.
    answered = nearest != "ServerError" or getattr(error, "status", 0) is not None
    return EXIT_CODES[nearest] if answered else UNREACHABLE


def _nearest(error: RestateReflectError) -> str:
    return next(base.__name__ for base in type(error).__mro__ if base.__name__ in EXIT_CODES)


def _text(error: RestateReflectError) -> str:
    """Servers and handlers have words of their own; of what is wrong with the input the kind helps."""
    return f"{type(error).__name__}: {error}" if _nearest(error) == "RestateReflectError" else str(error)


def _as_text(explained: Explained) -> str:
    return "\n".join(part for part in (explained.message, explained.hint) if part)


def _as_json(error: RestateReflectError, explained: Explained, exit_code: int) -> str:
    """Its kind, its own text, and what else it says; the exit code, and a hint if there is one."""
    told = {name: getattr(error, name, None) for name in ("code", "status", "metadata", "invocation_id")}
    told |= {"exit_code": exit_code, "hint": explained.hint}
    data = {"error": type(error).__name__, "message": str(error), **{k: _plain(v) for k, v in told.items() if v}}
    return json.dumps(data, ensure_ascii=False)


def _plain(value: Any) -> Any:
    return dict(value) if hasattr(value, "items") else value


def _end(message: str, code: int) -> None:
    say(message, err=True)
    raise SystemExit(code)


def _socket_message(error: OSError, host: str, port: int, option: str) -> str | None:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} of {host} is in use. Choose another with {option}, or end the process that has it."
        case errno.EACCES:
            return f"port {port} may not be used by this user. Choose one above 1023 with {option}."
        case errno.EADDRNOTAVAIL:
            return f"{host} is no address of this machine. Use 127.0.0.1, or 0.0.0.0 for all addresses."
        case errno.ENOTSUP:
            return os.strerror(errno.ENOTSUP) if not error.strerror else error.strerror
        case _:
            return f"{host} can't be resolved: {error.strerror}" if type(error).__name__ == "gaierror" else None
