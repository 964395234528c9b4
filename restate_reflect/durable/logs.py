"""``ctx.log``: silent while the journal is replayed."""

from __future__ import annotations

import logging
from typing import Any

from restate_reflect.engine.machine import Engine

__all__ = ["ReplayAwareLogger"]


class ReplayAwareLogger(logging.LoggerAdapter[logging.Logger]):
    """Logs to ``restate_reflect.handlers.<Service>``, with the invocation id, each line once."""

    def __init__(self, service: str, handler: str, key: str, invocation_id: str, engine: Engine) -> None:
        logger = logging.getLogger(f"restate_reflect.handlers.{service}")
        marks = {"service": service, "handler": handler, "key": key, "invocation_id": invocation_id}
        super().__init__(logger, marks)
        self._engine = engine

    def isEnabledFor(self, level: int) -> bool:
        return not self._engine.is_replaying and self.logger.isEnabledFor(level)

    def process(self, msg: Any, kwargs: Any) -> tuple[Any, Any]:
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs
