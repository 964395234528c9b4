"""What ``lazy_services_810`` imports when it is used."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel

from restate_reflect import Context


class Order(BaseModel):
    sku: str


@dataclass
class Receipt:
    id: int


class Shelf:
    async def look(self, ctx: Context) -> int:
        return 1


shelf = Shelf()
