"""A debugger's client, as an editor is one: the Debug Adapter Protocol, spoken to debugpy."""

from __future__ import annotations

import json
import queue
import re
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["DEADLINE", "Editor", "Session"]

DEADLINE = 240.0
"""Seconds. A process with debugpy begins in two, and in fifty where ten others want each core."""

Message = dict[str, Any]


class Session:
    """One process that is debugged."""

    def __init__(self, port: int, begin: str, configuration: Message, on_event: Callable[[Message], None]) -> None:
        """``begin`` is ``attach`` or ``launch``."""
        self._socket = _connected(port)
        self._file = self._socket.makefile("rb")
        self._number = 0
        self._writing = threading.Lock()
        self._answers: dict[int, queue.Queue[Message]] = {}
        self._on_event = on_event
        self.initialized = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.ask("initialize", adapterID="test", clientID="test")
        # It answers when the configuration is done.
        self._beginning = self.begin(begin, **configuration)

    def configure(self, file: Path, lines: list[int]) -> None:
        """Breakpoints; the process goes on, or begins."""
        assert self.initialized.wait(DEADLINE)
        self.ask("setBreakpoints", source={"path": str(file)}, breakpoints=[{"line": line} for line in lines])
        self.ask("configurationDone")
        _answer(self._beginning)

    def begin(self, command: str, **arguments: Any) -> queue.Queue[Message]:
        with self._writing:
            self._number += 1
            answer = self._answers[self._number] = queue.Queue()
            body = {"seq": self._number, "type": "request", "command": command, "arguments": arguments}
            data = json.dumps(body).encode()
            self._socket.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(data), data))
        return answer

    def ask(self, command: str, **arguments: Any) -> Message:
        return _answer(self.begin(command, **arguments))

    def value(self, thread: int, expression: str) -> str:
        """Of an expression in the innermost frame."""
        frame = self.ask("stackTrace", threadId=thread)["stackFrames"][0]
        return str(self.ask("evaluate", expression=expression, frameId=frame["id"], context="repl")["result"])

    def close(self) -> None:
        """The adapter ends with its last client, and keeps the output of what it debugs open until then."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join(DEADLINE)
        self._file.close()
        self._socket.close()

    def _read(self) -> None:
        try:
            while (length := self._header()) is not None:
                self._heard(json.loads(self._file.read(length)))
        except (OSError, ValueError):
            pass  # closed

    def _header(self) -> int | None:
        length = None
        while line := self._file.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name == b"Content-Length" else length
        return length

    def _heard(self, message: Message) -> None:
        if message["type"] == "response":
            self._answers[message["request_seq"]].put(message)
        elif message["type"] == "event":
            if message["event"] == "initialized":
                self.initialized.set()
            self._on_event(message | {"session": self})


class Editor:
    """Attaches to a port, and to every process that the first one starts; or launches one by an adapter there.

    Args:
        port: Where debugpy listens.
        configuration: One of an editor's ``launch.json``.
        lines: Of breakpoints in ``file``.
    """

    def __init__(self, port: int, configuration: Message, file: Path, lines: list[int]) -> None:
        self._file, self._lines = file, lines
        self._stops: queue.Queue[Message] = queue.Queue()
        self._output: list[str] = []
        self._printed: queue.Queue[str] = queue.Queue()
        self.sessions: list[Session] = []
        self._join(port, configuration["request"], configuration)

    def _join(self, port: int, begin: str, configuration: Message) -> None:
        session = Session(port, begin, configuration, self._on_event)
        self.sessions.append(session)
        session.configure(self._file, self._lines)

    def _on_event(self, event: Message) -> None:
        if event["event"] == "stopped":
            self._stops.put(event)
        elif event["event"] == "output":
            self._printed.put(event["body"]["output"])
        elif event["event"] == "debugpyAttach":
            body = event["body"]
            threading.Thread(target=self._join, args=(body["connect"]["port"], "attach", body), daemon=True).start()

    def printed(self, pattern: str) -> str:
        """The first group of what a launched process prints."""
        end = time.monotonic() + DEADLINE
        while (found := re.search(pattern, "".join(self._output))) is None:
            left = end - time.monotonic()
            assert left > 0, "".join(self._output)
            self._output.append(self._printed.get(timeout=left))
        return found[1]

    def stopped(self) -> tuple[Session, int]:
        """The next process that stands at a breakpoint, and its thread."""
        event = self._stops.get(timeout=DEADLINE)
        return event["session"], event["body"]["threadId"]

    def close(self) -> None:
        for session in self.sessions:
            session.close()


def _answer(waiting: queue.Queue[Message]) -> Message:
    answer = waiting.get(timeout=DEADLINE)
    assert answer["success"], answer
    return answer.get("body") or {}


def _connected(port: int) -> socket.socket:
    end = time.monotonic() + DEADLINE
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            assert time.monotonic() < end, "nobody listens for debuggers"
            time.sleep(0.05)
