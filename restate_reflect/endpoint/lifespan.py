"""Start-up and shut-down of the instances that serve."""

from __future__ import annotations

from contextlib import AsyncExitStack

from restate_reflect.endpoint.core import Core

__all__ = ["enter_services"]


async def enter_services(stack: AsyncExitStack, core: Core) -> None:
    """Enters every instance that is an asynchronous context manager; the stack leaves them in reverse."""
    for service in core.services.values():
        if hasattr(service.instance, "__aenter__") and hasattr(service.instance, "__aexit__"):
            await stack.enter_async_context(service.instance)
