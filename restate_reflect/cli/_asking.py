"""Commands that ask a server once, over the ingress or the admin API."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from restate_reflect.cli._errors import UNREACHABLE, Explain, Explained, plain_errors
from restate_reflect.errors import RestateReflectError

if TYPE_CHECKING:
    from restate_reflect.ingress import AdminClient, Client

__all__ = ["ask_admin", "ask_ingress"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of server, in the words of our options."""

    name: str
    option: str
    variable: str
    port: int


_INGRESS: Final = _Kind("ingress", "--ingress", "RESTATE_INGRESS_URL", 8080)
_ADMIN: Final = _Kind("admin API", "--admin", "RESTATE_ADMIN_URL", 9070)


def ask_admin(
    url: str,
    as_json: bool,
    work: Callable[[AdminClient], Awaitable[T]],
    explain: Explain = lambda error: None,
    *,
    payloads: str | None = None,
) -> T:
    """Runs ``work`` with a client; errors end the program with a message and an exit code.

    One attempt: whoever sits at a terminal sees at once that no server is there.
    """
    import asyncio

    from restate_reflect.ingress import AdminClient
    from restate_reflect.options import RetryPolicy
    from restate_reflect.targets.payloads import load_payloads

    async def main() -> T:
        chain = load_payloads(payloads)
        async with AdminClient(url, retry=RetryPolicy(max_attempts=1), payloads=chain or ()) as admin:
            return await work(admin)

    with plain_errors(as_json=as_json, explain=lambda error: explain(error) or _explained(error, _ADMIN, url)):
        return asyncio.run(main())


def ask_ingress(
    urls: tuple[str, ...],
    timeout: float | None,
    as_json: bool,
    work: Callable[[Client], Awaitable[T]],
    explain: Explain,
    *,
    payloads: str | None = None,
) -> T:
    """The same over the ingress; ``explain`` has words for what the handler or the server refused."""
    import asyncio

    from restate_reflect.ingress import Client
    from restate_reflect.options import RetryPolicy
    from restate_reflect.targets.payloads import load_payloads

    async def main() -> T:
        once, chain = RetryPolicy(max_attempts=1), load_payloads(payloads)
        async with Client(urls, timeout=timeout, retry=once, payloads=chain or ()) as client:
            return await work(client)

    shown = ", ".join(urls)
    with plain_errors(as_json=as_json, explain=lambda error: _explained(error, _INGRESS, shown) or explain(error)):
        return asyncio.run(main())


def _explained(error: RestateReflectError, kind: _Kind, url: str) -> Explained | None:
    where = f"{kind.option} URL or {kind.variable} names another (port {kind.port} by default)."
    if (reason := _no_connection(error)) is not None:
        return Explained(
            f"no {kind.name} answers at {url}: {reason}.",
            f"Is a server running? `restate-reflect dev` runs one together with your services; {where}",
        )
    if type(error).__name__ == "NotAnIngressError" or _is_another_api(error):
        return Explained(f"there is a server at {url}, but it is not the {kind.name}; {where}", code=UNREACHABLE)
    if (status := getattr(error, "status", None)) is not None and f": {status} " in str(error):
        # "PATCH http://…: 409 The invocation …": the request says little to somebody who has typed a command.
        return Explained(str(error).partition(f": {status} ")[2])
    return None


def _no_connection(error: BaseException) -> str | None:
    """Why no connection could be made, without the client library's own words."""
    chain = [error, error.__cause__, getattr(error.__cause__, "__cause__", None)]
    if not any(type(each).__name__ == "ConnectError" for each in chain):
        return None
    cause = chain[-1] or error.__cause__
    number, text = getattr(cause, "errno", None), getattr(cause, "strerror", None) or str(cause)
    # Of a failed look-up the number is negative, and none that the system has words for.
    return os.strerror(number).lower() if isinstance(number, int) and number > 0 else str(text)


def _is_another_api(error: RestateReflectError) -> bool:
    """The ingress takes the path for that of a service (400), others don't know it, or answer no JSON."""
    text = str(error)
    signs = ("400 bad path", "/query: 404 ", "/query: 405 ", "answered no JSON")
    return "AdminError" in {base.__name__ for base in type(error).__mro__} and any(sign in text for sign in signs)
