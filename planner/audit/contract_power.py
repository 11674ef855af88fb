"""Power that contracts give and ask for (5), before a loss and after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from planner.audit.case import Case
from planner.audit.evidence import Check
from planner.audit.premises import ONE_DAY, Key
from planner.core.calendar import Period
from planner.inputs.tables import Contract


def contract_power(case: Case) -> Iterator[Check]:
    """(5)  floor ≤ rated load over the scope ≤ ceiling in every slice; contracts of a provider with the same scope add up day by
    day, the lowest ceiling and the highest floor of the days count."""
    for contracts, inside in contract_scopes(case):
        subject = " ".join(contract.id for contract in contracts)
        for period in case.world.horizon:
            slices = case.loaded[period.index].values()
            draws = [sum(inside[key] * racks for key, racks in at.items() if key in inside) for at in slices]
            ceilings = daily_sums([(c, c.max_power) for c in contracts], period, case.world.end)
            floors = daily_sums([(c, c.min_power) for c in contracts], period, case.world.end)
            if ceilings:
                yield case.judge.at_most("contract_power", subject, period.label, max(draws), min(ceilings), "MW")
            if floors:
                yield case.judge.at_least("contract_power", subject, period.label, min(draws), max(floors), "MW")


def contract_scopes(case: Case) -> Iterator[tuple[list[Contract], dict[Key, float]]]:
    """Contracts of a provider with the same scope, and the MW that a rack draws at each position in it."""
    groups: dict[tuple[str, frozenset[str], frozenset[str]], list[Contract]] = {}
    for contract in case.world.inputs.contracts:
        scope = contract.provider, frozenset(contract.sites), frozenset(contract.accelerators)
        groups.setdefault(scope, []).append(contract)
    for (provider, sites, accelerators), contracts in groups.items():
        yield (
            contracts,
            {
                key: position.mw
                for key, position in case.world.positions.items()
                if position.provider == provider
                and (not sites or position.site.id in sites)
                and (not accelerators or position.accelerator in accelerators)
            },
        )


def daily_sums(powers: Iterable[tuple[Contract, float | None]], period: Period, end: date) -> list[float]:
    """Sums over the contracts that run, for the days of a period on which one does (only days on which that may change)."""
    terms = [(c.start, c.end or end, power) for c, power in powers if power is not None]
    days = {period.first} | {
        day for first, last, _ in terms for day in (first, last + ONE_DAY) if period.first < day <= period.last
    }
    running = [[power for first, last, power in terms if first <= day <= last] for day in days]
    return [sum(found) for found in running if found]
