"""Entry prices: how much cheaper an offer that the plan does not use would have to be to come into it.

The rebate of an offer is the least, over all plans that rent it, of what such a plan costs more than the best one per GPU-hour
of the offer (discounted like the money). It is found by asking for a little of the offer: the least cost v(q) with q GPU-hours is
convex in q, and where its slope λ satisfies v(q) − λ q = v(0) no plan does better than λ (weak duality). So the answer is exact
at degenerate optima too, where the reduced cost of one column is one of many. A lower rent also counts for less in contracts,
budgets and shares of spend: these rows move with the rebate (see `_with_price`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from planner.core.errors import InputFault
from planner.core.table import MILLION, Table, make
from planner.data.instance import Instance
from planner.data.options import Position, stands_at
from planner.inputs.assembly import Inputs
from planner.model.formulation import Model
from planner.model.program import total
from planner.model.variables import Expression, Variables
from planner.results.plan import DUST
from planner.solver.warm import Answer, Linear, Probe

LITTLE = 1e-5  # part of all GPU-hours of the plan that is asked of the offer
LEAST = 1e-3  # and at least so many racks over one period, well above the solver's tolerance
EXACT = 1e-6  # USD per GPU-hour to which a rebate is determined (relative above 1)
FINER = 6  # times that a smaller use is asked for where the first was beyond a kink
STEPS = 20  # times that the rows which count the rent are moved


Counted = tuple[int, int, float, float]  # row, column, its coefficient, its change per USD of rebate
Found = tuple[float, Answer]  # a rebate and a plan that attains it


@dataclass(frozen=True)
class Entry:
    """What brings an unused offer into the mix. USD per GPU-hour; `price` is that of the tranche (their mean) that would enter.

    `state`: enters (below `entry`), ties (another optimal plan rents it as it is), never (not even for nothing), unusable
    (`why`).
    """

    offer: str
    provider: str
    accelerator: str
    state: str
    price: float | None = None
    rebate: float | None = None
    period: str = ""
    site: str = ""
    why: str = ""

    @property
    def entry(self) -> float | None:
        """The price below which it enters; None where no price brings it in."""
        if self.state not in ("enters", "ties") or self.price is None:
            return None
        return self.price - (self.rebate or 0.0)


def entry_prices(inputs: Inputs, model: Model, start: Any = None) -> list[Entry]:
    """For every offer that the optimum does not use, by provider; `start` is a basis of the optimum, if there is one.

    Of a model with whole racks: of its relaxation. InputFault if another objective than cost is minimised.
    """
    data = model.instance
    if data.objective != "cost":
        what = f"entry prices are rebates on a cost, and this scenario minimises {data.objective.replace('_', ' ')}"
        raise InputFault.one(what, "ask with --set objective.minimize=cost, or leave [objective] out")
    probe = Probe(model, start)
    offers: dict[str, list[Position]] = {}
    for p in data.positions:
        offers.setdefault(p.offer.id, []).append(p)
    hours = {name: probe.linear(_gpu_hours(model, found)) for name, found in offers.items()}
    sizes = {name: float(np.abs(h.coefficients).max(initial=0.0)) for name, h in hours.items()}
    rows = {name: probe.add_limit(h * (-1 / sizes[name])) for name, h in hours.items() if sizes[name]}
    best = probe.minimize()
    if not best.optimal:
        return []
    used = {name: h.at(best.values) for name, h in hours.items()}
    whole = sum(used.values())
    found = [_never_made(inputs, name) for name in sorted({o.id for o in inputs.offers} - set(offers))]
    for name, positions in offers.items():
        if sizes[name] and used[name] / sizes[name] > DUST * 10:
            continue
        reason = _unusable(model, positions) if sizes[name] or used[name] == 0 else "export rules leave nothing to add"
        if reason:
            found.append(Entry(name, positions[0].site.provider, positions[0].accelerator.id, "unusable", why=reason))
            continue
        question = _Question(probe, best, hours[name], sizes[name], rows[name], max(LITTLE * whole / sizes[name], LEAST))
        found.append(_entry(model, positions, question))
    return sorted(found, key=lambda e: (e.provider, e.offer))


def _gpu_hours(model: Model, positions: list[Position]) -> Expression:
    """GPU-hours rented, discounted [million gpu·h]."""
    data, v = model.instance, model.variables
    return total(
        (data.discount[t] * p.accelerator.chips_per_rack * data.periods[t].hours / MILLION, racks)
        for p in positions
        for t, racks in _rented(data, v, p)
    )


def _rented(data: Instance, v: Variables, p: Position) -> Iterator[tuple[int, Expression]]:
    """(t, racks that rent is paid for)."""
    racks = v.online if p.on_demand else v.held
    return ((t, racks[p.index, t]) for t in data.times if (p.index, t) in racks)


@dataclass
class _Question:
    """How cheap an offer must be: the probe at its optimum, the offer's GPU-hours, and the row that asks for some of them.

    `size`: GPU-hours per unit of the row; `racks`: how much is asked for at first, in units of the row.
    """

    probe: Probe
    best: Answer
    hours: Linear
    size: float
    row: int
    racks: float

    def rebate(self) -> Found | None:
        """The least (cost − optimum) / GPU-hours with a plan that attains it; None if no plan uses the offer."""
        asked = self.racks
        for _ in range(FINER):
            found = self._ask(asked)
            if not found.optimal:
                most = self.probe.minimize(self.hours * (-1 / self.size), self.best.basis)
                limit = -most.objective if most.optimal else asked
                if limit <= LEAST * 1e-3:
                    return None
                asked = min(limit / 2, asked / 10)
                continue
            slope = -found.duals[self.row] / self.size
            there = self.hours.at(found.values)
            missed = self.best.objective - (found.objective - slope * there)  # > 0: a kink lies between nothing and there
            if missed <= EXACT * max(1.0, slope) * there + 1e-14 * abs(self.best.objective):
                break
            asked /= 10
        return max(0.0, float(slope)), found

    def _ask(self, racks: float) -> Answer:
        scaled = self.hours * (-1 / self.size)
        self.probe.at_most(self.row, scaled, -racks)
        try:
            return self.probe.minimize(None, self.best.basis)
        finally:
            self.probe.at_most(self.row, scaled, float("inf"))


def _entry(model: Model, positions: list[Position], question: _Question) -> Entry:
    name, first = positions[0].offer.id, positions[0]
    place = (name, first.site.provider, first.accelerator.id)
    counting = _counting(model, positions)
    price: float = max(p.offer.price for p in positions)
    found = question.rebate()
    if found and counting:
        found = _with_price(question, counting, found, price)
    if found is None:
        return Entry(*place, "unusable", why="a limit leaves it no room")
    rebate, answer = found
    period, site, price = _first_use(model, positions, question.hours, answer)
    state = "ties" if rebate <= EXACT else "enters" if rebate < price - EXACT else "never"
    return Entry(*place, state, price, rebate, period, site)


def _first_use(model: Model, positions: list[Position], hours: Linear, answer: Answer) -> tuple[str, str, float]:
    """(first period, site, mean price) of an offer in a plan that uses it."""
    data, by_index = model.instance, {p.index: p for p in positions}
    there = []
    for j in np.flatnonzero(hours.coefficients):
        amount = float(hours.coefficients[j] * answer.values[j])
        if amount > 0:
            _, p, t = model.program.columns[j]
            there.append((t, -amount, by_index[p]))
    t, _, p = min(there, key=lambda item: item[:2])
    whole = sum(amount for _, amount, _ in there)
    price = sum(amount / whole * _hourly(model, p, t) for t, amount, p in there)
    return data.periods[t].label, p.site.id, price


def _hourly(model: Model, position: Position, t: int) -> float:
    """USD per gpu and hour of a period: where calendar months are billed, an hour of February costs more than one of March."""
    if position.offer.monthly is None:
        return position.offer.price
    data = model.instance
    return data.rent[position.index][t] * MILLION / (position.accelerator.chips_per_rack * data.periods[t].hours)


# --- what counts the rent ---------------------------------------------------------------------------------------------


def _counting(model: Model, positions: list[Position]) -> list[Counted]:
    """Where the rent of the offer counts."""
    data, v, program = model.instance, model.variables, model.program
    mine = {p.index: p for p in positions}
    at = {key: i for i, key in enumerate(program.rows)}
    changes: dict[int, Expression] = {}

    def rent(periods: set[int] | frozenset[int], factor: float, only: set[tuple[int, int]] | None = None) -> Expression:
        return total(
            (factor * p.accelerator.chips_per_rack * data.periods[t].hours / MILLION, racks)
            for p in mine.values()
            for t, racks in _rented(data, v, p)
            if t in periods and (only is None or (p.index, t) in only)
        )

    everywhen = frozenset(data.times)
    for pool in data.pools:
        inside = {(p, t) for p, t in pool.members if p in mine}
        if inside:
            changes[at["allotment", pool.index]] = rent(everywhen, 1.0, inside)
            for c, share in pool.commitments:
                if share < 1:
                    changes[at["allotment_share", pool.index, c]] = rent(everywhen, share, inside)
    for budget in data.budgets:
        changes[at["budget", budget.label]] = rent(frozenset(budget.periods), -1.0)
    provider = positions[0].site.provider
    for limit in data.shares:
        if limit.of == "spend":
            rule = f"provider_share_{'min' if limit.floor else 'max'}"
            for t in limit.periods:
                changes[at[rule, limit.provider, limit.of, t]] = rent({t}, limit.share - (limit.provider == provider))
    found = []
    for i, expression in changes.items():
        now = dict(zip(*(list(x[program.starts[i] : program.starts[i + 1]]) for x in (program.indices, program.coefficients)),
                       strict=True))  # fmt: skip
        found += [(i, j, now.get(j, 0.0), c) for j, c in enumerate(program.terms(expression)[0]) if c]
    return found


def _with_price(question: _Question, counting: list[Counted], found: Found, price: float) -> Found | None:
    """The rebate at which the offer enters when what counts falls with it: where the least ratio at a rebate is that rebate.

    A lower rent fills a take-or-pay more slowly, so the ratio rises with the rebate, and it leaves more of a budget, so that it
    falls: piece by piece linearly. Secant steps, kept between a rebate that is too small and one that is enough; they end at once
    where no counting row matters.
    """
    small, enough = 0.0, float("inf")
    last, tried = (0.0, found[0]), min(found[0], price)
    best = found
    for _ in range(STEPS):
        with _moved(question.probe, counting, tried):
            answer = question.rebate()
        ratio = answer[0] if answer else float("inf")
        if answer and ratio <= tried + EXACT * max(1.0, tried):
            enough, best = tried, (tried, answer[1])
            if ratio >= tried - EXACT * max(1.0, tried):
                break
        else:
            small = tried
            if tried >= price:
                return (ratio, answer[1]) if answer else None
        run, rise = tried - last[0], ratio - last[1]
        last = (tried, ratio)
        step = (ratio - tried) / (1 - rise / run) if run and rise < run else float("inf")
        tried = tried + step
        if not small < tried < enough:
            tried = min(price, ratio) if enough == float("inf") else (small + enough) / 2
    return best


@contextmanager
def _moved(probe: Probe, counting: list[Counted], rebate: float) -> Iterator[None]:
    """Within it the rent of the offer counts for that much less."""
    try:
        for row, column, coefficient, change in counting:
            probe.engine.coefficient(row, column, coefficient + rebate * change)
        yield
    finally:
        for row, column, coefficient, _ in counting:
            probe.engine.coefficient(row, column, coefficient)


# --- offers that cannot be used ---------------------------------------------------------------------------------------


def _unusable(model: Model, positions: list[Position]) -> str:
    """Why an offer has no columns that could be put to work; empty if it has."""
    data, v = model.instance, model.variables
    mine = {p.index for p in positions}
    if not any((p, t) in v.online for p in mine for t in data.times):
        served = {p for k in data.classes for p in k.positions}
        return "no workload may run on it" if not mine & served else "its sites have no power"
    at_work = {k.index for k in data.classes if mine & set(k.positions)}
    if not any(k in at_work for _, k, _, _ in v.use):
        return "no workload may run on it"
    if all((p, t) in v.frozen or not data.positions[p].addable[t] for p in mine for t in data.times):
        return "export rules leave nothing to add"
    return ""


def _never_made(inputs: Inputs, name: str) -> Entry:
    """An offer that stands nowhere in the programme."""
    offer = inputs.offers_of(name)[0]
    accelerator = inputs.accelerators[offer.accelerator][0]
    sites = [s for s in inputs.sites.values() if any(stands_at(o, s) for o in inputs.offers_of(name))]
    begins = min((o.from_ or inputs.horizon[0].first for o in inputs.offers_of(name)), default=inputs.horizon[0].first)
    begins = max(begins, accelerator.available_from or begins)
    if not any(begins <= t.first and (offer.to is None or t.first <= offer.to) for t in inputs.horizon):
        why = "no period begins while it can be had"
    elif not sites:
        why = "it stands at no site of the plan"
    elif offer.billing == "on_demand":
        why = "export rules keep it out of its sites"
    else:
        why = "its sites have no power"
    return Entry(name, offer.provider, offer.accelerator, "unusable", why=why)


def table(found: list[Entry]) -> Table:
    """entry_prices.csv."""
    columns = "offer provider accelerator state price_usd_per_gpu_hour rebate_usd_per_gpu_hour entry_price_usd_per_gpu_hour"
    rows = [(e.offer, e.provider, e.accelerator, e.state, e.price, e.rebate, e.entry, e.period, e.site, e.why) for e in found]
    return make("entry_prices", f"{columns} period site why", rows)
