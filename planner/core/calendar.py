"""Calendar and money over time: planning periods, values that change from a day on, discounting, annuities.

Periods are calendar months, quarters, halves or years cut by the first and last day of the horizon, so each lies in one year.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from planner.core.units import record

Values = tuple[float, ...]  # per period
Limits = tuple[float | None, ...]  # per period; None = no limit
DAYS_PER_YEAR = 365.25
HOURS_PER_YEAR = 8766.0
MONTHS = {"month": 1, "quarter": 3, "half": 6, "year": 12}
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """A planning period from its first to its last day (both inclusive), labelled as in the tables: `2026-Q1`."""

    index: int
    label: str
    first: date
    last: date

    @property
    def year(self) -> int:
        return self.first.year

    @cached_property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def hours(self) -> float:
        return 24.0 * self.days

    @cached_property
    def months(self) -> float:
        """Calendar months in it: a whole month is one however long it is, a part of one its share of the month's days."""
        begun, found = date(self.first.year, self.first.month, 1), 0.0
        while begun <= self.last:
            following = add_months(begun, 1)
            within = min(self.last + ONE_DAY, following) - max(self.first, begun)
            found += within / (following - begun)
            begun = following
        return found


def periods(start: date, end: date, step: str) -> tuple[Period, ...]:
    """The periods of `step` (month, quarter, half or year) that cover start to end."""
    months = MONTHS[step]
    found: list[Period] = []
    first = start
    while first <= end:
        number = (first.month - 1) // months
        last = min(end, add_months(date(first.year, number * months + 1, 1), months) - ONE_DAY)
        mark = {"month": f"-{first.month:02d}", "quarter": f"-Q{number + 1}", "half": f"-H{number + 1}", "year": ""}[step]
        found.append(Period(len(found), f"{first.year}{mark}", first, last))
        first = last + ONE_DAY
    return tuple(found)


def add_months(day: date, months: float) -> date:
    """The same day `months` later (the last of the month where it has no such day); a fraction counts 30.4375 days a month."""
    whole = math.floor(months)
    total = day.year * 12 + day.month - 1 + whole
    year, month = divmod(total, 12)
    if not 1 <= year <= 9998:
        return date.max if year > 9998 else date.min
    following = date(year + month // 11, (month + 1) % 12 + 1, 1)
    moved = date(year, month + 1, min(day.day, (following - ONE_DAY).day))
    return moved + timedelta(days=round((months - whole) * DAYS_PER_YEAR / 12))


def years_between(origin: date, day: date) -> float:
    """Years of 365.25 days from one midnight to another."""
    return (day - origin).days / DAYS_PER_YEAR


def mean_discount(period: Period, origin: date, rate: float) -> float:
    """δ: the mean of (1+rate)^−τ over the period, τ in years from `origin`."""
    force = math.log1p(rate)
    begin = years_between(origin, period.first)
    length = period.days / DAYS_PER_YEAR
    if force * length == 0:
        return 1.0
    return math.exp(-force * begin) * -math.expm1(-force * length) / (force * length)


def capital_recovery(rate: float, lifetime: float) -> float:
    """CRF: what one unit of capital costs per year, paid continuously over `lifetime` years; 1/lifetime at rate 0."""
    force = math.log1p(rate)
    if force * lifetime == 0:
        return 1.0 / lifetime
    return force / -math.expm1(-force * lifetime)


@dataclass(frozen=True)
class Series:
    """A value over time: points of (day, value) in order, a step at each day or straight lines between them.

    A first day of None holds from the beginning. Before the first point there is no value; after the last it is held.
    """

    points: tuple[tuple[date | None, float], ...]
    linear: bool = False

    @classmethod
    def constant(cls, value: float) -> Series:
        return cls(((None, value),))

    @property
    def is_constant(self) -> bool:
        return len(self.points) == 1 and self.points[0][0] is None

    def steps(self, period: Period) -> list[tuple[int, float | None]]:
        """(days, value) pieces of a step series over the period; None before the first point."""
        if self.linear:
            noon = period.first.toordinal()
            return [(1, self._at_noon(day)) for day in range(noon, noon + period.days)]
        pieces: list[tuple[int, float | None]] = []
        begin, value = period.first, None
        for day, following in self.points:
            if day is None or day <= period.first:
                value = following
            elif day <= period.last:
                pieces.append(((day - begin).days, value))
                begin, value = day, following
        pieces.append(((period.last - begin).days + 1, value))
        return pieces

    @cached_property
    def _corners(self) -> tuple[list[int], list[float]]:
        """Days (as ordinals) and values of the points of a line."""
        known = [(day.toordinal(), value) for day, value in self.points if day is not None]
        return [day for day, _ in known], [value for _, value in known]

    def _at_noon(self, day: int) -> float | None:
        """The value at noon of a day, on the line between the points around it."""
        days, values = self._corners
        at = day + 0.5
        i = bisect_right(days, at)
        if i == 0:
            return None
        if i == len(days):
            return values[-1]
        return values[i - 1] + (values[i] - values[i - 1]) * (at - days[i - 1]) / (days[i] - days[i - 1])

    def mean(self, period: Period, before: float = 0.0) -> float:
        """Mean over the days of the period, each at its noon; `before` stands in before the first point."""
        return math.fsum(days * (before if value is None else value) for days, value in self.steps(period)) / period.days

    def values(self, period: Period) -> list[float]:
        """Values in force on some day of the period; empty before the first point."""
        return [value for _, value in self.steps(period) if value is not None]

    def lowest(self, period: Period) -> float | None:
        return min(self.values(period), default=None)

    def highest(self, period: Period) -> float | None:
        return max(self.values(period), default=None)

    def covers(self, period: Period) -> bool:
        return all(value is not None for _, value in self.steps(period))


def steps(points: Iterable[tuple[date | None, float]]) -> Series:
    """A step series from points in any order."""
    return Series(tuple(sorted(points, key=lambda point: point[0] or date.min)))


def overlap_days(first: date | None, last: date | None, period: Period) -> int:
    """Days of the period between first and last (inclusive; None = unbounded)."""
    begin = max(first or date.min, period.first)
    end = min(last or date.max, period.last)
    return max(0, (end - begin).days + 1)


def years_of(horizon: Sequence[Period]) -> tuple[int, ...]:
    return tuple(sorted({period.year for period in horizon}))


def recorded(values: Iterable[float]) -> Values:
    """Values per period, each rounded to its decimal of record."""
    return tuple(record(value) for value in values)
