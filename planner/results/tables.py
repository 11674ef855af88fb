"""The plan as tidy tables: one fact a row, the unit in the column name. `frame` makes a DataFrame of one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from planner.core.calendar import ONE_DAY, Period, overlap_days
from planner.core.table import MILLION, Row, Table, make
from planner.data.commitments import settles_later
from planner.data.options import in_scope
from planner.inputs.assembly import Inputs
from planner.inputs.tables import Contract
from planner.results.plan import DUST, Plan
from planner.results.power import energy_tables, firm_power, metered_bill, supply_bills, supply_lines

if TYPE_CHECKING:
    import pandas as pd


def frame(table: Table) -> pd.DataFrame:
    """The table as a DataFrame."""
    import pandas as pd

    return pd.DataFrame(list(table.rows), columns=list(table.columns))


def tables(inputs: Inputs, plan: Plan) -> list[Table]:
    """Every table of a plan but the constraints and the sources, which have rooms of their own."""
    made = [
        mix(plan),
        summary(plan),
        compute(plan),
        allocation(plan),
        fleet(plan),
        demand(plan),
        cost(inputs, plan),
        power(inputs, plan),
        contracts(inputs, plan),
    ]
    if plan.licensed:
        made.append(licences(plan))
    if plan.instance.losses:
        made.append(resilience(plan))
    return [dated(table, inputs.horizon) for table in (*made, *energy_tables(plan))]


@dataclass
class ProviderSums:
    """What a provider holds, draws, delivers and is paid in a period."""

    racks: float = 0.0
    gpus: float = 0.0
    compute: float = 0.0
    power: float = 0.0
    spend: float = 0.0  # USD
    kinds: dict[str, float] = field(default_factory=dict)  # compute by kind of work: unlike units

    def of(self, what: str) -> float:
        """Power, spend, compute, or `compute KIND`, as share limits name it."""
        kind = what.removeprefix("compute ")
        found: float = self.kinds.get(kind, 0.0) if kind != what else getattr(self, what)
        return found

    def add(self, other: ProviderSums, weight: float = 1.0) -> None:
        self.racks += other.racks * weight
        self.gpus += other.gpus * weight
        self.compute += other.compute * weight
        self.power += other.power * weight
        self.spend += other.spend


def provider_sums(plan: Plan) -> dict[tuple[int, str], ProviderSums]:
    """Per period and provider; every provider that has a position appears in every period."""
    data = plan.instance
    providers = sorted({p.site.provider for p in data.positions} | {s.provider for s in data.sources if s.provider})
    sums = {(t, name): ProviderSums() for t in data.times for name in providers}
    for (p, t), held in plan.held.items():
        position, mine = data.positions[p], sums[t, data.positions[p].site.provider]
        online = plan.online[p, t]
        mine.racks += held
        mine.gpus += held * position.accelerator.chips_per_rack
        mine.power += online * data.power[p]
        mine.spend += spend(plan, p, t) * MILLION
    kinds = [w.kind for w in data.inputs.scenario.workload]
    for w, p, t in plan.use:
        mine, made = sums[t, data.positions[p].site.provider], plan.delivered(w, p, t)
        mine.compute += made
        mine.kinds[kinds[w]] = mine.kinds.get(kinds[w], 0.0) + made
    for t, provider, _, amount in supply_bills(plan):
        if (t, provider) in sums:
            sums[t, provider].spend += amount * MILLION
    return sums


def spend(plan: Plan, p: int, t: int) -> float:
    """Rent, metered energy and capital charge of a position in a period [million USD]."""
    data = plan.instance
    return plan.held[p, t] * (data.rent[p][t] + data.capital[p][t]) + metered_bill(plan, p, t)


SHARES = ("compute", "power", "spend")
MIX = "provider racks_held gpus compute_h100e power_mw spend_usd share_compute share_power share_spend"


def mix(plan: Plan) -> Table:
    """What each provider holds, delivers, draws and is paid in each period. No row is a sum of others."""
    data, sums = plan.instance, provider_sums(plan)
    rows = []
    for t in data.periods:
        rows += _shares(t.label, {name: s for (i, name), s in sums.items() if i == t.index})
    return make("mix", f"period {MIX}", rows)


def summary(plan: Plan) -> Table:
    """The mix by calendar year and in all (span `total`): spend summed, the rest means over the hours, shares ratios of sums."""
    data, sums = plan.instance, provider_sums(plan)
    rows = []
    for span in (*dict.fromkeys(str(t.year) for t in data.periods), "total"):
        within = [t for t in data.periods if span in (str(t.year), "total")]
        hours = sum(t.hours for t in within)
        found: dict[str, ProviderSums] = {}
        for t in within:
            for (i, name), s in sums.items():
                if i == t.index:
                    found.setdefault(name, ProviderSums()).add(s, t.hours / hours)
        rows += _shares(span, found)
    return make("summary", f"span {MIX}", rows)


def _shares(when: str, block: Mapping[str, ProviderSums]) -> list[Row]:
    """The providers of a period or span with their shares of it."""
    whole = ProviderSums()
    for s in block.values():
        whole.add(s)
    return [
        (when, provider, s.racks, s.gpus, s.compute, s.power, s.spend,
         *(getattr(s, of) / getattr(whole, of) if getattr(whole, of) > 0 else 0.0 for of in SHARES))
        for provider, s in block.items()
    ]  # fmt: skip


def allocation(plan: Plan) -> Table:
    """Racks at work by workload and position."""
    data = plan.instance
    rows = []
    for (w, p, t), racks in sorted(plan.use.items(), key=lambda item: (item[0][2], item[0][0], item[0][1])):
        position = data.positions[p]
        site, a = position.site, position.accelerator
        place = (data.periods[t].label, data.workloads[w], site.provider, site.id, site.country, a.id, position.label)
        rows.append((*place, racks, racks * a.chips_per_rack, plan.delivered(w, p, t)))
    columns = "period workload provider site country accelerator offer racks gpus compute_h100e"
    return make("allocation", columns, rows)


def compute(plan: Plan) -> Table:
    """compute.csv: compute delivered by period, provider and kind of work, and the provider's share of its kind. Kinds are unlike
    units and are never added."""
    data, sums = plan.instance, provider_sums(plan)
    kinds = list(dict.fromkeys(w.kind for w in data.inputs.scenario.workload))
    rows: list[Row] = []
    for t, period in enumerate(data.periods):
        of = {name: s.kinds for (at, name), s in sums.items() if at == t}
        for kind in kinds:
            whole = sum(mine.get(kind, 0.0) for mine in of.values())
            rows += [
                (period.label, name, kind, mine.get(kind, 0.0), mine.get(kind, 0.0) / whole if whole else None)
                for name, mine in of.items()
            ]
    return make("compute", "period provider kind compute_h100e share", rows)


def fleet(plan: Plan) -> Table:
    """Racks added and removed, held, online and dark by position; dark racks are held and not powered."""
    data = plan.instance
    rows = []
    for t in data.times:
        for position in data.positions:
            p = position.index
            added, held, online = plan.added.get((p, t), 0.0), plan.held[p, t], plan.online[p, t]
            removed = removed_racks(plan, p, t)
            if max(added, removed, held, online) > DUST:
                place = (data.periods[t].label, position.site.provider, position.site.id, position.accelerator.id, position.label)
                rows.append((*place, added, removed, held, online, max(0.0, held - online), online * data.power[p]))
    racks = "racks_added racks_removed racks_held racks_online racks_dark"
    return make("fleet", f"period provider site accelerator offer {racks} power_mw", rows)


def removed_racks(plan: Plan, p: int, t: int) -> float:
    """Racks that left a position since the period before (first of all: since the first day of its fleet): terms that ran out,
    fleets that shrink. On-demand racks never stay, so none leaves."""
    position = plan.instance.positions[p]
    if position.on_demand:
        return 0.0
    before = plan.held[p, t - 1] if t else position.before
    left = before + plan.added.get((p, t), 0.0) - plan.held[p, t]
    return left if left > DUST else 0.0


def demand(plan: Plan) -> Table:
    """Demand, what is served and what is not, for every workload and period."""
    data = plan.instance
    served: dict[tuple[int, int], float] = {}
    for w, p, t in plan.use:
        served[w, t] = served.get((w, t), 0.0) + plan.delivered(w, p, t)
    rows = [
        (data.periods[t].label, name, data.demand[w][t] * plan.scale, served.get((w, t), 0.0), plan.unserved[w, t])
        for t in data.times
        for w, name in enumerate(data.workloads)
    ]
    return make("demand", "period workload demand_h100e served_h100e unserved_h100e", rows)


SPENT = ("rent", "dark_rent", "energy", "capex")  # items that are spend; a route, a shortfall, what is unserved are cost


def cost(inputs: Inputs, plan: Plan) -> Table:
    """What is paid, by period, place, offer, contract and item, undiscounted and discounted; blank where an item has no such.

    Rent of racks online is `rent`, of dark ones `dark_rent`. A source of power stands at its site, or on its grid at none.
    """
    data = plan.instance
    sums: dict[tuple[str, ...], list[float]] = {}

    def pay(
        period: str, provider: str, item: str, amount: float, worth: float, place: tuple[str, ...] = ("", "", "", "")
    ) -> None:
        if amount:
            entry = sums.setdefault((period, provider, *place, item), [0.0, 0.0])
            entry[0] += amount * MILLION
            entry[1] += amount * worth * MILLION

    def at(p: int) -> tuple[str, ...]:
        position = data.positions[p]
        return position.site.id, position.accelerator.id, position.label, position.offer.contract or ""

    for (p, t), held in plan.held.items():
        provider, label, worth = data.positions[p].site.provider, data.periods[t].label, data.discount[t]
        dark = max(0.0, held - plan.online[p, t])
        dark = dark if dark > DUST else 0.0
        pay(label, provider, "rent", (held - dark) * data.rent[p][t], worth, at(p))
        pay(label, provider, "dark_rent", dark * data.rent[p][t], worth, at(p))
        pay(label, provider, "energy", metered_bill(plan, p, t), worth, at(p))
        pay(label, provider, "capex", held * data.capital[p][t], worth, at(p))
    for t, provider, site, amount in supply_bills(plan):
        pay(data.periods[t].label, provider, "energy", amount, data.discount[t], (site, "", "", ""))
    costs = {(s.workload, p): s.route_cost for k in data.classes for s in k.serves for p in k.positions if s.route_cost}
    for w, p, t in plan.use:
        if (w, p) in costs:
            amount = plan.delivered(w, p, t) * costs[w, p] * data.periods[t].hours / MILLION
            pay(data.periods[t].label, data.positions[p].site.provider, "route", amount, data.discount[t], at(p))
    for c in data.commitments:
        place = ("", "", "", c.contract.id)
        pay(c.label, c.contract.provider, "shortfall", plan.shortfall[c.index], c.discount, place)
    for (w, t), missing in plan.unserved.items():
        amount = missing * (data.unserved_price[w] or 0.0) * data.periods[t].hours / MILLION
        pay(data.periods[t].label, "", "unserved", amount, data.discount[t])
    for period, amount, discounted in _soft_payments(inputs, plan):
        entry = sums.setdefault((period, "", "", "", "", "", "soft"), [0.0, 0.0])
        entry[0] += amount * MILLION
        entry[1] += discounted * MILLION
    order = {t.label: t.index for t in data.periods}
    rows = [
        (*key, *amounts)
        for key, amounts in sorted(sums.items(), key=lambda item: (order.get(item[0][0], len(order)), item[0]))
        if max(map(abs, amounts)) > 1e-6
    ]
    return make("cost", "period provider site accelerator offer contract item amount_usd discounted_usd", rows)


def _soft_payments(inputs: Inputs, plan: Plan) -> Iterator[tuple[str, float, float]]:
    """(period, undiscounted, discounted) payments for soft limits [million USD]."""
    data, limits = plan.instance, inputs.scenario.limits
    for limit in data.power_limits:
        for t in data.times if limit.price is not None else ():
            paid = plan.excess.get((limit.family, limit.subject, t), 0.0) * limit.price[t]  # type: ignore[index]
            if paid:
                yield data.periods[t].label, paid / data.discount[t], paid
    for budget in data.budgets:
        if budget.price:
            source = limits.budget_total if budget.label == "total" else limits.budget[budget.label]
            over = plan.excess["budget", budget.label]
            yield budget.label, over * (source.price if source and source.price else 0.0), over * budget.price
    for cap in data.carbon_caps:
        if cap.price:
            over = plan.excess["carbon", cap.label]
            yield cap.label, over * (limits.carbon[cap.label].price or 0.0) / MILLION, over * cap.price


def power(inputs: Inputs, plan: Plan) -> Table:
    """Draw, limit, energy and carbon of sites, grids, countries, providers and the fleet."""
    data = plan.instance
    limits: dict[tuple[str, str, int], float] = {}
    scopes = {"site_power": "site", "grid_headroom": "grid", "country_power": "country", "national_share": "country",
              "provider_power": "provider", "fleet_power": "fleet"}  # fmt: skip
    for limit in (*data.site_power, *data.power_limits):
        for t, bound in enumerate(limit.limit):
            if bound is not None and limit.family in scopes:
                key = (scopes[limit.family], limit.subject, t)
                own = firm_power(plan, limit.subject, t) if limit.family == "site_power" else 0.0
                limits[key] = min(bound + own, limits.get(key, bound + own))
    names: dict[str, Callable[[int], str]] = {
        "site": lambda p: data.positions[p].site.id,
        "grid": lambda p: data.positions[p].site.grid,
        "country": lambda p: data.positions[p].site.country,
        "provider": lambda p: data.positions[p].site.provider,
        "fleet": lambda p: "fleet",
    }
    sums: dict[tuple[str, str, int], list[float]] = {(scope, name, t): [0.0, 0.0, 0.0] for scope, name, t in limits}
    for t in data.times:
        sums.setdefault(("fleet", "fleet", t), [0.0, 0.0, 0.0])
    for key, figures in draws(plan, names).items():
        sums[key] = figures
    order = list(names)
    rows = []
    for (scope, name_, t), (draw, energy, carbon) in sorted(sums.items(), key=lambda i: (i[0][2], order.index(i[0][0]), i[0][1])):
        bound = limits.get((scope, name_, t))
        rows.append((data.periods[t].label, scope, name_, draw, bound, None if bound is None else bound - draw, energy, carbon))
    return make("power", "period scope id draw_mw limit_mw headroom_mw energy_mwh carbon_t", rows)


def draws(plan: Plan, names: Mapping[str, Callable[[int], str]]) -> dict[tuple[str, str, int], list[float]]:
    """(highest rated draw of the slices [MW], energy [MWh], carbon [t]) by scope, name and period.

    A grid carries what its sites do not make themselves.
    """
    data = plan.instance
    slices: dict[tuple[str, str, int], dict[int, float]] = {}
    found: dict[tuple[str, str, int], list[float]] = {}
    for (p, t), online in plan.online.items():
        if online <= DUST:
            continue
        for scope, name in names.items():
            key = (scope, name(p), t)
            entry = found.setdefault(key, [0.0, 0.0, 0.0])
            by_slice = slices.setdefault(key, {})
            for i in data.slices.there(t):
                racks = plan.running(p, t, i)
                by_slice[i] = by_slice.get(i, 0.0) + racks * data.power[p]
                entry[1] += racks * data.load[p] * data.slices.hours[t][i]
                entry[2] += racks * data.carbon[p][t][i]
    for m in data.managed:
        places = {
            "site": m.site.id,
            "grid": m.site.grid,
            "country": m.site.country,
            "provider": m.site.provider,
            "fleet": "fleet",
        }
        for t in data.times:
            for i in data.slices.there(t):
                emitted = sum(line.carbon for line in supply_lines(plan, m, t, i))
                own = sum(line.mw for line in supply_lines(plan, m, t, i) if line.own)
                for scope, place in places.items():
                    if (scope, place, t) in found:
                        found[scope, place, t][2] += emitted
                        if scope == "grid":
                            slices[scope, place, t][i] -= own
    for key, by_slice in slices.items():
        found[key][0] = max(0.0, *by_slice.values())
    return found


def contracts(inputs: Inputs, plan: Plan) -> Table:
    """The take-or-pay ledger; year `after` is what remains to be paid beyond the horizon."""
    data = plan.instance
    rows: list[Row] = []
    hours: dict[int, float] = {}
    for pool in data.pools:
        money = sum(_counted_spend(plan, p, t) for p, t in pool.members)
        gpu_hours = sum(
            plan.held[p, t] * data.positions[p].accelerator.chips_per_rack * data.periods[t].hours for p, t in pool.members
        )
        for c, _ in pool.commitments:
            part = plan.allotted[c, pool.index] / money if money > 0 else 0.0
            hours[c] = hours.get(c, 0.0) + part * gpu_hours
    for due in data.commitments:
        counted = sum(amount for (c, _), amount in plan.allotted.items() if c == due.index)
        short = plan.shortfall[due.index]
        used = hours.get(due.index, 0.0)
        each = (counted + short) * MILLION / used if used > 1 else None
        spent = spent_in_scope(plan, due.contract, None if due.label == "term" else int(due.label))
        amounts = (due.amount, spent, counted, short, counted + short)
        rows.append((due.contract.id, due.contract.provider, due.label, *(a * MILLION for a in amounts), used, each))
    later = counted_later(inputs, plan)
    for contract in inputs.contracts:
        minimum = left_of_minimum(inputs, contract)
        if contract.id in later:
            spent, counted = spent_in_scope(plan, contract, None) * MILLION, later[contract.id] * MILLION
            rows.append((contract.id, contract.provider, "term", minimum, spent, counted, 0.0, counted, None, None))
            minimum = max(0.0, minimum - counted)
        if contract.id in later or minimum:
            rows.append((contract.id, contract.provider, "after", minimum, *(None,) * 6))
    columns = "contract provider year committed_usd spent_usd counted_usd shortfall_usd paid_usd gpu_hours usd_per_gpu_hour"
    return make("contracts", columns, sorted(rows, key=lambda row: (row[0], row[2] == "after", row[2])))


def _counted_spend(plan: Plan, p: int, t: int) -> float:
    """Rent and metered energy of a position in a period [million USD]: what counts towards contracts."""
    return plan.held[p, t] * plan.instance.rent[p][t] + metered_bill(plan, p, t)


def spent_in_scope(plan: Plan, contract: Contract, year: int | None) -> float:
    """Rent and metered energy in the scope and days of a contract, in a year or all the horizon [million USD], whether or not
    another contract counts it."""
    return math.fsum(money * part for _, _, money, part in _spend_of(plan, contract, year))


def _spend_of(plan: Plan, contract: Contract, year: int | None) -> Iterator[tuple[int, int, float, float]]:
    """(position, period, its spend, the part of the period in which the contract runs)."""
    data = plan.instance
    for p in data.positions:
        if p.site.provider == contract.provider and (
            p.offer.contract == contract.id if p.offer.contract else in_scope(contract, p)
        ):
            for t in data.periods:
                days = overlap_days(contract.start, contract.end, t)
                if days and year in (None, t.year) and (p.index, t.index) in plan.held:
                    yield p.index, t.index, _counted_spend(plan, p.index, t.index), days / t.days


def counted_later(inputs: Inputs, plan: Plan) -> dict[str, float]:
    """What counts for the contracts that are settled after the horizon [million USD]: spend that no other contract has counted,
    and each dollar for one of them, in order of their table."""
    data, left = plan.instance, dict[tuple[int, int], float]()
    for pool in data.pools:
        money = math.fsum(_counted_spend(plan, p, t) for p, t in pool.members)
        taken = math.fsum(plan.allotted.get((c, pool.index), 0.0) for c, _ in pool.commitments)
        for key in pool.members:
            left[key] = max(0.0, 1 - taken / money) if money > 0 else 0.0
    found: dict[str, float] = {}
    for contract in inputs.contracts:
        if contract.value and contract.take_or_pay and settles_later(contract, inputs.horizon[-1].last):
            counted = 0.0
            for p, t, money, part in _spend_of(plan, contract, None):
                share = min(part, left.get((p, t), 1.0))
                counted += money * share
                left[p, t] = left.get((p, t), 1.0) - share
            found[contract.id] = counted
    return found


def left_of_minimum(inputs: Inputs, contract: Contract) -> float:
    """Take-or-pay that falls due after the horizon, before what is spent in it counts [USD]: of a contract settled each year that
    of its later days, of one settled after the horizon that of all its days since the first of the horizon."""
    first, last = inputs.horizon[0].first, inputs.horizon[-1].last
    if not contract.value or not contract.take_or_pay or contract.end is None or contract.end <= last:
        return 0.0
    since = max(contract.start, first) if settles_later(contract, last) else max(contract.start, last + ONE_DAY)
    days = (contract.end - contract.start).days + 1
    return contract.value * contract.take_or_pay * ((contract.end - since).days + 1) / days


def owed_after(inputs: Inputs, plan: Plan | None) -> float:
    """Take-or-pay that remains to be paid after the horizon [USD]."""
    counted = counted_later(inputs, plan) if plan is not None else {}
    return math.fsum(max(0.0, left_of_minimum(inputs, c) - counted.get(c.id, 0.0) * MILLION) for c in inputs.contracts)


def licences(plan: Plan) -> Table:
    """What is shipped under export licences."""
    data = plan.instance
    rows = [
        (licence, data.periods[t].label, data.groups[g].site.id, data.groups[g].accelerator, amount)
        for (licence, g, t), amount in sorted(plan.licensed.items(), key=lambda item: (item[0][2], item[0]))
    ]
    return make("licences", "licence period site accelerator gpus", rows)


def resilience(plan: Plan) -> Table:
    """The second dispatch: racks that carry the critical share of each workload after a loss."""
    data = plan.instance
    rows = []
    several = len(data.slices.ids) > 1
    for (n, w, p, t, i), racks in sorted(plan.rescue.items(), key=lambda item: (item[0][3], item[0])):
        position = data.positions[p]
        compute = racks * data.compute[w, position.accelerator.id][t]
        when = (data.periods[t].label, *([data.slices.ids[i]] if several else []))
        place = (data.losses[n].subject, *when, data.workloads[w], position.site.id, position.accelerator.id)
        rows.append((*place, position.label, racks, compute))
    columns = f"lost period {'slice ' if several else ''}workload site accelerator offer racks compute_h100e"
    return make("resilience", columns, rows)


def totals(plan: Plan, made: Sequence[Table]) -> dict[str, float]:
    """The totals of plan.json."""
    data = plan.instance
    records = {table.name: table.records() for table in made if table.name in ("cost", "power")}
    costs, fleets = records["cost"], [row for row in records["power"] if row["scope"] == "fleet"]
    found = {
        "cost_usd": sum(row["discounted_usd"] for row in costs),
        "spend_usd": sum(row["amount_usd"] for row in costs if row["item"] in SPENT),
        "peak_power_mw": max((row["draw_mw"] for row in fleets), default=0.0),
        "energy_mwh": sum(row["energy_mwh"] for row in fleets),
        "carbon_t": sum(row["carbon_t"] for row in fleets),
        "unserved_h100e_h": sum(missing * data.periods[t].hours for (_, t), missing in plan.unserved.items()),
        "shortfall_usd": sum(row["amount_usd"] for row in costs if row["item"] == "shortfall"),
    }
    if data.objective == "demand_scale":
        found["demand_scale"] = plan.scale
    return found


WHEN = ("period", "span")  # columns that say when; `start` and `end` are put beside them


def dated(table: Table, horizon: Sequence[Period]) -> Table:
    """A table with the first and the last day beside every period, year or span of the horizon; unchanged if it has none.

    Years are those days of them that lie in the horizon; `total`, `term` and the like are all of it.
    """
    at = next((i for i, column in enumerate(table.columns) if column in WHEN), None)
    if at is None or "start" in table.columns:
        return table
    days = {t.label: (t.first, t.last) for t in horizon}
    for year in {t.year for t in horizon}:
        mine = [t for t in horizon if t.year == year]
        days.setdefault(str(year), (mine[0].first, mine[-1].last))
    whole = (horizon[0].first, horizon[-1].last)
    rows = []
    for row in table.rows:
        start, end = days.get(str(row[at]).split(" ")[0], whole)
        rows.append((*row[: at + 1], str(start), str(end), *row[at + 1 :]))
    return Table(table.name, (*table.columns[: at + 1], "start", "end", *table.columns[at + 1 :]), tuple(rows))
