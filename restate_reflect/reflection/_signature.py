"""A method's signature: is its first parameter a context, and what do the other parameters and the result say?"""

from __future__ import annotations

import collections.abc
import inspect
import re
from collections.abc import Iterator
from typing import Any, NamedTuple, Never, NoReturn, get_args, get_origin

import typing_extensions
from pydantic.fields import FieldInfo

from restate_reflect.annotations import mentioned_names, signature_of
from restate_reflect.codecs import Codec, codec_for, held_to_the_law, is_codec, type_name
from restate_reflect.codecs._names import UnresolvedAlias, bare
from restate_reflect.definitions import InputDefinition, OutputDefinition, Parameter
from restate_reflect.errors import UnsupportedTypeError
from restate_reflect.generics import unbound_variables
from restate_reflect.reflection._contexts import CONTEXT_NAMES, ContextMisuse, ContextRule, classify
from restate_reflect.reflection._hints import Hints, UnresolvedAnnotation
from restate_reflect.reflection._input import UnfitInput, build_input
from restate_reflect.reflection._problems import Problems
from restate_reflect.reflection._scan import Binding, Method

__all__ = ["NotAHandler", "choose_codec", "read_input", "read_output", "role_of"]

_NEVER = (NoReturn, Never, typing_extensions.Never)
_AWAITABLES = (collections.abc.Awaitable, collections.abc.Coroutine)
_VARIADIC = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


class NotAHandler(NamedTuple):
    """The method is the class's own business."""

    reason: str
    mistake: str = ""
    """What is wrong, and the change, if it looks as if it were meant for a handler."""


def role_of(method: Method, hints: Hints) -> ContextRule | ContextMisuse | NotAHandler:
    """What the first parameter makes of the method."""
    if hints.broken:
        return _broken_role(method, hints.broken)
    parameters = _own_parameters(method)
    if parameters is None:
        return NotAHandler("it takes no self")
    if not parameters or parameters[0].kind in _VARIADIC:
        return NotAHandler("it takes no context")
    role = _role_by_first(parameters[0], hints)
    return role._replace(mistake=_mistake(parameters, hints)) if isinstance(role, NotAHandler) else role


def _mistake(parameters: list[inspect.Parameter], hints: Hints) -> str:
    for name, context in _contexts_behind(parameters[1:], hints):
        return f"the context '{name}' is not its first parameter. Write '{name}: {context}' right after self"
    if parameters[0].name == "ctx" and "ctx" not in hints:
        return "its first parameter 'ctx' has no annotation. Write 'ctx: Context', or another context"
    return ""


def _contexts_behind(parameters: list[inspect.Parameter], hints: Hints) -> Iterator[tuple[str, str]]:
    """Names of parameters that are annotated with a context, and of the context."""
    for parameter in parameters:
        if parameter.name in hints:
            try:
                role = classify(hints.resolve(parameter.name))
            except (UnresolvedAnnotation, UnresolvedAlias):
                continue
            if isinstance(role, ContextRule):
                yield parameter.name, role.context.__name__


def _role_by_first(first: inspect.Parameter, hints: Hints) -> ContextRule | ContextMisuse | NotAHandler:
    if first.name not in hints:
        return NotAHandler(f"its first parameter '{first.name}' has no annotation")
    try:
        return _role_by_annotation(first, hints.resolve(first.name))
    except (UnresolvedAnnotation, UnresolvedAlias) as error:
        return _unresolved_role(first.name, hints.shown(first.name), error)


def _role_by_annotation(first: inspect.Parameter, annotation: Any) -> ContextRule | ContextMisuse | NotAHandler:
    role = classify(annotation)
    if role is None:
        return NotAHandler(f"its first parameter '{first.name}' is {type_name(annotation)}, not a context")
    if isinstance(role, ContextRule) and first.kind is inspect.Parameter.KEYWORD_ONLY:
        what = f"the context '{first.name}' can only be passed by name."
        return ContextMisuse("context-keyword-only", what, f"Move '{first.name}' before the '*'.")
    return role


def _unresolved_role(name: str, written: str, error: Exception) -> ContextMisuse | NotAHandler:
    mentioned = [word for word in re.findall(r"\w+", written) if word in CONTEXT_NAMES]
    if not mentioned:
        return NotAHandler(f"its first parameter '{name}' can't be resolved ({error})")
    fix = f"Write 'from restate_reflect import {mentioned[0]}' outside of 'if TYPE_CHECKING:'."
    return ContextMisuse("context-unresolvable", f"parameter '{name}': {error}", fix)


def _broken_role(method: Method, why: str) -> ContextMisuse | NotAHandler:
    if not CONTEXT_NAMES.intersection(mentioned_names(method.innermost)):
        return NotAHandler(why)
    return ContextMisuse(
        "unresolvable-annotation", f"{why}.", "Write types, and quote an annotation as a whole: 'Order | None'."
    )


def _own_parameters(method: Method) -> list[inspect.Parameter] | None:
    """Without ``self`` or ``cls``; ``None`` when there is no place for it."""
    parameters = list(signature_of(method.function).parameters.values())
    if method.binding is Binding.STATIC:
        return parameters
    if not parameters or parameters[0].kind in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.KEYWORD_ONLY):
        return None
    if parameters[0].kind is inspect.Parameter.VAR_POSITIONAL:
        return parameters
    return parameters[1:]


