"""The library's types in payloads, by its own adapters."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias

from pydantic import TypeAdapter
from pydantic_ai.messages import InstructionPart, ModelMessage, ModelMessagesTypeAdapter

from restate_reflect.agents.adapters import AdapterCodec
from restate_reflect.agents.outcomes import result_type

__all__ = ["INSTRUCTIONS", "MESSAGES", "Instructions", "Messages", "declared_result"]

MESSAGES: Final = AdapterCodec(ModelMessagesTypeAdapter)

Messages: TypeAlias = Annotated[list[ModelMessage], MESSAGES]
"""A conversation, for declared state, arguments and results: ``history = State[Messages](default=[])``."""

INSTRUCTIONS: Final[AdapterCodec[Any]] = AdapterCodec(
    TypeAdapter(InstructionPart | list[InstructionPart | str] | str | None)
)
Instructions: TypeAlias = Annotated[Any, INSTRUCTIONS]
"""What a toolset tells a model of itself."""


def declared_result(function: Any) -> Any:
    """What a tool's function returns; classes of the library (``BinaryContent``, ``ToolReturn``) by its adapter."""
    declared = result_type(function)
    if isinstance(declared, type) and declared.__module__.startswith("pydantic_ai."):
        return Annotated[declared, AdapterCodec(TypeAdapter(declared))]
    return declared
