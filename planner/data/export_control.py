"""Export control: which chips may be put where, in which period, and which quantities count.

On each day the rule in force with the lowest rank wins (ties: the stricter). A period is blocked if any of its days is.
Caps and shares do not compete in rank: they count whenever they are in force. Rules limit what is shipped, never what runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum
from functools import cache

from planner.core.calendar import Period
from planner.inputs.assembly import Inputs
from planner.inputs.tables import Accelerator, ExportClass, ExportRule, Site

QUANTITY_EFFECTS = ("cap", "max_share", "min_share")
TOKEN = re.compile(r"([+-]?)([^+-]+)")


class Standing(IntEnum):
    """What export control says of shipping to a site in a period; the higher the stricter."""

    FREE = 0
    LICENCE = 1
    BLOCKED = 2


STRICTNESS = {"permit": Standing.FREE, "licence": Standing.LICENCE, "prohibit": Standing.BLOCKED}


@dataclass(frozen=True)
class Active:
    """A rule that counts in this scenario, with the days on which it is in force."""

    rule: ExportRule
    first: date
    last: date


def active_rules(inputs: Inputs) -> tuple[Active, ...]:
    """Rules of the wanted status or enabled by name, unless disabled; a rule without a first day is never in force."""
    control = inputs.scenario.export_control
    enabled = {item.id: item for item in control.enable}
    found = []
    for rule in inputs.export_rules:
        item = enabled.get(rule.id)
        if rule.id in control.disable or (item is None and rule.status not in control.status):
            continue
        first = item.from_ if item and item.from_ else rule.effective_from
        last = item.to if item and item.to else rule.effective_to
        if first is not None:
            found.append(Active(rule, first, last or date.max))
    return tuple(found)


def in_class(accelerator: Accelerator, rows: tuple[ExportClass, ...]) -> bool:
    """Whether any row of the class holds for the accelerator; a missing figure never matches."""
    return any(_matches(accelerator, row) for row in rows)


def _matches(accelerator: Accelerator, row: ExportClass) -> bool:
    figures = ("tpp", "performance_density", "memory_bandwidth")
    for name in figures:
        value, low, high = getattr(accelerator, name), getattr(row, f"min_{name}"), getattr(row, f"max_{name}")
        if low is not None and (value is None or value < low):
            return False
        if high is not None and (value is None or value >= high):
            return False
    return not row.chips or accelerator.id in row.chips or accelerator.chip in row.chips


@cache
def tokens(expression: str) -> tuple[tuple[bool, str], ...]:
    """`D:1+D:4-A:5` as ((True, "D:1"), (True, "D:4"), (False, "A:5"))."""
    return tuple((sign != "-", name.strip()) for sign, name in TOKEN.findall(expression))


def includes(expression: str, country: str, groups: tuple[str, ...]) -> bool:
    """Whether a destination, read from left to right, contains a country that belongs to `groups`."""
    inside = False
    for added, name in tokens(expression):
        if name == country or name in groups:
            inside = added
    return inside


@dataclass(frozen=True)
class QuantityRule:
    """A cap or share: the counted periods and what it counts."""

    rule: ExportRule
    first: int
    last: int
    countries: Mapping[str, frozenset[int]]  # country -> periods in which it belongs to the destination
    accelerators: frozenset[str]


class ExportControl:
    """Answers about the export rules of one set of inputs."""

    def __init__(self, inputs: Inputs):
        self.inputs = inputs
        self.tenant = inputs.scenario.export_control.tenant
        self.rules = active_rules(inputs)
        self.members = {
            rule_class: frozenset(a for a, rows in inputs.accelerators.items() if in_class(rows[0], class_rows))
            for rule_class, class_rows in inputs.export_classes.items()
        }
        self._standing: dict[tuple[str, str, str, str], tuple[Standing, ...]] = {}

    def groups(self, country: str, day: date) -> tuple[str, ...]:
        """Groups of a country on a day; the last row that began holds."""
        found: tuple[str, ...] = ()
        for row in self.inputs.countries.get(country, ()):
            if row.from_ is None or row.from_ <= day:
                found = row.groups
        return found

    def concerns(self, active: Active, site: Site) -> bool:
        party = active.rule.party
        return party is None or party in (site.provider, site.run_by, self.tenant)

    def standing(self, site: Site, accelerator: str) -> tuple[Standing, ...]:
        """What holds for shipping the accelerator to the site, per period."""
        key = (site.country, site.provider, site.run_by, accelerator)
        if key not in self._standing:
            near = [
                a
                for a in self.rules
                if a.rule.effect in STRICTNESS and self.concerns(a, site) and accelerator in self.members.get(a.rule.class_, ())
            ]
            days = self._turns(site.country, near)
            self._standing[key] = tuple(
                max((self._on(day, site.country, near) for day in self._days(period, days)), default=Standing.FREE)
                for period in self.inputs.horizon
            )
        return self._standing[key]

    def _turns(self, country: str, near: list[Active]) -> list[date]:
        """Days on which a rule begins or has ended, or the country changes groups."""
        turns = {a.first for a in near} | {a.last + timedelta(1) for a in near if a.last < date.max}
        turns |= {row.from_ for row in self.inputs.countries.get(country, ()) if row.from_}
        return sorted(turns)

    @staticmethod
    def _days(period: Period, turns: list[date]) -> Iterator[date]:
        """One day for every stretch of the period in which nothing changes."""
        yield period.first
        yield from (day for day in turns if period.first < day <= period.last)

    def _on(self, day: date, country: str, near: list[Active]) -> Standing:
        groups = self.groups(country, day)
        hits = [a.rule for a in near if a.first <= day <= a.last and includes(a.rule.destination, country, groups)]
        if not hits:
            return Standing.FREE
        lowest = min(rule.rank for rule in hits)
        return max(STRICTNESS[rule.effect] for rule in hits if rule.rank == lowest)

    def quantities(self) -> Iterator[QuantityRule]:
        """Caps and shares that count in some period."""
        horizon = self.inputs.horizon
        countries = sorted({site.country for site in self.inputs.sites.values()})
        for active in self.rules:
            rule = active.rule
            counted = [p.index for p in horizon if active.first <= p.first <= active.last]
            if rule.effect not in QUANTITY_EFFECTS or not counted:
                continue
            where = {
                c: frozenset(t for t in counted if includes(rule.destination, c, self.groups(c, horizon[t].first)))
                for c in countries
            }
            where = {c: periods for c, periods in where.items() if periods}
            yield QuantityRule(rule, counted[0], counted[-1], where, self.members.get(rule.class_, frozenset()))

    def licences_for(self, site: Site, period: Period) -> Iterator[int]:
        """Indices of the licences that cover shipments to a site on all days of a period."""
        for i, licence in enumerate(self.inputs.licences):
            if licence.provider and licence.provider not in (site.provider, site.run_by):
                continue
            if (licence.from_ and licence.from_ > period.first) or (licence.to and licence.to < period.last):
                continue
            turns = [row.from_ for row in self.inputs.countries.get(site.country, ()) if row.from_]
            days = self._days(period, turns)
            if all(includes(licence.destination, site.country, self.groups(site.country, day)) for day in days):
                yield i
