"""The calendar of an energy plan: slices of the year with their hours in each period, means of shapes on them, and the slots in
which a demand must be met. Without an energy section there is one slice of all hours, and every shape is 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from planner.core.calendar import Period
from planner.inputs.assembly import Inputs

Slot = tuple[str, ...]  # slices over which something adds up


@dataclass(frozen=True)
class Part:
    """A slice: the cells of its months and hours of the day."""

    id: str
    months: frozenset[int]
    hours: frozenset[int]


class Calendar:
    """Hours and means of shapes, by period and slice; a slice without hours in a period does not exist there."""

    def __init__(self, inputs: Inputs):
        self.inputs, self.horizon = inputs, inputs.horizon
        self.live = inputs.scenario.energy is not None
        rows = inputs.slices if self.live else ()
        whole = Part("all", frozenset(range(1, 13)), frozenset(range(24)))
        self.parts = {row.id: Part(row.id, row.months, row.hours) for row in rows} or {whole.id: whole}
        self._means: dict[tuple[str, int, str], float] = {}

    @cached_property
    def days(self) -> list[dict[int, int]]:
        """Days of each month in each period."""
        return [_days_by_month(period) for period in self.horizon]

    @cached_property
    def hours(self) -> list[dict[str, float]]:
        """h[t, σ]: each day gives one hour to each of its 24 cells."""
        found = []
        for days in self.days:
            sums = {name: float(self._days_in(days, part) * len(part.hours)) for name, part in self.parts.items()}
            found.append({name: hours for name, hours in sums.items() if hours > 0})
        return found

    @staticmethod
    def _days_in(days: dict[int, int], part: Part) -> int:
        return sum(count for month, count in days.items() if month in part.months)

    @cached_property
    def _cells(self) -> dict[str, dict[tuple[int, int], float]]:
        """The value of each shape by month and hour."""
        return {
            name: {(month, hour): row.value for row in rows for month in row.months for hour in row.hours}
            for name, rows in self.inputs.shapes.items()
        }

    def mean(self, shape: str | None, t: int, name: str) -> float:
        """The mean of a shape over the hours of a slice that lie in a period; 1 where there is none."""
        if shape is None or not self.live or shape not in self._cells:
            return 1.0
        if (shape, t, name) not in self._means:
            cells, part, total = self._cells[shape], self.parts[name], 0.0
            for month, days in self.days[t].items():
                if month in part.months:
                    total += days * sum(cells.get((month, hour), 1.0) for hour in part.hours)
            self._means[shape, t, name] = total / self.hours[t][name]
        return self._means[shape, t, name]

    def over(self, shape: str | None, t: int, slot: Slot) -> float:
        """The hour-weighted mean of a shape over several slices."""
        hours = self.hours[t]
        return sum(hours[name] * self.mean(shape, t, name) for name in slot) / sum(hours[name] for name in slot)

    def whole(self, t: int) -> Slot:
        return tuple(self.hours[t])

    def groups(self, t: int) -> list[tuple[Slot, int]]:
        """Day-groups: the slices of a period that have the same months, and the days of these months in it."""
        found: dict[frozenset[int], list[str]] = {}
        for name in self.hours[t]:
            found.setdefault(self.parts[name].months, []).append(name)
        return [(tuple(names), self._days_in(self.days[t], self.parts[names[0]])) for names in found.values()]

    def slots(self, flexible: str, t: int) -> Sequence[Slot]:
        """Where a demand must be met: in every slice, over the slices of a day-group, or over the period."""
        if flexible == "day":
            return [slot for slot, _ in self.groups(t)]
        return [self.whole(t)] if flexible == "period" else [(name,) for name in self.hours[t]]


def _days_by_month(period: Period) -> dict[int, int]:
    """Days of a period by month (a period lies in one year)."""
    found = {}
    for month in range(period.first.month, period.last.month + 1):
        begin = max(period.first, date(period.year, month, 1))
        following = date(period.year + month // 12, month % 12 + 1, 1)
        found[month] = (min(period.last.toordinal() + 1, following.toordinal())) - begin.toordinal()
    return found
