"""``restate-reflect call``, ``send``, ``attach`` and ``output``: a client without a program."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from restate_reflect.cli import _completing, _hints
from restate_reflect.cli._address import parse_address, parse_delay, parse_invocation, read_body, shown
from restate_reflect.cli._asking import ask_ingress
from restate_reflect.cli._errors import NOT_READY
from restate_reflect.cli._numbers import TakesNumbers
from restate_reflect.cli._options import (
    headers_of,
    ingress_option,
    json_option,
    payloads_option,
    print_json,
    timeout_option,
)
from restate_reflect.cli._terminal import say, show_result

if TYPE_CHECKING:
    from restate_reflect.ingress import Client

__all__ = ["attach", "call", "output", "send"]

F = TypeVar("F", bound=Callable[..., Any])


def _request_options(function: F) -> F:
    for option in (
        click.argument("handler", metavar="HANDLER", shell_complete=_completing.handlers),
        click.argument("body", required=False),
        click.option(
            "-H",
            "--header",
            "headers",
            multiple=True,
            metavar="'NAME: VALUE'",
            help="Sent with the request; may be repeated.",
        ),
        click.option("--idempotency-key", metavar="KEY", help="A second request with it gets the first one's answer."),
        click.option("--content-type", metavar="TYPE", help="Of BODY; application/json if it is not given."),
        timeout_option,
        ingress_option,
        payloads_option,
        json_option,
    )[::-1]:
        function = option(function)
    return function


def _invocation_options(function: F) -> F:
    for option in (
        click.argument("invocation", metavar="INVOCATION", shell_complete=_completing.invocations),
        click.option("--idempotency-key", metavar="KEY", help="The one that was given to `call` or `send`."),
        timeout_option,
        ingress_option,
        payloads_option,
        json_option,
    )[::-1]:
        function = option(function)
    return function


@click.command("call", cls=TakesNumbers)
@_request_options
def call(
    handler: str,
    body: str | None,
    headers: tuple[str, ...],
    idempotency_key: str | None,
    content_type: str | None,
    timeout: float | None,
    ingress_urls: tuple[str, ...],
    payloads: str | None,
    as_json: bool,
) -> None:
    """Call HANDLER and print its result.

    HANDLER is Service/handler, or Object/key/handler, as in Counter/a/add. BODY is JSON; a word
    that is no JSON is sent as a string, @FILE is the content of a file, - is stdin.

    Waits as long as the handler takes; a terminal failure is exit code 3.

    \b
    restate-reflect call Greeter/greet Ada
    restate-reflect call Counter/my-key/add 5
    restate-reflect call Checkout/submit '{"sku": "tea", "qty": 2}'
    """
    address, given, sent = parse_address(handler), read_body(body, content_type), headers_of(headers)

    async def work(client: Client) -> bytes:
        return await client.call_raw(
            address.service,
            address.handler,
            given.data,
            key=address.key,
            idempotency_key=idempotency_key,
            headers=sent,
            content_type=given.content_type,
        )

    explain = _hints.of_handler(address, handler, timeout)
    _print_result(ask_ingress(ingress_urls, timeout, as_json, work, explain, payloads=payloads), as_json)


@click.command("send", cls=TakesNumbers)
@_request_options
@click.option("--delay", metavar="TIME", help="Start after that long: 30s, 2h30m, 3d.")
def send(
    handler: str,
    body: str | None,
    headers: tuple[str, ...],
    idempotency_key: str | None,
    content_type: str | None,
    timeout: float | None,
    ingress_urls: tuple[str, ...],
    payloads: str | None,
    as_json: bool,
    delay: str | None,
) -> None:
    """Start HANDLER without waiting, and print the invocation id.

    HANDLER and BODY are as for `call`. `attach` and `output` take the id.

    \b
    restate-reflect send Mailer/remind @reminder.json --delay 2h30m
    """
    address, given, sent = parse_address(handler), read_body(body, content_type), headers_of(headers)
    wait = parse_delay(delay)

    async def work(client: Client) -> dict[str, Any]:
        accepted = await client.send_raw(
            address.service,
            address.handler,
            given.data,
            key=address.key,
            delay=wait,
            idempotency_key=idempotency_key,
            headers=sent,
            content_type=given.content_type,
        )
        time = accepted.execution_time
        answer: dict[str, Any] = {"invocation_id": accepted.id, "is_new": accepted.is_new}
        return answer | ({} if time is None else {"execution_time": time.isoformat()})

    explain = _hints.of_handler(address, handler, timeout)
    answer = ask_ingress(ingress_urls, timeout, as_json, work, explain, payloads=payloads)
    if as_json:
        print_json(answer)
        return
    say(answer["invocation_id"])
    if not answer["is_new"]:
        say(f"{handler} had been started before by such a request; nothing new was", err=True)


@click.command("attach")
@_invocation_options
def attach(
    invocation: str,
    idempotency_key: str | None,
    timeout: float | None,
    ingress_urls: tuple[str, ...],
    payloads: str | None,
    as_json: bool,
) -> None:
    """Wait for an invocation and print its result.

    INVOCATION is an id (inv_…), or Workflow/key; with --idempotency-key it is the HANDLER that was called.
    """
    target = parse_invocation(invocation, idempotency_key)

    async def work(client: Client) -> bytes:
        return await client.invocation(target, bytes).attach()

    explain = _hints.of_invocation(invocation, timeout)
    _print_result(ask_ingress(ingress_urls, timeout, as_json, work, explain, payloads=payloads), as_json)


@click.command("output")
@_invocation_options
def output(
    invocation: str,
    idempotency_key: str | None,
    timeout: float | None,
    ingress_urls: tuple[str, ...],
    payloads: str | None,
    as_json: bool,
) -> None:
    """Print the result of an invocation if it has one; exit code 5 if it has none yet.

    INVOCATION is an id (inv_…), or Workflow/key; with --idempotency-key it is the HANDLER that was called.
    """
    target = parse_invocation(invocation, idempotency_key)

    async def work(client: Client) -> bytes | None:
        found = await client.invocation(target, bytes).output()
        return found.value if found else None

    explain = _hints.of_invocation(invocation, timeout)
    result = ask_ingress(ingress_urls, timeout, as_json, work, explain, payloads=payloads)
    if result is not None:
        _print_result(result, as_json)
        return
    if as_json:
        print_json({"ready": False})
    else:
        say(f"{invocation} has no result yet; `attach` waits for it", err=True)
    raise SystemExit(NOT_READY)


def _print_result(result: bytes, as_json: bool) -> None:
    """Text with a newline after it; bytes as they are, for a file or a pipe."""
    if as_json:
        print_json({"result": shown(result)})
        return
    show_result(result)
