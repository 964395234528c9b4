"""Handlers of other services as tools: the schema that a model is shown, and the call it asks for."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from restate_reflect.codecs import codec_for
from restate_reflect.context import current_context
from restate_reflect.definitions import Arguments, InputStyle
from restate_reflect.errors import DecodeError, HandlerBugError
from restate_reflect.reflection import CallTarget, TargetDirectory

__all__ = ["BadArguments", "HandlerTool", "handler_tool"]

_KEY: Final = {"type": "string", "description": "Which one."}


class BadArguments(Exception):
    """What a model gave does not fit the handler; the text is for the model."""


@dataclass(frozen=True, slots=True)
class HandlerTool:
    """A handler that a model may call. Made by ``handler_tool``; each library's module has a function that takes it."""

    method: Callable[..., Any]
    name: str
    description: str
    schema: dict[str, Any]
    """JSON Schema of an object: the handler's parameters, and ``key`` if the model chooses it."""
    target: CallTarget
    key: str | None = None

    async def call(self, arguments: Mapping[str, Any]) -> Any:
        """Calls the handler, durably, and returns its result as JSON has it.

        Raises:
            BadArguments: They do not fit the schema.
            TerminalError: The handler failed.
        """
        given = dict(arguments)
        key = self.key
        if self.target.kind.keyed and key is None:
            key = given.pop("key", None)
            if not isinstance(key, str):
                raise BadArguments(f"{self.name}: 'key' must be a string")
        args, kwargs = self._read(given)
        ctx: Any = current_context()
        result = await ctx.target(self.method, key=key).call(*args, **kwargs)
        return self._plain(result)

    def _read(self, given: dict[str, Any]) -> Arguments:
        expected = self.target.input
        if expected.style is InputStyle.EMPTY or not (given or expected.required):
            return (), {}
        place: str = self.name
        value: Any = given
        if expected.style is InputStyle.VALUE:
            place, value = f"{self.name}: {expected.parameters[0].name}", given.get(expected.parameters[0].name)
        try:
            return expected.decode(json.dumps(value).encode())
        except DecodeError as error:
            raise BadArguments(f"{place}: {error}") from error

    def _plain(self, result: Any) -> Any:
        output = self.target.output
        return None if output.codec is None else json.loads(output.encode(result))


def handler_tool(
    method: Callable[..., Any], *, key: str | None = None, name: str | None = None, description: str | None = None
) -> HandlerTool:
    """A handler as a tool, with the schema that reflection has read: ``handler_tool(Inventory.reserve)``.

    Args:
        method: As ``ctx.call`` takes it.
        key: Of the virtual object or workflow. Without it the model has to give one, as the parameter ``key``.
        name: That the model sees; the handler's name otherwise.
        description: Likewise; the docstring otherwise.

    Raises:
        HandlerBugError: It is no handler, does not speak JSON, or is given a key and has none.
    """
    target = TargetDirectory().target(method)
    place = f"{target.service}.{target.handler}"
    if key is not None and not target.kind.keyed:
        raise HandlerBugError(f"handler_tool({place}, key={key!r}): a service has no key. Leave it out.")
    for codec in (target.input.codec, target.output.codec):
        if codec is not None and codec.content_type != "application/json":
            raise HandlerBugError(
                f"handler_tool({place}): it speaks {codec.content_type}, and a model speaks JSON. Write a tool that"
                " calls it."
            )
    described = description or inspect.getdoc(method) or place
    return HandlerTool(method, name or target.handler, described, _schema(target, key, place), target, key)


def _schema(target: CallTarget, key: str | None, place: str) -> dict[str, Any]:
    schema = _parameters(target)
    if not target.kind.keyed or key is not None:
        return schema
    if "key" in schema["properties"]:
        raise HandlerBugError(
            f"handler_tool({place}): it has a parameter 'key' of its own. Give the object's key here."
        )
    return {**schema, "properties": {"key": _KEY, **schema["properties"]}, "required": ["key", *schema["required"]]}


def _parameters(target: CallTarget) -> dict[str, Any]:
    """An object with a property for each parameter."""
    given = target.input
    empty: dict[str, Any] = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    if given.style is InputStyle.EMPTY:
        return empty
    if given.style is InputStyle.FIELDS:
        return {**empty, **(given.json_schema() or {})}
    (parameter,) = given.parameters
    schema = dict(codec_for(parameter.annotation).json_schema("validation") or {})
    definitions = {"$defs": schema.pop("$defs")} if "$defs" in schema else {}
    required = [parameter.name] if parameter.required else []
    return {**empty, **definitions, "properties": {parameter.name: schema}, "required": required}
