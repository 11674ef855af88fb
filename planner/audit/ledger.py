"""The money of a plan, recomputed from its racks: spend, take-or-pay, budgets, and the cost that was minimised, item by item."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import combinations

from planner.audit.case import Case
from planner.audit.evidence import Check, Row, Stock
from planner.audit.premises import ONE_DAY, YEAR_HOURS, Key, Position
from planner.audit.sources import Sources
from planner.core.calendar import Period, Series, overlap_days
from planner.inputs.tables import Contract

Entry = tuple[str, str, str]  # period (or year, `term`, `total`), provider, item
MOST_CONTRACTS = 12  # all subsets of so many are tried, of more only the small ones and the whole


@dataclass(frozen=True, slots=True)
class Spend:
    """What the racks at a position cost in a period."""

    rent: float
    energy: float
    capex: float
    dark: float = 0.0  # the part of the rent that is for racks without power

    @property
    def total(self) -> float:
        return self.rent + self.energy + self.capex

    @property
    def commitment(self) -> float:
        """What counts towards take-or-pay."""
        return self.rent + self.energy


def _sum(parts: Sequence[Spend]) -> Spend:
    rent, energy, capex, dark = (sum(getattr(s, of) for s in parts) for of in ("rent", "energy", "capex", "dark"))
    return Spend(rent, energy, capex, dark)


@dataclass
class Amount:
    """A sum of money, what it is worth on the first day, and the size of the numbers that it is the difference of."""

    usd: float = 0.0
    discounted: float = 0.0
    gross: float = 0.0

    def add(self, usd: float, factor: float, gross: float = 0.0) -> None:
        self.usd += usd
        self.discounted += usd * factor
        self.gross += abs(usd) + gross


class Ledger:
    """The accounts of one plan."""

    def __init__(self, case: Case, sources: Sources):
        self.sources = sources
        self.case, self.world, self.inputs = case, case.world, case.world.inputs
        self.limits = self.inputs.scenario.limits
        self.committing = {c.id: c for c in self.inputs.contracts if (c.value or 0.0) * c.take_or_pay > 0}

    # --- spend ---

    @cached_property
    def spend(self) -> list[dict[Key, Spend]]:
        """rent = G·price·h·held;  energy = Σ_σ load·h·grid price where metered, and not bought and made source by source;
        capex = capex·CRF·h/8766·held."""
        found: list[dict[Key, Spend]] = []
        for period in self.world.horizon:
            stocks = self.case.plan.stock[period.index]
            found.append({key: self._spend(key, period, stock) for key, stock in stocks.items()})
        return found

    def _spend(self, key: Key, period: Period, stock: Stock) -> Spend:
        position, energy, held = self.world.positions[key], 0.0, stock.held
        if position.offer.energy == "metered" and position.site.id not in self.world.managed:
            for name, hours in self.world.calendar.hours[period.index].items():
                price = self.world.price_at(position.grid, period.index, name)
                energy += self.case.load[period.index][name][key] * hours * price
        each = position.gpus * self.world.rent(position, period)
        dark = each * max(0.0, held - stock.online)
        return Spend(each * held, energy, self.annuities[key] * period.hours * held, dark)

    @cached_property
    def annuities(self) -> dict[Key, float]:
        return {key: self.world.annuity(position) for key, position in self.world.positions.items()}

    @cached_property
    def routes(self) -> list[dict[str, float]]:
        """Route costs of each period by provider."""
        found: list[dict[str, float]] = []
        for period in self.world.horizon:
            sums: dict[str, float] = {}
            for key, served in self.case.compute[period.index].items() if self.inputs.scenario.route else ():
                position = self.world.positions[key]
                cost = sum(self.world.route_cost(w, position) * compute for w, compute in served.items())
                sums[position.provider] = sums.get(position.provider, 0.0) + cost * period.hours
            found.append(sums)
        return found

    @cached_property
    def items(self) -> list[dict[str, Spend]]:
        """Spend of each period by provider, without routes; sources of grids are under no provider."""
        found: list[dict[str, Spend]] = []
        for spends, energy in zip(self.spend, self.sources.spend, strict=True):
            sums: dict[str, list[Spend]] = {}
            for key, spend in spends.items():
                sums.setdefault(self.world.positions[key].provider, []).append(spend)
            for provider, usd in energy.items():
                sums.setdefault(provider, []).append(Spend(0.0, usd, 0.0))
            found.append({provider: _sum(parts) for provider, parts in sums.items()})
        return found

    def by_provider(self, t: int) -> dict[str, float]:
        """Spend of a period by provider; what is paid under none takes no part in mix and shares."""
        return {provider: spend.total for provider, spend in self.items[t].items() if provider}

    # --- take-or-pay ---

    def contract_days(self, contract: Contract, first: date, last: date) -> int:
        begin, end = max(contract.start, first), min(contract.end or self.world.end, last)
        return max(0, (end - begin).days + 1)

    @cached_property
    def committed(self) -> dict[tuple[str, str], float]:
        """What is due of each contract by year (or `term`): value × take_or_pay × its days there / all of its days."""
        found: dict[tuple[str, str], float] = {}
        for contract in self.committing.values():
            days = self.contract_days(contract, date.min, date.max)
            due = (contract.value or 0.0) * contract.take_or_pay / days if days else 0.0
            if self.open_ended(contract):
                continue
            if contract.settle == "term":
                found[contract.id, "term"] = due * self.contract_days(contract, self.world.origin, self.world.end)
                continue
            for year in self.years:
                found[contract.id, str(year)] = due * self.contract_days(contract, *self.span(year))
        return found

    def open_ended(self, contract: Contract) -> bool:
        """Settled once, and not before the horizon is over: no bill falls into it."""
        return contract.settle == "term" and (contract.end or self.world.end) > self.world.end

    @cached_property
    def years(self) -> list[int]:
        return sorted({period.year for period in self.world.horizon})

    def span(self, year: int) -> tuple[date, date]:
        """First and last day of a year within the horizon."""
        return max(self.world.origin, date(year, 1, 1)), min(self.world.end, date(year, 12, 31))

    @cached_property
    def claims(self) -> dict[tuple[str, str], tuple[float, float]]:
        """Spent and shortfall of each commitment as the plan tells it."""
        rows = {(row.text["contract"], row.text["year"]): row for row in self.case.plan.table("contracts")}
        told = {key: (row.get("counted_usd"), row.get("shortfall_usd")) for key, row in rows.items()}
        return {key: told.get(key, (0.0, 0.0)) for key in self.committed}

    def settled(self, label: str) -> date:
        return self.world.end if label == "term" else self.span(int(label))[1]

    # --- cost ---

    @cached_property
    def entries(self) -> dict[Entry, Amount]:
        """Every item of the cost, as cost.csv has them."""
        found: dict[Entry, Amount] = {}

        def add(period: str, provider: str, item: str, usd: float, factor: float, gross: float = 0.0) -> None:
            found.setdefault((period, provider, item), Amount()).add(usd, factor, gross)

        for period in self.world.horizon:
            t, factor = period.index, self.world.discount[period.index]
            for provider, spend in self.items[t].items():
                add(period.label, provider, "rent", spend.rent - spend.dark, factor, spend.dark)
                add(period.label, provider, "dark_rent", spend.dark, factor, spend.rent)
                add(period.label, provider, "energy", spend.energy, factor)
                add(period.label, provider, "capex", spend.capex, factor)
            for provider, usd in self.routes[t].items():
                add(period.label, provider, "route", usd, factor)
        for row in self.case.plan.table("demand"):
            t = self.world.index[row.text["period"]]
            price = self.world.workloads[row.text["workload"]].unserved or 0.0
            usd = row.get("unserved_h100e") * price * self.world.horizon[t].hours
            add(row.text["period"], "", "unserved", usd, self.world.discount[t])
        for (contract, label), (_, shortfall) in self.claims.items():
            factor = self.world.at_end_of(self.settled(label))
            add(label, self.committing[contract].provider, "shortfall", shortfall, factor)
        for label, usd, factor, gross in self._soft():
            add(label, "", "soft", usd, factor, gross)
        return found

    def _soft(self) -> Iterator[tuple[str, float, float, float]]:
        """What is paid for going beyond limits that have a price: period or year, USD, discount factor, size of the numbers."""
        for cap in self.world.caps:
            if cap.price is not None:
                period, draw = self.world.horizon[cap.period], self.case.draw[cap.period].get((cap.scope, cap.id), 0.0)
                usd_per_mw = cap.price * period.hours / YEAR_HOURS
                usd = max(0.0, draw - cap.limit) * usd_per_mw
                yield period.label, usd, self.world.discount[cap.period], usd_per_mw * (draw + cap.limit)
        for label, value, limit, price in [*self.budgets(), *self.carbon()]:
            if price is not None:
                last = self.world.end if label == "total" else self.settled(label)
                yield label, max(0.0, value - limit) * price, self.world.at_end_of(last), price * (value + limit)

    def budgets(self) -> Iterator[tuple[str, float, float, float | None]]:
        """Year or `total`, what counts against the budget, the budget, its price if it is soft."""
        spent = dict.fromkeys(self.years, 0.0)
        for period in self.world.horizon:
            t = period.index
            cash = self.limits.budget_basis == "cash"
            capital = self._capital(t) if cash else sum(spend.capex for spend in self.items[t].values())
            running = sum(spend.commitment for spend in self.items[t].values())
            spent[period.year] += capital + running + sum(self.routes[t].values())
        for (_, label), (_, shortfall) in self.claims.items():
            spent[self.settled(label).year] += shortfall
        for label, limit in self.limits.budget.items():
            if (low := self._lowest(limit.series, [int(label)])) is not None:
                yield label, spent[int(label)], low, limit.price
        whole = self.limits.budget_total
        if whole and (low := self._lowest(whole.series, self.years)) is not None:
            yield "total", sum(spent.values()), low, whole.price

    def _capital(self, t: int) -> float:
        """Capital paid for racks that are new at their position; the fleet of the first period is not new."""
        before = dict(self.world.fleet_before)
        stocks = self.case.plan.stock
        if t:
            before = {key: stock.held for key, stock in stocks[t - 1].items()}
        capex = {key: self.world.positions[key].offer.capex for key in stocks[t]}
        return sum(capex[key] * max(0.0, stock.held - before.get(key, 0.0)) for key, stock in stocks[t].items())

    def carbon(self) -> Iterator[tuple[str, float, float, float | None]]:
        """Year, tonnes emitted, cap, its price if it is soft."""
        for label, limit in self.limits.carbon.items():
            if (low := self._lowest(limit.series, [int(label)])) is not None:
                within = [period.index for period in self.world.horizon if period.year == int(label)]
                yield label, sum(sum(self.case.carbon[t].values()) for t in within), low, limit.price

    def _lowest(self, series: Series, years: Sequence[int]) -> float | None:
        """The lowest limit on the days of some years; None where none is in force, or no period lies in them."""
        lows = [series.lowest(period) for period in self.world.horizon if period.year in years]
        return min((low for low in lows if low is not None), default=None)

    @cached_property
    def cost(self) -> Amount:
        total = Amount()
        for amount in self.entries.values():
            total.usd, total.discounted = total.usd + amount.usd, total.discounted + amount.discounted
            total.gross += amount.gross
        return total

    def item(self, *names: str) -> float:
        """Undiscounted sum of some items."""
        return sum((amount.usd for (_, _, item), amount in self.entries.items() if item in names), 0.0)


# --- rules (8), (9), (12), and cost.csv ---------------------------------------------------------------------------------


def budgets(case: Case, ledger: Ledger) -> Iterator[Check]:
    """(8)  Σ (spend + routes) of a year + shortfalls settled in it ≤ budget; all years ≤ budget_total."""
    for label, value, limit, price in ledger.budgets():
        if price is None:
            yield case.judge.at_most("budget_total" if label == "total" else "budget", label, "", value, limit, "USD")


def carbon(case: Case, ledger: Ledger) -> Iterator[Check]:
    """(12)  Σ energy × carbon of a calendar year ≤ cap."""
    for label, value, limit, price in ledger.carbon():
        if price is None:
            yield case.judge.at_most("carbon", label, "", value, limit, "t")


def take_or_pay(case: Case, ledger: Ledger) -> Iterator[Check]:
    """(9)  committed as due;  shortfall = max(0, committed − spent);  what was spent can be allotted."""
    for row in case.plan.table("contracts"):
        contract, year = row.text["contract"], row.text["year"]
        provider = next(c.provider for c in ledger.inputs.contracts if c.id == contract)
        if row.text["provider"] != provider:
            yield case.judge.fault("take_or_pay", contract, year, f"the contract is with {provider}")
        if year != "after":  # what falls due beyond the horizon is reported, not priced
            due, shortfall = ledger.committed.get((contract, year), 0.0), row.get("shortfall_usd")
            paid, spent = row.get("paid_usd"), row.get("counted_usd")
            of = ledger.committing.get(contract)
            if of is None:
                yield case.judge.fault("take_or_pay", contract, year, "nothing is committed")
                continue
            yield from _really_spent(case, ledger, of, row)
            if ledger.open_ended(of):
                continue
            yield case.judge.equal("take_or_pay", contract, year, row.get("committed_usd"), due, "USD", note="committed")
            yield case.judge.at_least("take_or_pay", contract, year, spent, 0.0, "USD", note="spent")
            yield case.judge.equal("take_or_pay", contract, year, paid, spent + shortfall, "USD", note="paid")
            hours, each = row.number.get("gpu_hours", 0.0), row.number.get("usd_per_gpu_hour")
            if each is not None:
                yield case.judge.equal("take_or_pay", contract, year, each * hours, paid, "USD", paid, "paid per gpu and hour")
            if (contract, year) not in ledger.committed:
                yield case.judge.at_most("take_or_pay", contract, year, shortfall, 0.0, "USD", note="nothing is due")
    yield from _owed_after(case, ledger)
    for (contract, year), due in ledger.committed.items():
        spent, shortfall = ledger.claims[contract, year]
        owed = max(0.0, due - spent)
        yield case.judge.equal("take_or_pay", contract, year, shortfall, owed, "USD", due + spent, "shortfall")
    for provider in ledger.inputs.providers:
        yield from _allotment(case, ledger, provider)


def _in_days(ledger: Ledger, contract: Contract, years: Sequence[int]) -> float:
    """USD of rent and metered energy of places in the scope of a contract, by the days of each period on which it runs."""
    found = 0.0
    for period in ledger.world.horizon:
        part = overlap_days(contract.start, contract.end, period) / period.days
        for key, spend in ledger.spend[period.index].items() if part and period.year in years else ():
            if contract.id in _scope(ledger, ledger.world.positions[key]):
                found += spend.commitment * part
    return found


def _really_spent(case: Case, ledger: Ledger, contract: Contract, row: Row) -> Iterator[Check]:
    year = row.text["year"]
    due = _in_days(ledger, contract, ledger.years if year == "term" else [int(year)])
    yield case.judge.equal("take_or_pay", contract.id, year, row.get("spent_usd"), due, "USD", abs(due), "spent in its scope")


def _owed_after(case: Case, ledger: Ledger) -> Iterator[Check]:
    """After the horizon is owed the minimum of the days to come, and of a contract settled only then what its spend so far has
    left of all its days since the horizon began; each dollar of spend counts once."""
    rows = {(row.text["contract"], row.text["year"]): row for row in case.plan.table("contracts")}
    counted: dict[str, float] = {}
    for contract in ledger.committing.values():
        last, days = contract.end or ledger.world.end, ledger.contract_days(contract, date.min, date.max)
        if last <= ledger.world.end or not days:
            continue
        later = ledger.open_ended(contract)
        begin = ledger.world.origin if later else ledger.world.end + ONE_DAY
        due = (contract.value or 0.0) * contract.take_or_pay * ledger.contract_days(contract, begin, date.max) / days
        row = rows.get((contract.id, "after"))
        if later and (term := rows.get((contract.id, "term"))) is not None:
            yield case.judge.equal("take_or_pay", contract.id, "term", term.get("committed_usd"), due, "USD", note="committed")
            counted[contract.provider] = counted.get(contract.provider, 0.0) + term.get("counted_usd")
            spent = _in_days(ledger, contract, ledger.years)
            yield case.judge.at_most("take_or_pay", contract.id, "term", term.get("counted_usd"), spent, "USD", spent, "counted")
            yield case.judge.equal("take_or_pay", contract.id, "term", term.get("shortfall_usd"), 0.0, "USD", note="not yet due")
            due = max(0.0, due - term.get("counted_usd"))
        elif later:
            yield case.judge.fault("take_or_pay", contract.id, "term", "has no row")
        if row is None and due > 0:
            yield case.judge.fault("take_or_pay", contract.id, "after", "has no row")
        elif row is not None:
            yield case.judge.equal("take_or_pay", contract.id, "after", row.get("committed_usd"), due, "USD", note="owed")
    for provider, usd in counted.items():
        billed = sum(claim[0] for (c, _), claim in ledger.claims.items() if ledger.committing[c].provider == provider)
        spends = (s for one in ledger.spend for key, s in one.items() if ledger.world.positions[key].provider == provider)
        whole = sum(spend.commitment for spend in spends)
        yield case.judge.at_most("take_or_pay", provider, "", usd + billed, whole, "USD", whole, "each dollar counts once")


@dataclass(frozen=True)
class Group:
    """Spend of one period that the same contracts may count, with the share of it that each may count at most."""

    usd: float
    shares: dict[str, float]

    def countable(self, contracts: Iterable[str]) -> float:
        return self.usd * min(1.0, sum(self.shares.get(c, 0.0) for c in contracts))


def _allotment(case: Case, ledger: Ledger, provider: str) -> Iterator[Check]:
    """Every dollar goes to one contract at most: by max-flow min-cut the allotment exists if and only if, for every set S of
    commitments, Σ_S spent ≤ Σ_g min(spend_g, Σ_{c∈S} f_cg·spend_g). Years are apart but for contracts that settle over the term:
    for each set of those, the worst set of yearly ones is sought year by year."""
    spent = {key: usd for key, (usd, _) in ledger.claims.items() if usd > 0 and ledger.committing[key[0]].provider == provider}
    if not spent:
        return
    groups = {year: list(_groups(ledger, provider, year)) for year in ledger.years}
    for terms in _subsets([contract for contract, label in spent if label == "term"]):
        named = list(terms)
        value, limit = sum((spent[c, "term"] for c in terms), 0.0), 0.0
        for year in ledger.years:
            yearly = [contract for contract, label in spent if label == str(year)]
            best = _worst(yearly, terms, spent, groups[year], str(year))
            value, limit, named = value + best[0], limit + best[1], [*named, *(f"{c}:{year}" for c in best[2])]
        yield case.judge.at_most("take_or_pay", " ".join(named) or provider, "", value, limit, "USD", note="allotted spend")


def _worst(
    yearly: Sequence[str], terms: Sequence[str], spent: dict[tuple[str, str], float], groups: Sequence[Group], label: str
) -> tuple[float, float, Sequence[str]]:
    """The set of a year's contracts that claims most beyond what it may count: its claim, what it may count, the set."""
    found = []
    for chosen in _subsets(yearly):
        claim, countable = sum(spent[c, label] for c in chosen), sum(group.countable((*terms, *chosen)) for group in groups)
        found.append((claim, countable, chosen))
    return max(found, key=lambda one: one[0] - one[1])


