"""The reading of one class, step by step."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

from restate_reflect.definitions import HandlerDefinition, ServiceDefinition, SkippedMethod
from restate_reflect.errors import Problem
from restate_reflect.generics import bindings_of
from restate_reflect.options import HandlerOptions, ServiceOptions
from restate_reflect.reflection._checks import (
    Candidate,
    check_kinds,
    check_names,
    check_run,
    check_unknown,
    report_no_handlers,
)
from restate_reflect.reflection._clashes import report_clashes
from restate_reflect.reflection._construct import construct, report_unconstructible
from restate_reflect.reflection._contexts import ContextMisuse, ContextRule
from restate_reflect.reflection._decorators import HandlerMark, handler_mark, service_mark
from restate_reflect.reflection._documentation import class_documentation, method_documentation
from restate_reflect.reflection._hints import Hints
from restate_reflect.reflection._naming import service_name_faults
from restate_reflect.reflection._options import combine, handler_faults, service_faults
from restate_reflect.reflection._problems import Problems, source_of_class, source_of_function
from restate_reflect.reflection._scan import Method, scan
from restate_reflect.reflection._signature import NotAHandler, read_input, read_output, role_of

__all__ = ["Reading", "Request"]


class Request(NamedTuple):
    """What the caller of ``reflect`` asked for."""

    name: str | None = None
    handlers: Mapping[str, HandlerOptions] = MappingProxyType({})
    options: Mapping[str, Any] = MappingProxyType({})
    interface: bool = False
    """For callers only: nothing is constructed, and no instance is kept."""


class Reading:
    """Reads one class. ``instance`` is ``None`` when it has to be constructed."""

    def __init__(self, cls: type, arguments: tuple[Any, ...], instance: Any, request: Request) -> None:
        self._cls = cls
        self._made_by: Any = types.GenericAlias(cls, arguments) if arguments else cls
        self._instance = instance
        self._request = request
        self._problems = Problems(cls)
        self._bindings = bindings_of(cls, arguments)
        mark = service_mark(cls)
        self._options = combine(combine(ServiceOptions(), mark.options), request.options)
        named = getattr(cls if instance is None else instance, "__restate_name__", None)
        self._name: str = request.name or mark.name or named or cls.__name__

    def result(self) -> tuple[ServiceDefinition | None, list[Problem]]:
        """The definition, or the problems."""
        candidates, skipped = self._candidates()
        self._check(candidates, skipped)
        handlers = [handler for candidate in candidates if (handler := self._handler(candidate))]
        instance = self._instance_or_new()
        if self._problems.found:
            return None, self._problems.found
        return self._definition(candidates[0].rule, handlers, skipped, instance), []

    def _candidates(self) -> tuple[list[Candidate], list[SkippedMethod]]:
        methods, skipped = scan(self._cls)
        candidates: list[Candidate] = []
        for method in methods:
            hints = Hints(method, self._bindings)
            match role_of(method, hints):
                case ContextRule() as rule:
                    candidates.append(self._candidate(method, hints, rule))
                case ContextMisuse() as misuse:
                    self._problems.at_method(method, misuse.code, misuse.what, misuse.fix)
                case NotAHandler(reason, mistake):
                    self._skip(method, reason, mistake, skipped)
        return candidates, skipped

    def _skip(self, method: Method, reason: str, mistake: str, skipped: list[SkippedMethod]) -> None:
        if handler_mark(method.function) is None:
            told = mistake and (
                f"{method.qualified_name} ({source_of_function(method.innermost)}) is no handler: {mistake};"
                f" a method that is not meant for one is better named '_{method.name}'."
            )
            skipped.append(SkippedMethod(method.name, reason, told))
            return
        what = f"it is marked with @handler, but {reason}."
        fix = "Make a context such as 'ctx: Context' the first parameter, or remove @handler."
        self._problems.at_method(method, "handler-without-context", what, fix)

    def _candidate(self, method: Method, hints: Hints, rule: ContextRule) -> Candidate:
        mark = handler_mark(method.function) or HandlerMark()
        name = mark.name or method.name
        options = combine(HandlerOptions(), mark.options)
        for key in dict.fromkeys((method.name, name)):
            options = combine(options, self._request.handlers.get(key, {}))
        return Candidate(method, hints, rule, name, options)

    def _check(self, candidates: list[Candidate], skipped: list[SkippedMethod]) -> None:
        for fault in service_name_faults(self._name):
            self._problems.at_class(*fault)
        if not candidates:
            report_no_handlers(skipped, self._problems)
            return
        for fault in service_faults(self._options, candidates[0].rule.service):
            self._problems.at_class(*fault)
        check_unknown(self._request.handlers, candidates, self._problems)
        check_kinds(candidates, self._problems)
        check_run(candidates, self._problems, may_be_missing=self._request.interface)
        check_names(candidates, self._problems)
        report_clashes([candidate.method for candidate in candidates], self._problems)

    def _handler(self, candidate: Candidate) -> HandlerDefinition | None:
        """Without ``call``, as there may be no instance yet."""
        method, options, service = candidate.method, candidate.options, self._options
        if not self._options_fit(candidate):
            return None
        received = read_input(method, candidate.hints, self._problems, options.input_codec or service.input_codec)
        output = read_output(method, candidate.hints, self._problems, options.output_codec or service.output_codec)
        if received is None or output is None:
            return None
        return HandlerDefinition(
            name=candidate.name,
            method=method.name,
            kind=candidate.rule.handler,
            function=method.function,
            call=None,
            is_async=output[1],
            input=received,
            output=output[0],
            options=options,
            documentation=method_documentation(self._cls, method.name, method.function),
            source=source_of_function(method.innermost),
            qualified_name=method.qualified_name,
        )

    def _options_fit(self, candidate: Candidate) -> bool:
        """Whether its codecs can be used; other faults are reported as well."""
        rule, options = candidate.rule, candidate.options
        faults = list(handler_faults(options, rule.service, rule.handler))
        if self._options.ingress_private and options.ingress_private is False:
            what = "ingress_private=False in a service that is private, which the server refuses."
            faults.append(("option-kind", what, "Make the service public and the other handlers private."))
        for fault in faults:
            self._problems.at_method(candidate.method, *fault)
        of_service = service_faults(self._options, rule.service)
        return not any(code == "bad-codec" for code, _, _ in (*faults, *of_service))

    def _instance_or_new(self) -> Any:
        if self._request.interface:
            return None
        if self._instance is not None:
            return self._instance
        if report_unconstructible(self._cls, self._problems) or self._problems.found:
            return None  # constructors may have effects; none is called for a class that can't be served
        return construct(self._made_by, self._problems)

    def _definition(
        self, rule: ContextRule, handlers: list[HandlerDefinition], skipped: list[SkippedMethod], instance: Any
    ) -> ServiceDefinition:
        if instance is not None:
            handlers = [replace(handler, call=getattr(instance, handler.method)) for handler in handlers]
        return ServiceDefinition(
            name=self._name,
            kind=rule.service,
            handlers=MappingProxyType({handler.name: handler for handler in handlers}),
            options=self._options,
            documentation=class_documentation(self._cls),
            cls=self._cls,
            instance=instance,
            source=source_of_class(self._cls),
            skipped=tuple(skipped),
        )
