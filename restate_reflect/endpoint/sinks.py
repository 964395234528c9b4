"""Sinks for transports whose writing is asynchronous."""

from __future__ import annotations

import asyncio

__all__ = ["QueueSink"]


class QueueSink:
    """Keeps an attempt's output until it can be written."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._ended = False
        self._news = asyncio.Event()

    def write(self, data: bytes, *, end: bool) -> None:
        self._chunks.append(data)
        self._ended = end
        self._news.set()

    def close(self) -> None:
        """Nothing more will come: the connection is gone."""
        self._ended = True
        self._news.set()

    async def next(self) -> bytes | None:
        """What was written since the last call; ``None`` after the end."""
        await self._news.wait()
        if not self._chunks and self._ended:
            return None
        if not self._ended:
            self._news.clear()
        data = b"".join(self._chunks)
        self._chunks.clear()
        return data
