"""The client's work, untyped: method to target, arguments to request, answer to result."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from restate_reflect.codecs import codec_for
from restate_reflect.identifiers import InvocationTarget
from restate_reflect.ingress._admin import AdminClient, chain_of
from restate_reflect.ingress._admin_data import moment
from restate_reflect.ingress._answers import NO_INVOCATION, NOT_READY, SECOND_RUN, Claimed, check, failure_of
from restate_reflect.ingress._errors import InvocationNotFoundError
from restate_reflect.ingress._invocations import NotReady, Output, Ready, SentInvocation
from restate_reflect.ingress._requests import (
    CallOptions,
    Request,
    call_request,
    completion_request,
    lookup_request,
    raw_request,
    result_request,
)
from restate_reflect.ingress._transport import Transport
from restate_reflect.reflection import TargetDirectory
from restate_reflect.reflection._targets import HandlerReference

if TYPE_CHECKING:  # loaded where there are some
    from restate_reflect.payloads import Chain

__all__ = ["RAW", "UNSET", "Operations"]

UNSET: Any = object()
"""Not given, as ``None`` is a type annotation too."""


def _unchanged(data: bytes) -> bytes:
    return data


RAW = _unchanged
"""Reads a result as the bytes that came."""


class Operations:
    """Carries out the verbs of one client, its scopes included."""

    def __init__(
        self,
        transport: Transport,
        directory: TargetDirectory,
        admin: AdminClient | None,
        payloads: Chain | Iterable[object] = (),
    ) -> None:
        self._payloads = chain_of(payloads)
        self._transport = transport
        self._directory = directory
        self._admin = admin

    async def call(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], options: CallOptions
    ) -> Any:
        target = self._directory.target(method)
        request = call_request(target, args, kwargs, options, send=False)
        body = await self._body(await self._encoded(request, target.service, target.handler), SECOND_RUN)
        return target.output.decode(await self._decoded(body))

    async def send(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], options: CallOptions
    ) -> SentInvocation[Any]:
        target = self._directory.target(method)
        request = call_request(target, args, kwargs, options, send=True)
        return self._sent(
            await self._body(await self._encoded(request, target.service, target.handler)), target.output.decode
        )

    async def call_raw(
        self, service: str, handler: str, body: bytes, content_type: str | None, options: CallOptions
    ) -> bytes:
        request = raw_request(service, handler, body, content_type, options, send=False)
        return await self._decoded(await self._body(await self._encoded(request, service, handler)))

    async def send_raw(
        self, service: str, handler: str, body: bytes, content_type: str | None, options: CallOptions
    ) -> SentInvocation[bytes]:
        request = raw_request(service, handler, body, content_type, options, send=True)
        return self._sent(await self._body(await self._encoded(request, service, handler)), RAW)

    async def attach_to(self, target: InvocationTarget, returns: Callable[[bytes], Any]) -> Any:
        answer = await self._transport.send(result_request(target, "attach"))
        if isinstance(failure_of(answer, NO_INVOCATION), InvocationNotFoundError):
            # Perhaps the handler's own words; asked for once more, its stored failure has an expiry time.
            answer = await self._transport.send(result_request(target, "output"))
        return returns(await self._decoded(check(answer, NO_INVOCATION).body))

    async def output_of(self, target: InvocationTarget, returns: Callable[[bytes], Any]) -> Output[Any]:
        answer = await self._transport.send(result_request(target, "output"))
        # A handler may fail with this code, too; then the answer names the invocation.
        if answer.status == NOT_READY and answer.headers.get("x-restate-error-source") != "invocation":
            return NotReady()
        return Ready(returns(await self._decoded(check(answer, NO_INVOCATION).body)))

    async def find_id(self, target: InvocationTarget) -> str:
        if isinstance(target, str):
            return target
        return str(from_json(await self._body(lookup_request(target)))["invocationId"])

    async def cancel_invocation(self, invocation_id: str) -> None:
        if self._admin is None:
            raise ValueError(
                "invocations are cancelled through the admin API, whose URL this client does not know: "
                "give it by Client(..., admin_url='http://127.0.0.1:9070')."
            )
        await self._admin.cancel(invocation_id)

    async def resolve_awakeable(self, id_: str, value: Any, type_: Any) -> None:
        codec = codec_for(type(value) if type_ is UNSET else type_)
        await self._body(completion_request(id_, "resolve", codec.encode(value), codec.content_type))

    async def reject_awakeable(self, id_: str, message: str) -> None:
        await self._body(completion_request(id_, "reject", message.encode(), "text/plain"))

    async def health(self) -> list[str]:
        names: list[str] = from_json(await self._body(Request("GET", "/restate/health", repeatable=True)))["services"]
        return sorted(names)

    def reader_of(self, returns: Any) -> Callable[[bytes], Any]:
        """``returns`` is a handler, whose output type counts, or a type."""
        if inspect.isroutine(returns) or isinstance(returns, HandlerReference):
            return self._directory.target(returns).output.decode
        return codec_for(returns).decode

    def workflow_of(self, method: Callable[..., Any]) -> tuple[str, Callable[[bytes], Any]]:
        """Name and output of a workflow's run handler."""
        target = self._directory.target(method)
        return target.service, target.output.decode

    async def _encoded(self, request: Request, service: str, handler: str) -> Request:
        """An empty body stays so: the server takes nothing else where a handler has no input."""
        if self._payloads is None or not request.body:
            return request
        from restate_reflect.payloads import Position

        position = Position("input", f"{service}/{handler}")
        return replace(request, body=await self._payloads.write(request.body, position, marked=True))

    async def _decoded(self, body: bytes) -> bytes:
        if self._payloads is None:
            return body
        from restate_reflect.payloads import Position

        return await self._payloads.read(body, Position("output"))

    async def _body(self, request: Request, claimed: Claimed = MappingProxyType({})) -> bytes:
        return check(await self._transport.send(request), claimed, repeatable=request.repeatable).body

    def _sent(self, body: bytes, returns: Callable[[bytes], Any]) -> SentInvocation[Any]:
        answer = from_json(body)
        time = answer.get("executionTime")
        return SentInvocation(
            self,
            answer["invocationId"],
            returns,
            is_new=answer.get("status") != "PreviouslyAccepted",
            # The server writes nanoseconds; datetime knows microseconds.
            execution_time=None if time is None else moment(time),
        )