def _subsets(names: Sequence[str]) -> Iterator[Sequence[str]]:
    sizes = range(len(names) + 1) if len(names) <= MOST_CONTRACTS else (0, 1, 2, len(names))
    for size in sizes:
        yield from combinations(names, size)


def _groups(ledger: Ledger, provider: str, year: int) -> Iterator[Group]:
    """Rent and metered energy of a provider in a year, by period and by the contracts that may count it."""
    for period in ledger.world.horizon:
        if period.year != year:
            continue
        sums: dict[tuple[str, ...], float] = {}
        for key, spend in ledger.spend[period.index].items():
            position = ledger.world.positions[key]
            if position.provider == provider:
                counting = tuple(_counting(ledger, position))
                sums[counting] = sums.get(counting, 0.0) + spend.commitment
        for counting, usd in sums.items():
            shares = {
                c: overlap_days(ledger.committing[c].start, ledger.committing[c].end or ledger.world.end, period) / period.days
                for c in counting
            }
            yield Group(max(0.0, usd), shares)


def _counting(ledger: Ledger, position: Position) -> Iterator[str]:
    """The contracts billed within the horizon that spend at a position may count for."""
    return (c for c in _scope(ledger, position) if not ledger.open_ended(ledger.committing[c]))


def _scope(ledger: Ledger, position: Position) -> Iterator[str]:
    """The contracts that spend at a position may count for: the one its offer names, else those with it in scope."""
    for contract in ledger.committing.values():
        sites, accelerators = contract.sites, contract.accelerators
        scope = (not sites or position.site.id in sites) and (not accelerators or position.accelerator in accelerators)
        any_offer = position.offer.contract is None and contract.provider == position.provider and scope
        if any_offer or position.offer.contract == contract.id:
            yield contract.id


