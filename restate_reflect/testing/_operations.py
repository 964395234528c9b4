"""The client's verbs carried out on an embedded runtime."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast

from restate_reflect.codecs import codec_for
from restate_reflect.embedded import InvocationNotFoundError as UnknownInvocation
from restate_reflect.embedded import Outcome, Runtime, UnknownHandlerError
from restate_reflect.embedded.deployments.rules import RuleError
from restate_reflect.embedded.errors import WrongKeyError
from restate_reflect.embedded.kernel.lifecycle import ALREADY_INVOKED
from restate_reflect.embedded.kernel.scopes import ScopeError
from restate_reflect.identifiers import InvocationTarget
from restate_reflect.ingress import (
    AlreadyInvokedError,
    BadRequestError,
    HandlerNotFoundError,
    InvocationNotFoundError,
    ServiceError,
)
from restate_reflect.ingress._invocations import NotReady, Output, Ready, SentInvocation
from restate_reflect.ingress._operations import RAW
from restate_reflect.ingress._requests import CallOptions, call_request, given_headers, raw_request
from restate_reflect.payloads import Chain
from restate_reflect.reflection import CallTarget, TargetDirectory
from restate_reflect.testing._payloads import plain_outputs
from restate_reflect.testing._watch import Watch

__all__ = ["RuntimeOperations"]


class RuntimeOperations:
    """Implements ``VerbOperations`` and ``InvocationOperations`` without a network; errors are the client's."""

    def __init__(self, runtime: Runtime, directory: TargetDirectory, payloads: Chain | None = None) -> None:
        self._runtime = runtime
        self._payloads = payloads
        self._directory = directory
        self.watch = Watch()

    async def call(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], options: CallOptions
    ) -> Any:
        target = self._directory.target(method)
        body = call_request(target, args, kwargs, options, send=False).body  # refuses what no client can send
        return await self._call(target.service, target.handler, body, options, target.output.decode)

    async def send(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], options: CallOptions
    ) -> SentInvocation[Any]:
        target = self._directory.target(method)
        body = call_request(target, args, kwargs, options, send=True).body
        return self._send(target.service, target.handler, body, options, target.output.decode)

    async def call_raw(
        self, service: str, handler: str, body: bytes, content_type: str | None, options: CallOptions
    ) -> bytes:
        self._check_content_type(service, handler, body, content_type)
        raw_request(service, handler, body, content_type, options, send=False)
        return cast("bytes", await self._call(service, handler, body, options, RAW))

    async def send_raw(
        self, service: str, handler: str, body: bytes, content_type: str | None, options: CallOptions
    ) -> SentInvocation[bytes]:
        self._check_content_type(service, handler, body, content_type)
        raw_request(service, handler, body, content_type, options, send=True)
        return self._send(service, handler, body, options, RAW)

    def _check_content_type(self, service: str, handler: str, body: bytes, content_type: str | None) -> None:
        """As the ingress does, by the handler's manifest."""
        info = self._runtime.kernel.catalog.handler(service, handler)
        if info is None:
            return  # said better by the runtime
        try:
            info.input.check(content_type if body else None, body)
        except RuleError as error:
            raise BadRequestError(f"input validation error: {error}", 400) from None

    async def _call(
        self, service: str, handler: str, body: bytes, options: CallOptions, returns: Callable[[bytes], Any]
    ) -> Any:
        request = self._runtime.invoke(
            service,
            handler,
            body,
            key=options.key,
            idempotency_key=options.idempotency_key,
            headers=given_headers(options),
            scope=options.scope,
            limit_key=options.limit_key,
        )
        with _client_errors():
            return await self._result(request, returns)

    def _send(
        self, service: str, handler: str, body: bytes, options: CallOptions, returns: Callable[[bytes], Any]
    ) -> SentInvocation[Any]:
        with _client_errors():
            submission = self._runtime.send(
                service,
                handler,
                body,
                key=options.key,
                idempotency_key=options.idempotency_key,
                headers=given_headers(options),
                delay=options.delay,
                scope=options.scope,
                limit_key=options.limit_key,
            )
        time = submission.invocation.execution_time
        return SentInvocation(
            self,
            submission.invocation.id,
            returns,
            is_new=submission.is_new,
            execution_time=None if time is None else datetime.fromtimestamp(time / 1000, UTC),
        )

    def target(self, method: Callable[..., Any]) -> CallTarget:
        return self._directory.target(method)

    # ------------------------------------------------------------ invocations

    async def attach_to(self, target: InvocationTarget, returns: Callable[[bytes], Any]) -> Any:
        self.watch.reraise(self._runtime.invocation_id(target))
        return await self._result(self._runtime.attach(target), returns)

    async def output_of(self, target: InvocationTarget, returns: Callable[[bytes], Any]) -> Output[Any]:
        self.watch.reraise(self._runtime.invocation_id(target))
        try:
            outcome = self._runtime.output(target)
        except UnknownInvocation as error:
            raise InvocationNotFoundError(str(error), 404) from None
        return NotReady() if outcome is None else Ready(_read(outcome, plain_outputs(self._payloads, returns)))

    async def _result(self, request: Awaitable[Outcome], returns: Callable[[bytes], Any]) -> Any:
        try:
            return _read(await self.watch.wait(request), plain_outputs(self._payloads, returns))
        except UnknownInvocation as error:
            raise InvocationNotFoundError(str(error), 404) from None

    async def find_id(self, target: InvocationTarget) -> str:
        return self._runtime.invocation_id(target)

    async def cancel_invocation(self, invocation_id: str) -> None:
        self._runtime.cancel(invocation_id)

    def reader_of(self, returns: Any) -> Callable[[bytes], Any]:
        """``returns`` is a handler, whose output type counts, or a type."""
        return self.target(returns).output.decode if inspect.isroutine(returns) else codec_for(returns).decode


@contextmanager
def _client_errors() -> Iterator[None]:
    """The runtime's refusals as those that a client gets over the ingress."""
    try:
        yield
    except WrongKeyError as error:
        raise BadRequestError(str(error), 400) from None
    except UnknownHandlerError as error:
        raise HandlerNotFoundError(str(error), 404) from None
    except ScopeError as error:
        raise BadRequestError(error.to_callers, 400) from None


def _read(outcome: Outcome, decode: Callable[[bytes], Any]) -> Any:
    failure = outcome.failure
    if failure is None:
        return decode(outcome.unwrap())
    if failure == ALREADY_INVOKED.to_error():
        raise AlreadyInvokedError(failure.message, failure.code)
    raise ServiceError(
        failure.message, failure.code, metadata=failure.metadata, invocation_id=outcome.invocation_id
    ) from None
