"""The tables of a plan that only sum up its racks (mix.csv, power.csv, the totals of plan.json), recomputed and compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from planner.audit.case import Case
from planner.audit.evidence import Check, Row
from planner.audit.ledger import Ledger
from planner.audit.sources import Sources

TOTAL_UNITS = {
    "cost_usd": "USD",
    "spend_usd": "USD",
    "peak_power_mw": "MW",
    "energy_mwh": "MWh",
    "carbon_t": "t",
    "unserved_h100e_h": "h100e*h",
    "shortfall_usd": "USD",
    "demand_scale": "",
}
OBJECTIVES = {  # the total that an objective is
    "cost": "cost_usd", "peak_power": "peak_power_mw", "energy": "energy_mwh", "carbon": "carbon_t",
    "unserved": "unserved_h100e_h", "demand_scale": "demand_scale",
}  # fmt: skip
MIX = {"racks_held": "rack", "gpus": "gpu", "compute_h100e": "h100e", "power_mw": "MW", "spend_usd": "USD"}
SHARES = {"share_compute": "compute_h100e", "share_power": "power_mw", "share_spend": "spend_usd"}


def total_values(case: Case, ledger: Ledger) -> dict[str, float]:
    """The totals of plan.json."""
    unserved = [(row.get("unserved_h100e"), case.world.index[row.text["period"]]) for row in case.plan.table("demand")]
    totals = {
        "cost_usd": ledger.cost.discounted,
        "spend_usd": ledger.item("rent", "dark_rent", "energy", "capex"),
        "peak_power_mw": max(draw.get(("fleet", ""), 0.0) for draw in case.draw),
        "energy_mwh": sum((sum(period.values()) for period in case.energy), 0.0),
        "carbon_t": sum((sum(period.values()) for period in case.carbon), 0.0),
        "unserved_h100e_h": sum((amount * case.world.horizon[t].hours for amount, t in unserved), 0.0),
        "shortfall_usd": ledger.item("shortfall"),
    }
    if case.world.inputs.scenario.objective.name == "demand_scale":
        totals["demand_scale"] = case.scale
    return totals


def mix_table(case: Case, ledger: Ledger) -> Iterator[Check]:
    """mix.csv: racks held and what they deliver, draw and cost, by provider; summary.csv: the same of calendar years and in all,
    spend summed, the rest means over the hours."""
    periods = {period.label: _mix(case, ledger, period.index) for period in case.world.horizon}
    yield from _compared(case, "mix", "period", periods)
    spans: dict[str, dict[str, dict[str, float]]] = {}
    hours: dict[str, float] = {}
    for period in case.world.horizon:
        for span in (str(period.year), "total"):
            hours[span] = hours.get(span, 0.0) + period.hours
    for period in case.world.horizon:
        for span in (str(period.year), "total"):
            for provider, numbers in periods[period.label].items():
                sums = spans.setdefault(span, {}).setdefault(provider, dict.fromkeys(MIX, 0.0))
                for name, value in numbers.items():
                    sums[name] += value if name == "spend_usd" else value * period.hours / hours[span]
    yield from _compared(case, "summary", "span", spans)


def compute_table(case: Case) -> Iterator[Check]:
    """compute.csv: h100e delivered by every provider, kind of work by kind, and its share of the kind."""
    told = {(r.text["period"], r.text["provider"], r.text["kind"]): r for r in case.plan.table("compute")}
    known = {w.kind for w in case.world.workloads.values()}
    for period in case.world.horizon:
        due = case.delivered_by_kind(period.index)
        for (label, provider, kind), row in told.items():
            if label != period.label:
                continue
            amount, whole = due.get(kind, {}).get(provider, 0.0), sum(due.get(kind, {}).values())
            subject = f"{provider} {kind}"
            if kind not in known:
                yield case.judge.fault("tables", subject, label, "no workload is of this kind")
            yield case.judge.equal("compute_by_kind", subject, label, row.get("compute_h100e"), amount, "h100e")
            share = row.number.get("share")
            if whole > 0 or share is not None:
                yield case.judge.equal("compute_by_kind", subject, label, share or 0.0, amount / whole if whole else 0.0, "share")
        for kind, providers in due.items():
            for provider, amount in providers.items():
                if amount > 0 and (period.label, provider, kind) not in told:
                    yield case.judge.fault("compute_by_kind", f"{provider} {kind}", period.label, "has no row")


def _compared(case: Case, table: str, when: str, due: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Iterator[Check]:
    """The rows of a table of providers against what they should be, and their shares of it."""
    stated: dict[str, dict[str, Row]] = {}
    for row in case.plan.table(table):
        stated.setdefault(row.text[when], {})[row.text["provider"]] = row
    for label, providers in due.items():
        whole = {name: sum(numbers[name] for numbers in providers.values()) for name in MIX}
        told = stated.get(label, {})
        for provider in {**providers, **told}:
            found, numbers = told.get(provider), providers.get(provider, dict.fromkeys(MIX, 0.0))
            for name, unit in MIX.items():
                value = found.get(name) if found else 0.0
                yield case.judge.equal(table, f"{provider} {name}", label, value, numbers[name], unit)
            for share, name in SHARES.items():
                if found and abs(whole[name]) > 1e-3:  # a share of nothing is not judged
                    part, subject = numbers[name] / whole[name], f"{provider} {share}"
                    yield case.judge.equal(table, subject, label, found.get(share), part, "share")


def _mix(case: Case, ledger: Ledger, t: int) -> dict[str, dict[str, float]]:
    delivered, spent = case.delivered(t), ledger.by_provider(t)
    found: dict[str, dict[str, float]] = {}
    for key, stocks in case.plan.stock[t].items():
        position = case.world.positions[key]
        numbers = found.setdefault(position.provider, dict.fromkeys(MIX, 0.0))
        numbers["racks_held"] += stocks.held
        numbers["gpus"] += position.gpus * stocks.held
        numbers["power_mw"] += position.mw * stocks.online
    for provider in spent:  # sources may stand where no racks do
        found.setdefault(provider, dict.fromkeys(MIX, 0.0))
    for provider, numbers in found.items():
        numbers["compute_h100e"], numbers["spend_usd"] = delivered.get(provider, 0.0), spent.get(provider, 0.0)
    return found


def power_table(case: Case, sources: Sources) -> Iterator[Check]:
    """power.csv: draw, limit, headroom, energy and carbon of every scope; rows of nothing may be left out."""
    stated: dict[str, dict[tuple[str, str], Row]] = {}
    for row in case.plan.table("power"):
        one = row.text["scope"], "" if row.text["scope"] == "fleet" else row.text["id"]
        stated.setdefault(row.text["period"], {})[one] = row
    limits: dict[tuple[str, str, str], float] = {}
    for cap in case.world.caps:
        at = case.world.horizon[cap.period].label, cap.scope, cap.id
        limit = cap.limit + (sources.firm(cap.id, cap.period) if cap.scope == "site" else 0.0)
        limits[at] = min(limit, limits.get(at, limit))
    for period in case.world.horizon:
        t, label = period.index, period.label
        for scope, name in {**case.draw[t], **case.carbon_by_scope[t], **stated.get(label, {})}:
            due, one = stated.get(label, {}).get((scope, name)), (scope, name)
            draw, subject = max(0.0, case.draw[t].get(one, 0.0)), f"{scope} {name}".strip()  # a grid may be fed by its sites
            value = due.number if due else {}
            for column_name, right, unit in (
                ("draw_mw", draw, "MW"),
                ("energy_mwh", case.energy_by_scope[t].get(one, 0.0), "MWh"),
                ("carbon_t", case.carbon_by_scope[t].get(one, 0.0), "t"),
            ):
                yield case.judge.equal("power", f"{subject} {column_name}", label, value.get(column_name, 0.0), right, unit)
            if due:
                yield from _limit(case, subject, label, value, draw, limits.get((label, scope, name)))


def _limit(case: Case, subject: str, label: str, value: Mapping[str, float], draw: float, limit: float | None) -> Iterator[Check]:
    stated = value.get("limit_mw")
    if limit is None or stated is None:
        if limit is not stated:
            note = "there is no such limit" if limit is None else f"the limit of {limit:g} MW is not shown"
            yield case.judge.fault("power", f"{subject} limit_mw", label, note)
        return
    yield case.judge.equal("power", f"{subject} limit_mw", label, stated, limit, "MW")
    if "headroom_mw" in value:
        headroom = value["headroom_mw"]
        yield case.judge.equal("power", f"{subject} headroom_mw", label, headroom, limit - draw, "MW", limit + draw)


def claimed_totals(case: Case, ledger: Ledger, totals: Mapping[str, float], claimed: Mapping[str, float]) -> Iterator[Check]:
    """The totals of plan.json that are told, against those recomputed."""
    for name, value in claimed.items():
        if name in totals:
            gross = ledger.cost.gross if TOTAL_UNITS[name] == "USD" else 0.0
            told = float(value) if isinstance(value, (int, float)) else float("nan")
            yield case.judge.equal("totals", name, "", told, totals[name], TOTAL_UNITS[name], gross)
