"""The year in slices: which hours of each period lie in which slice, and the mean of a shape over them.

A slice is a set of cells of the 12 months × 24 hours. Its weight in a period is the number of the period's calendar hours in it.
Without a set of slices there is one, `all`, and every formula below is that of the whole period.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from planner.core.calendar import Period, Values
from planner.core.units import record
from planner.inputs.assembly import Inputs
from planner.inputs.tables import Shape, Slice

Days = tuple[dict[int, int], ...]  # per period: calendar days by month


@dataclass(frozen=True)
class Slices:
    """Slices by index: ids, hours per period, and the groups of slices that share their months (the parts of a day)."""

    ids: tuple[str, ...]
    rows: tuple[Slice, ...]
    hours: tuple[Values, ...]  # t, slice [h]; 0 where a slice does not exist in a period
    days_by_month: Days
    groups: tuple[tuple[int, ...], ...]

    def there(self, t: int) -> list[int]:
        """The slices that exist in a period."""
        return [i for i, hours in enumerate(self.hours[t]) if hours > 0]

    def days(self, t: int, group: tuple[int, ...]) -> float:
        """Calendar days of a period that have these parts of a day."""
        return float(sum(days for month, days in self.days_by_month[t].items() if month in self.rows[group[0]].months))

    def slots(self, flexible: str) -> tuple[tuple[int, ...], ...]:
        """Slices over which a demand is met together: each alone, those of a day, or all."""
        if flexible == "period":
            return (tuple(range(len(self.ids))),)
        return self.groups if flexible == "day" else tuple((i,) for i in range(len(self.ids)))

    def means(self, rows: Iterable[Shape] | None) -> tuple[Values, ...]:
        """Mean of a shape over the hours of each slice in each period; 1 without a shape."""
        if rows is None:
            return tuple(tuple(1.0 for _ in self.ids) for _ in self.hours)
        value = {(month, hour): row.value for row in rows for month in row.months for hour in row.hours}
        return tuple(tuple(self._mean(t, i, value) for i in range(len(self.ids))) for t in range(len(self.hours)))

    def _mean(self, t: int, i: int, value: dict[tuple[int, int], float]) -> float:
        if not self.hours[t][i]:
            return 0.0
        row = self.rows[i]
        whole = sum(
            days * sum(value[month, h] for h in row.hours) for month, days in self.days_by_month[t].items() if month in row.months
        )
        return record(whole / self.hours[t][i])


def shape_of(inputs: Inputs, name: str | None) -> tuple[Shape, ...] | None:
    """The rows of a shape; none without an [energy] section, where nothing varies over the day."""
    return inputs.shapes[name] if name and inputs.scenario.energy else None


def slices_of(inputs: Inputs) -> Slices:
    """The slices of the chosen set over the horizon; one slice `all` without a set."""
    rows = inputs.slices or (Slice(set="one", id="all"),)
    days = tuple(_days_by_month(period) for period in inputs.horizon)
    hours = tuple(
        tuple(float(sum(count for month, count in by_month.items() if month in row.months) * len(row.hours)) for row in rows)
        for by_month in days
    )
    groups: dict[frozenset[int], list[int]] = {}
    for i, row in enumerate(rows):
        groups.setdefault(row.months, []).append(i)
    return Slices(tuple(row.id for row in rows), tuple(rows), hours, days, tuple(tuple(group) for group in groups.values()))


def _days_by_month(period: Period) -> dict[int, int]:
    days: dict[int, int] = {}
    for i in range(period.days):
        month = (period.first + timedelta(i)).month
        days[month] = days.get(month, 0) + 1
    return days
