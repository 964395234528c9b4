"""Errors on stderr without a traceback, and the exit code."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

import click

from restate_reflect.errors import RestateReflectError

__all__ = ["plain_errors"]


@contextmanager
def plain_errors(host: str = "", port: int = 0) -> Iterator[None]:
    """Turns what a user can mend into a message; exit code 2 for the input, 1 for the surroundings."""
    from restate_reflect.server import ServerError

    try:
        yield
    except ServerError as error:
        _end(str(error), 1)
    except RestateReflectError as error:
        _end(f"{type(error).__name__}: {error}", 2)
    except asyncio.CancelledError:
        _end("stopped at once", 1)
    except OSError as error:
        if (message := _socket_message(error, host, port)) is None:
            raise
        _end(message, 1)


def _end(message: str, code: int) -> None:
    click.echo(message, err=True)
    raise SystemExit(code) from None


def _socket_message(error: OSError, host: str, port: int) -> str | None:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} of {host} is in use. Choose another with --port, or end the process that has it."
        case errno.EACCES:
            return f"port {port} may not be used by this user. Choose one above 1023 with --port."
        case errno.EADDRNOTAVAIL:
            return f"{host} is no address of this machine. Use 127.0.0.1, or 0.0.0.0 for all addresses."
        case errno.ENOTSUP:
            return os.strerror(errno.ENOTSUP) if not error.strerror else error.strerror
        case _:
            return f"{host} can't be resolved: {error.strerror}" if type(error).__name__ == "gaierror" else None