def cost_table(case: Case, ledger: Ledger) -> Iterator[Check]:
    """cost.csv item by item, discounted by period or by the end of the year; what racks cost also place by place."""
    yield from _by_place(case, ledger)
    stated: dict[Entry, Amount] = {}
    for row in case.plan.table("cost"):
        amount = stated.setdefault((row.text["period"], row.text["provider"], row.text["item"]), Amount())
        amount.usd, amount.discounted = amount.usd + row.get("amount_usd"), amount.discounted + row.get("discounted_usd")
    for entry in {**stated, **ledger.entries}:
        told, due = stated.get(entry, Amount()), ledger.entries.get(entry, Amount())
        label, provider, item = entry
        subject = f"{provider} {item}".strip()
        yield case.judge.equal("cost", subject, label, told.usd, due.usd, "USD", due.gross)
        yield case.judge.equal("cost", subject, label, told.discounted, due.discounted, "USD", due.gross, "discounted")


def _by_place(case: Case, ledger: Ledger) -> Iterator[Check]:
    """Rent, dark rent and capital of every position, and the names beside them: the contract is the one that its offer names."""
    told: dict[tuple[str, Key, str], float] = {}
    for row in case.plan.table("cost"):
        label, item, key = row.text["period"], row.text["item"], row.place
        position = ledger.world.positions.get(key)
        if item in ("rent", "dark_rent", "capex", "route") and position is None:
            yield case.judge.fault("cost", item, label, f"offer {key[1]} does not stand at site {key[0]}")
        elif position is not None:
            told[label, key, item] = told.get((label, key, item), 0.0) + row.get("amount_usd")
            names = {
                "provider": position.provider,
                "accelerator": position.accelerator,
                "contract": position.offer.contract or "",
            }
            if wrong := [f"{column} {row.text[column]}" for column, name in names.items() if row.text[column] != name]:
                yield case.judge.fault("cost", item, label, f"{', '.join(wrong)} is not that of {' '.join(key)}")
    for period in ledger.world.horizon:
        for key, spend in ledger.spend[period.index].items():
            for item, due in (("rent", spend.rent - spend.dark), ("dark_rent", spend.dark), ("capex", spend.capex)):
                value, subject = told.get((period.label, key, item), 0.0), f"{item} of {' '.join(key)}"
                yield case.judge.equal("cost", subject, period.label, value, due, "USD", abs(spend.rent) + abs(spend.capex))
