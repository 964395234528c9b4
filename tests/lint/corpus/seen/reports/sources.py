"""Where the numbers of reports come from."""

from __future__ import annotations

import csv
import os
import socket
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Source(ABC):
    """Opened in a handler, which it should not be."""

    def __enter__(self) -> Self:
        self.socket = socket.create_connection(("numbers", 80))  # expect: RR106
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.socket.close()

    @abstractmethod
    def rows(self) -> list[list[str]]: ...


class Table(Source):
    def __init__(self, name: str) -> None:
        self.name = os.path.join(os.environ["TABLES"], name)  # expect: RR104

    def rows(self) -> list[list[str]]:
        with open(self.name, newline="") as file:  # expect: RR105
            return list(csv.reader(file))
