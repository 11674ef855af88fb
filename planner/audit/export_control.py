"""Export rules as an audit reads them: which rule governs a shipment on a day, what licences cover, what caps and shares allow.

Rules compete by rank on each day (prohibit, licence, permit); caps and shares do not compete, they always count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from planner.audit.case import Case, Change
from planner.audit.evidence import Check, Row
from planner.audit.premises import ONE_DAY, Machine, World
from planner.core.calendar import Period
from planner.inputs.tables import Accelerator, Amount, ExportClass, ExportRule, Licence, Site

STRICTNESS = {"prohibit": 0, "licence": 1, "permit": 2}


@dataclass(frozen=True)
class Rule:
    """A rule in force from its first to its last day."""

    row: ExportRule
    first: date
    last: date

    def counted(self, period: Period) -> bool:
        """Caps and shares count shipments of periods that start while the rule is in force."""
        return self.first <= period.first <= self.last


class Customs:
    """Answers what may be shipped where."""

    def __init__(self, world: World):
        self.world, self.inputs = world, world.inputs
        self.control = self.inputs.scenario.export_control
        self.rules = tuple(self._rules())
        self._areas: dict[tuple[str, date], frozenset[str]] = {}
        self._rulings: dict[tuple[Machine, int], str] = {}

    def _rules(self) -> Iterator[Rule]:
        enabled = {one.id: one for one in self.control.enable}
        for row in self.inputs.export_rules:
            on = enabled.get(row.id)
            if on is None and (row.status not in self.control.status or row.id in self.control.disable):
                continue
            first = on.from_ if on and on.from_ else row.effective_from
            last = on.to if on and on.to else row.effective_to
            if first is not None:
                yield Rule(row, first, last or date.max)

    @cached_property
    def _turns(self) -> list[date]:
        """Days from which on a ruling may differ from the day before."""
        turns = {rule.first for rule in self.rules} | {rule.last + ONE_DAY for rule in self.rules if rule.last < date.max}
        return sorted(turns | {row.from_ for rows in self.inputs.countries.values() for row in rows if row.from_})

    def _days(self, period: Period) -> list[date]:
        """Days that stand for all days of the period."""
        return [period.first, *(day for day in self._turns if period.first < day <= period.last)]

    def area(self, destination: str, day: date) -> frozenset[str]:
        """Countries of a destination such as `D:1+D:4-A:5`, added and subtracted from left to right."""
        if (destination, day) not in self._areas:
            found: frozenset[str] = frozenset()
            for sign, token in re.findall(r"([+-]?)\s*([^+\s-][^+-]*)", destination):
                members = self._members(token.strip(), day)
                found = found - members if sign == "-" else found | members
            self._areas[destination, day] = found
        return self._areas[destination, day]

    def _members(self, token: str, day: date) -> frozenset[str]:
        """A known country, else the countries of a group (`EU` is one), else any code of two capitals."""
        if token in self.inputs.countries:
            return frozenset((token,))
        group = {
            iso2
            for iso2, rows in self.inputs.countries.items()
            if (current := [row for row in rows if (row.from_ or date.min) <= day]) and token in current[-1].groups
        }
        return frozenset(group or ({token} if re.fullmatch("[A-Z]{2}", token) else ()))

    def covers_class(self, class_id: str, accelerator: str) -> bool:
        """Does some row of the class match the accelerator?"""
        machine = self.inputs.accelerators[accelerator][0]
        return any(_matches(row, machine) for row in self.inputs.export_classes.get(class_id, ()))

    def concerns(self, row: ExportRule, site: Site) -> bool:
        """Is the party of a rule the site's provider, its operator or the tenant?"""
        return row.party is None or row.party in (site.provider, site.operator, self.control.tenant)

    def ruling(self, at: Machine, period: Period) -> str:
        """`prohibit`, `licence` or `permit`: the strictest ruling on any day of the period."""
        if (at, period.index) not in self._rulings:
            site = self.inputs.sites[at[0]]
            rules = [
                rule
                for rule in self.rules
                if rule.row.effect in STRICTNESS and self.concerns(rule.row, site) and self.covers_class(rule.row.class_, at[1])
            ]
            daily = [self._on(day, rules, site.country) for day in self._days(period)]
            self._rulings[at, period.index] = min(daily, key=lambda effect: STRICTNESS[effect])
        return self._rulings[at, period.index]

    def _on(self, day: date, rules: Iterable[Rule], country: str) -> str:
        ranked = [
            (rule.row.rank, STRICTNESS[rule.row.effect], rule.row.effect)
            for rule in rules
            if rule.first <= day <= rule.last and country in self.area(rule.row.destination, day)
        ]
        return min(ranked)[2] if ranked else "permit"

    def licensed(self, licence: Licence, at: Machine, period: Period) -> bool:
        """Does the licence cover shipments to a site in a period, on all of its days?"""
        site = self.inputs.sites[at[0]]
        holds = (licence.from_ or date.min) <= period.first and period.last <= (licence.to or date.max)
        party = licence.provider is None or licence.provider in (site.provider, site.operator)
        return holds and party and all(site.country in self.area(licence.destination, day) for day in self._days(period))

    def weight(self, licence: Licence, accelerator: str) -> float | None:
        """What a gpu draws from a licence; None where a processing performance that decides it is not known."""
        if licence.of is None:
            return 1.0
        rows = [*self.inputs.accelerators.get(licence.of, ()), *self.inputs.everything.get("accelerators", ())]
        unit = next((row.tpp for row in rows if isinstance(row, Accelerator) and row.id == licence.of), None)
        own = self.inputs.accelerators[accelerator][0].tpp
        return own / unit if unit and own is not None else None


