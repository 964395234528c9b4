"""Aggregates of restate-server's SQL that SQLite lacks, or has otherwise."""

from __future__ import annotations

import functools
import json
import math
import operator
import statistics
from collections.abc import Callable, Sequence
from typing import Any, Final

__all__ = ["AGGREGATES"]


class _First:
    """``first_by(value, key, descending)``: the value of the row whose key is first; of equal ones the first row's."""

    is_last = False

    def __init__(self) -> None:
        self._best: tuple[Any, Any] | None = None

    def step(self, *given: Any) -> None:
        value, key, descending = given
        if self._best is None or self._precedes(key, self._best[0], bool(descending) is not self.is_last):
            self._best = key, value

    def _precedes(self, key: Any, other: Any, descending: bool) -> bool:
        if key is None or other is None or key == other:
            return self.is_last and key == other
        return bool(key > other) if descending else bool(key < other)

    def finalize(self) -> Any:
        return None if self._best is None else self._best[1]


class _Sorted:
    """``…(value, separator, key, descending)``: values in the order of keys; null is the largest."""

    def __init__(self) -> None:
        self._rows: list[tuple[Any, Any]] = []
        self._separator = ","
        self._descending = 0

    def step(self, *given: Any) -> None:
        value, self._separator, key, self._descending = given
        self._rows.append((key, value))

    def values(self) -> list[Any]:
        rows = sorted(self._rows, key=lambda row: (row[0] is None, row[0]), reverse=bool(self._descending))
        return [value for _, value in rows]


class _SortedText(_Sorted):
    def finalize(self) -> Any:
        texts = [str(value) for value in self.values() if value is not None]
        return self._separator.join(texts) if texts else None


class _SortedList(_Sorted):
    def finalize(self) -> Any:
        return json.dumps(self.values()) if self._rows else None


class _Last(_First):
    """The same from the other end."""

    is_last = True


def _of(read: Callable[[list[Any]], Any], count: int = 1, least: int = 1) -> tuple[int, type]:
    """An aggregate of so many arguments, by what it makes of the rows of which none is null."""

    class Aggregate:
        def __init__(self) -> None:
            self._rows: list[Any] = []

        def step(self, *given: Any) -> None:
            if None not in given:
                self._rows.append(given[0] if count == 1 else given)

        def finalize(self) -> Any:
            return read(self._rows) if len(self._rows) >= least else None

    return count, Aggregate


def _variance(values: Sequence[float]) -> float:
    return statistics.variance(map(float, values))


def _quantile(rows: Sequence[tuple[float, float]]) -> float:
    """Between the two values that are nearest."""
    values, at = sorted(value for value, _ in rows), rows[0][1] * (len(rows) - 1)
    low = math.floor(at)
    return float(values[low] + (values[math.ceil(at)] - values[low]) * (at - low))


def _about_quantile(rows: Sequence[tuple[float, float]]) -> float:
    """One of the values; which one is not promised."""
    values = sorted(value for value, _ in rows)
    return values[max(math.ceil(rows[0][1] * len(values)) - 1, 0)]


def _covariance(rows: Sequence[tuple[float, float]]) -> float:
    """Of all that there is."""
    ones, others = zip(*rows, strict=True)
    one, other = statistics.fmean(ones), statistics.fmean(others)
    return math.fsum((a - one) * (b - other) for a, b in rows) / len(rows)


def _correlation(rows: Sequence[tuple[float, float]]) -> float | None:
    ones, others = zip(*rows, strict=True)
    spread = statistics.pstdev(map(float, ones)) * statistics.pstdev(map(float, others))
    return _covariance(rows) / spread if spread else None


AGGREGATES: Final[dict[str, tuple[int, type]]] = {
    "first_by": (3, _First),
    "last_by": (3, _Last),
    "sorted_text": (4, _SortedText),
    "sorted_list": (4, _SortedList),
    **dict.fromkeys(("median", "approx_median"), _of(statistics.median)),
    "mean": _of(statistics.fmean),
    "bit_and": _of(functools.partial(functools.reduce, operator.and_)),
    "bit_or": _of(functools.partial(functools.reduce, operator.or_)),
    "bit_xor": _of(functools.partial(functools.reduce, operator.xor)),
    **dict.fromkeys(("var", "var_samp", "var_sample"), _of(_variance, least=2)),
    **dict.fromkeys(("stddev", "stddev_samp"), _of(lambda values: math.sqrt(_variance(values)), least=2)),
    **dict.fromkeys(("var_pop", "var_population"), _of(lambda values: statistics.pvariance(map(float, values)))),
    "stddev_pop": _of(lambda values: statistics.pstdev(map(float, values))),
    **dict.fromkeys(("percentile_cont", "quantile_cont"), _of(_quantile, 2)),
    "approx_percentile_cont": _of(_about_quantile, 2),
    "corr": _of(_correlation, 2, least=2),
    "covar_pop": _of(_covariance, 2),
    **dict.fromkeys(
        ("covar", "covar_samp"), _of(lambda rows: _covariance(rows) * len(rows) / (len(rows) - 1), 2, least=2)
    ),
}
"""How many arguments they have, and who adds up."""
