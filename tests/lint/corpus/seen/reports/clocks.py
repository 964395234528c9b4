"""Names and periods of reports."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import uuid4

COUNTS = {"made": 0}


@dataclass
class Period:
    begin: date
    end: date = field(default=date.max)

    def __post_init__(self) -> None:
        self.asked = datetime.now()  # expect: RR101

    @property
    def days(self) -> int:
        return (self.end - self.begin).days

    @classmethod
    def last_week(cls) -> "Period":
        today = date.today()  # expect: RR101
        return cls(today - timedelta(days=7), today)


def fresh_name(kind: str) -> str:
    COUNTS["made"] += 1  # expect: RR303
    return f"{kind}-{uuid4()}"  # expect: RR103


def unused() -> str:
    """Nobody calls it from a handler."""
    return datetime.now().isoformat()