def _matches(row: ExportClass, machine: Accelerator) -> bool:
    bounds = (
        (machine.tpp, row.min_tpp, row.max_tpp),
        (machine.performance_density, row.min_performance_density, row.max_performance_density),
        (machine.memory_bandwidth, row.min_memory_bandwidth, row.max_memory_bandwidth),
    )
    for figure, low, high in bounds:
        if (low is not None or high is not None) and figure is None:
            return False
        if figure is not None and ((low is not None and figure < low) or (high is not None and figure >= high)):
            return False
    return not row.chips or machine.id in row.chips or machine.chip in row.chips


# --- rules (7) --------------------------------------------------------------------------------------------------------


def export_block(case: Case) -> Iterator[Check]:
    """(7)  Σ_o held_t ≤ Σ_o held_{t−1} where any day is prohibited; on-demand use = 0 there and under a licence need."""
    customs, world = Customs(case.world), case.world
    for period in world.horizon:
        for at, change in case.changes[period.index].items():
            if change.net > 0 and customs.ruling(at, period) == "prohibit":
                held, was = (change.gross + change.net) / 2, (change.gross - change.net) / 2
                yield case.judge.at_most("export_block", " ".join(at), period.label, held, was, "rack", change.gross)
        for key, uses in case.plan.use[period.index].items():
            position = world.positions[key]
            if position.on_demand and (ruling := customs.ruling(position.at, period)) != "permit":
                used = sum(uses.values())
                yield case.judge.at_most(
                    "export_block", position.label, period.label, used, 0.0, "rack", note=f"on demand: {ruling}"
                )