def read_input(method: Method, hints: Hints, problems: Problems, option: Any) -> InputDefinition | None:
    """The parameters after the context; ``None`` when something is wrong with them, which is then reported."""
    before = len(problems.found)
    after_context = (_own_parameters(method) or [])[1:]
    parameters = [_read_parameter(method, hints, problems, parameter) for parameter in after_context]
    complete = tuple(parameter for parameter in parameters if parameter is not None)
    if len(problems.found) > before:
        return None
    try:
        return build_input(method.name, complete, lambda annotation: choose_codec(option, annotation))
    except UnfitInput as unfit:
        problems.at_method(method, unfit.code, str(unfit), unfit.fix)
        return None


def _read_parameter(method: Method, hints: Hints, problems: Problems, parameter: inspect.Parameter) -> Parameter | None:
    name = parameter.name
    if parameter.kind in _VARIADIC:
        what = f"parameter '{_VARIADIC[parameter.kind]}{name}' has no fixed shape."
        problems.at_method(method, "variadic-parameter", what, "Take a list, a dict or a model instead.")
        return None
    if name not in hints:
        what = f"parameter '{name}' has no annotation."
        fix = f"Write '{name}: <type>', or give the method no context if it is not a handler."
        problems.at_method(method, "param-unannotated", what, fix)
        return None
    if isinstance(parameter.default, FieldInfo):
        what = f"parameter '{name}' has a pydantic Field as its default, which a direct call would pass on."
        fix = f"Write '{name}: Annotated[..., Field(...)]', with the plain default after it."
        problems.at_method(method, "field-as-default", what, fix)
        return None
    annotation = _resolved(method, hints, problems, name, f"parameter '{name}'")
    return None if annotation is _FAILED else _parameter(parameter, annotation)


def _parameter(parameter: inspect.Parameter, annotation: Any) -> Parameter:
    required = parameter.default is inspect.Parameter.empty
    return Parameter(
        name=parameter.name,
        annotation=annotation,
        required=required,
        keyword_only=parameter.kind is inspect.Parameter.KEYWORD_ONLY,
        default=None if required else parameter.default,
    )


_FAILED: Any = object()


def _resolved(method: Method, hints: Hints, problems: Problems, name: str, subject: str) -> Any:
    try:
        annotation = hints.resolve(name)
    except UnresolvedAnnotation as error:
        problems.at_method(method, "unresolvable-annotation", f"{subject}: {error}", error.fix)
        return _FAILED
    if variables := unbound_variables(annotation):
        what = f"{subject}: the type variable {', '.join(variables)} is not bound to a type."
        fix = f"Bind it in a subclass, such as class Users({method.owner.__name__}[User]), and reflect that."
        problems.at_method(method, "unbound-typevar", what, fix)
        return _FAILED
    return annotation


def read_output(method: Method, hints: Hints, problems: Problems, option: Any) -> tuple[OutputDefinition, bool] | None:
    """The result, and whether it must be awaited; ``None`` when something is wrong, which is then reported."""
    if inspect.isasyncgenfunction(method.innermost) or inspect.isgeneratorfunction(method.innermost):
        what = "it is a generator; a handler has one result."
        problems.at_method(method, "generator", what, "Return a list, or send each item to another handler.")
        return None
    if "return" not in hints:
        problems.at_method(
            method, "return-unannotated", "the result has no annotation.", "Write '-> None' or its type."
        )
        return None
    annotation = _resolved(method, hints, problems, "return", "the result")
    if annotation is _FAILED:
        return None
    annotation, awaited = _awaited(annotation, method.is_async)
    return _output(method, problems, option, annotation, awaited)


def _awaited(annotation: Any, is_async: bool) -> tuple[Any, bool]:
    """A plain ``def`` may return an awaitable, as methods of protocols do."""
    try:
        plain = bare(annotation)
    except UnresolvedAlias:  # its codec tells
        return annotation, is_async
    if not is_async and get_origin(plain) in _AWAITABLES:
        return get_args(plain)[-1], True
    return annotation, is_async


def _output(
    method: Method, problems: Problems, option: Any, annotation: Any, awaited: bool
) -> tuple[OutputDefinition, bool] | None:
    if annotation in (None, type(None)) or annotation in _NEVER:
        return OutputDefinition(annotation=type(None), codec=None), awaited
    try:
        return OutputDefinition(annotation=annotation, codec=choose_codec(option, annotation)), awaited
    except UnsupportedTypeError as error:
        what = f"the result has the type {type_name(error.annotation)}: {error.why}"
        problems.at_method(method, "return-unschemable", what, error.fix)
        return None


def choose_codec(option: Any, annotation: Any) -> Codec[Any]:
    """The codec given by an option (itself, or made from the type), or the one chosen by type."""
    if option is None:
        return codec_for(annotation)
    codec = option if is_codec(option) else option(annotation)
    if not is_codec(codec):
        raise UnsupportedTypeError(annotation, f"the codec option made {codec!r} of it.", "Return a Codec from it.")
    return held_to_the_law(codec)