def licences(case: Case) -> Iterator[Check]:
    """(7)  Σ_l lic ≥ G·new under a licence need, each draw on a licence that covers it;  Σ weight·lic ≤ quantity."""
    customs, world = Customs(case.world), case.world
    by_id = {licence.id: licence for licence in world.inputs.licences}
    drawn: dict[tuple[str, Machine], float] = {}
    used: dict[str, float] = {}
    for row in case.plan.table("licences"):
        licence, at, period = by_id[row.text["licence"]], _machine(row), world.horizon[world.index[row.text["period"]]]
        weight = customs.weight(licence, at[1])
        if weight is None or not customs.licensed(licence, at, period):
            note = "the licence does not cover this"
            yield case.judge.at_most(
                "licence", f"{licence.id} {' '.join(at)}", period.label, row.get("gpus"), 0.0, "gpu", note=note
            )
            continue
        drawn[period.label, at] = drawn.get((period.label, at), 0.0) + row.get("gpus")
        used[licence.id] = used.get(licence.id, 0.0) + weight * row.get("gpus")
    for period in world.horizon:
        for at, change in case.changes[period.index].items():
            if change.net > 0 and customs.ruling(at, period) == "licence":
                gpus = world.inputs.accelerators[at[1]][0].chips_per_rack
                value, need = drawn.get((period.label, at), 0.0), gpus * change.new
                yield case.judge.at_least("licence", " ".join(at), period.label, value, need, "gpu", gpus * change.gross)
    for licence_id, total in used.items():
        yield case.judge.at_most("licence_quantity", licence_id, "", total, by_id[licence_id].quantity, "gpu")


def _machine(row: Row) -> Machine:
    return row.text["site"], row.text["accelerator"]


@dataclass
class _Tally:
    """Running sums of what was shipped in (`new`), what is really more than before (`net`), the size of the stocks compared."""

    new: float = 0.0
    net: float = 0.0
    gross: float = 0.0

    def add(self, weight: float, change: Change) -> None:
        self.new += weight * change.new
        self.net += weight * change.net
        self.gross += weight * change.gross


def export_amounts(case: Case) -> Iterator[Check]:
    """(7)  per country of the destination, over the periods counted so far: Σ weight·G·new ≤ cap, or ≤ share · (Σ everywhere).
    A floor (min_share) counts what really came, to the whole destination: Σ weight·G·(held_t − held_before) ≥ share · Σ new.
    """
    customs = Customs(case.world)
    for rule in customs.rules:
        if rule.row.amount is not None and rule.row.effect not in STRICTNESS:
            yield from _amounts(case, customs, rule.row, rule.row.amount, [p for p in case.world.horizon if rule.counted(p)])


def _amounts(case: Case, customs: Customs, row: ExportRule, amount: Amount, counted: Iterable[Period]) -> Iterator[Check]:
    sites = case.world.inputs.sites
    unit = "gpu" if amount.of == "gpu" else "TPP"
    weights = {name: _weight(customs, row, amount, name) for name in case.world.inputs.accelerators}
    everywhere, inside = _Tally(), {country: _Tally() for country in sorted({site.country for site in sites.values()})}
    whole = _Tally()
    for period in counted:
        area = customs.area(row.destination, period.first)
        for (s, a), change in case.changes[period.index].items():
            everywhere.add(weights[a], change)
            if sites[s].country in area and customs.concerns(row, sites[s]):
                inside[sites[s].country].add(weights[a], change)
                whole.add(weights[a], change)
        if row.effect == "min_share":
            floor, gross = amount.value * everywhere.new, whole.gross + everywhere.gross
            yield case.judge.at_least("export_min_share", row.id, period.label, whole.net, floor, unit, gross)
            continue
        shared = row.effect == "max_share"
        limit = amount.value * everywhere.new if shared else amount.value
        for country, tally in inside.items():
            if country in area:
                gross, subject = tally.gross + (everywhere.gross if shared else 0.0), f"{row.id} {country}"
                yield case.judge.at_most(f"export_{row.effect}", subject, period.label, tally.new, limit, unit, gross)


def _weight(customs: Customs, row: ExportRule, amount: Amount, accelerator: str) -> float:
    """What a rack counts under a cap or share: gpus, or their processing performance; nothing outside the class."""
    if not customs.covers_class(row.class_, accelerator):
        return 0.0
    machine = customs.inputs.accelerators[accelerator][0]
    return machine.chips_per_rack * (1.0 if amount.of == "gpu" else machine.tpp or 0.0)
