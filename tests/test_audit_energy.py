"""The auditor on energy plans made by hand: slices, sources, batteries. Each rule passes once and fails once under its name.

The world of test_audit.py (a rack has 0.125 MW at s1, 0.15 MW at s2, average load 0.8, 20 h100e) with two slices, `day` and
`night`, of half the hours each: 1080 in the first quarter, 1092 in the second. s2 takes metered offers only and has the sources.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from planner.audit.slots import Calendar
from planner.audit.verdict import audit
from planner.inputs.assembly import Inputs
from tests.test_audit import HOURS, LIMITS, OFFERS, SITES, Tables, complete, contract_row, fails, inputs_of, passes, rules, text

ENERGY = """
[energy]
slices = "dn"
[[slice]]
set = "dn"
id = "day"
hours = "8-19"
[[slice]]
set = "dn"
id = "night"
hours = "0-7;20-23"
[[shape]]
id = "sun"
hours = "8-19"
value = 0.5
[[shape]]
id = "sun"
hours = "0-7;20-23"
value = 0
[[shape]]
id = "wave"
hours = "8-19"
value = 1.2
[[shape]]
id = "wave"
hours = "0-7;20-23"
value = 0.8
"""
GRID_SOURCE = "grid"
Place = tuple[str, str]
Uses = dict[str, dict[Place, float]]  # slice, (site, offer): racks
Flows = Callable[[str, str], dict[Place, float]]  # (period, slice) -> (site, source): MW
O1, O2, OD = ("s1", "o1"), ("s2", "o2"), ("s1", "od")
ONLINE: dict[Place, float] = {O1: 100, O2: 40, OD: 10}
HALF = {"day": 0.5, "night": 0.5}
FLAT: Uses = {"day": ONLINE, "night": ONLINE}
LOAD = 40 * 0.15 * 0.8  # of s2, 4.8 MW


def energy_of(tmp_path: Path, extra: str = "", *changes: tuple[str, str], energy: str = ENERGY) -> Inputs:
    return inputs_of(tmp_path, energy + extra, *changes)


def plan(
    use: Uses = FLAT,
    online: Mapping[Place, float] = ONLINE,
    run: Uses | None = None,
    idle: float = 1.0,
    flows: Flows | None = None,
    sources: Mapping[str, tuple[float, float, float]] | None = None,  # variable cost, carbon, water
    built: Mapping[str, tuple[str, list[tuple[float, float, float, float]]]] | None = None,  # provider; added, there, paid, cost
    price: Mapping[str, float] | None = None,  # what the price of every grid is multiplied with in a slice
    carbon: Mapping[str, float] | None = None,
    firm: Mapping[str, float] | None = None,
    demand: float = 3000,
    unserved: float = 0,
    share: Mapping[str, float] = HALF,  # of the hours, by slice
    limits: Mapping[tuple[str, str], float] = LIMITS,
    costs: list[tuple[str, str, str, float]] | None = None,
    **tables: list[dict[str, str]],
) -> Tables:
    """The tables of a plan with the same racks in both quarters; where `flows` names no source of a site, its grid gives all."""
    book: Tables = {name: [] for name in ("fleet", "allocation", "dispatch", "energy", "built", "mix", "power", "demand", "cost")}
    if run is not None:
        book["running"] = []
    usd: dict[tuple[str, ...], float] = {}
    power: dict[tuple[str, str, str], dict[str, list[float]]] = {}
    mix: dict[tuple[str, str], list[float]] = {}
    whole = sum(HOURS.values())
    for p, hours in HOURS.items():
        for (site, offer), racks in online.items():
            provider, country, _, mw, _, _ = SITES[site]
            head = {"period": p, "provider": provider, "site": site, "accelerator": "gb", "offer": offer}
            added = racks if p == "2026-Q1" and offer != "od" else 0
            book["fleet"].append(head | text(racks_added=added, racks_held=racks, racks_online=racks, power_mw=mw * racks))
            mean = sum(share[s] * use[s].get((site, offer), 0) for s in use)
            if mean:
                cells = text(racks=mean, gpus=10 * mean, compute_h100e=20 * mean)
                book["allocation"].append(head | {"workload": "w", "country": country} | cells)
            rent, _, capex = OFFERS[offer]
            for item, each in (("rent", rent), ("capex", capex)):
                key = (p, provider, item, site, offer)
                usd[key] = usd.get(key, 0) + each * racks * hours
            for label, weight in ((p, 1.0), ("total", hours / whole)):
                sums = mix.setdefault((label, provider), [0.0] * 5)
                for i, value in enumerate((racks, 10 * racks, 20 * mean, mw * racks)):
                    sums[i] += weight * value
        for s in use:
            h = hours * share[s]
            load, billed, rated = dict.fromkeys(SITES, 0.0), dict.fromkeys(SITES, 0.0), dict.fromkeys(SITES, 0.0)
            for (site, offer), racks in online.items():
                head = {"period": p, "slice": s, "site": site, "accelerator": "gb", "offer": offer}
                used = use[s].get((site, offer), 0)
                if used:
                    book["dispatch"].append(head | {"workload": "w"} | text(racks=used, compute_h100e=20 * used))
                runs = racks
                if run is not None and (site, offer) in run[s]:
                    runs = run[s][site, offer]
                    book["running"].append(head | text(racks_running=runs))
                drawn = SITES[site][3] * (idle * racks + (1 - idle) * runs)
                rated[site] += drawn
                load[site] += 0.8 * drawn
                billed[site] += 0.8 * drawn if offer == "o2" else 0
            told = flows(p, s) if flows else {}
            for site in SITES:
                told = told if any(at == site for at, _ in told) else told | {(site, GRID_SOURCE): load[site]}
            own, tonnes = dict.fromkeys(SITES, 0.0), dict.fromkeys(SITES, 0.0)
            for (site, source), mw in told.items():
                provider, _, grid, _, dirt, _ = SITES[site]
                variable, dirt_of, water = (sources or {}).get(source, (0.0, 0.0, 0.0))
                if source == GRID_SOURCE:
                    variable, dirt_of = {"g1": 50, "g2": 100}[grid] * (price or {}).get(s, 1), dirt * (carbon or {}).get(s, 1)
                bought = (mw - load[site] + billed[site]) if source == GRID_SOURCE else mw
                paid = bought * h * variable
                usd[p, provider, "energy"] = usd.get((p, provider, "energy"), 0) + paid
                tonnes[site] += mw * h * dirt_of
                if source != GRID_SOURCE and not source.startswith("ppa"):
                    own[site] += mw
                litres = max(mw, 0) * water * h * 1000
                cells = text(mw=mw, mwh=mw * h, cost_usd=paid, carbon_t=mw * h * dirt_of, water_l=litres)
                book["energy"].append({"period": p, "slice": s, "site": site, "source": source} | cells)
            for site, (provider, country, grid, *_) in SITES.items():
                scopes = (("site", site), ("grid", grid), ("country", country), ("provider", provider), ("fleet", "all"))
                for scope, name in scopes:
                    sums = power.setdefault((p, scope, name), {}).setdefault(s, [0.0, 0.0, 0.0])
                    sums[0] += rated[site] - (own[site] if scope == "grid" else 0)
                    sums[1], sums[2] = sums[1] + load[site] * h, sums[2] + tonnes[site]
        for source, (provider, rows) in (built or {}).items():
            added, there, paid, cost = rows[list(HOURS).index(p)]
            usd[p, provider, "energy"] = usd.get((p, provider, "energy"), 0) + cost
            cells = text(built_mw=added, there_mw=there, paid_mwh=paid, cost_usd=cost)
            book["built"].append({"source": source, "period": p} | cells)
        served = sum(20 * share[s] * r for s in use for r in use[s].values())
        cells = text(demand_h100e=demand, served_h100e=served, unserved_h100e=unserved)
        book["demand"].append({"period": p, "workload": "w"} | cells)
    for (p, provider, *_), amount in usd.items():
        for label in (p, "total"):
            if provider:
                mix[label, provider][4] += amount
    for key, amount in [*usd.items(), *((tuple(row[:3]), row[3]) for row in costs or [])]:
        if amount:
            row = dict(zip(("period", "provider", "item", "site", "offer"), key, strict=False))
            row |= {"accelerator": "gb"} if "offer" in row else {}
            book["cost"].append(row | text(amount_usd=amount, discounted_usd=amount))
    for (label, provider), values in mix.items():
        sums = [sum(v[i] for (at, _), v in mix.items() if at == label) for i in range(5)]
        cells = text(**dict(zip(("racks_held", "gpus", "compute_h100e", "power_mw", "spend_usd"), values, strict=True)))
        shares = text(**{f"share_{n}": values[i] / sums[i] for n, i in (("compute", 2), ("power", 3), ("spend", 4))})
        book["mix"].append({"period": label, "provider": provider} | cells | shares)
    for (p, scope, name), slices in power.items():
        draw, limit = max(v[0] for v in slices.values()), limits.get((scope, name))
        limit = None if limit is None else limit + (firm or {}).get(name, 0)
        cells = text(draw_mw=draw, energy_mwh=sum(v[1] for v in slices.values()), carbon_t=sum(v[2] for v in slices.values()))
        bound = {"limit_mw": "", "headroom_mw": ""} if limit is None else text(limit_mw=limit, headroom_mw=limit - draw)
        book["power"].append({"period": p, "scope": scope, "id": name} | cells | bound)
    return complete(book | tables)


def forge(tables: Tables, table: str, cells: dict[str, str], **where: str) -> Tables:
    """The tables with cells of the first matching row changed."""
    found = next(row for row in tables[table] if all(row[name] == value for name, value in where.items()))
    rows = [row | cells if row is found else row for row in tables[table]]
    return tables | {table: rows}


# --- calendar -----------------------------------------------------------------------------------------------------------


def test_hours_and_means_by_hand(tmp_path: Path) -> None:
    """A winter of December to February, its nights apart, in two quarters; a shape that is 2 in February and 1 else."""
    seasons = """
[energy]
slices = "set"
[[slice]]
set = "set"
id = "winter-day"
months = "12;1-2"
hours = "6-23"
[[slice]]
set = "set"
id = "winter-night"
months = "12;1-2"
hours = "0-5"
[[slice]]
set = "set"
id = "rest"
months = "3-11"
[[shape]]
id = "f"
months = "2"
value = 2
[[shape]]
id = "f"
months = "1;3-12"
value = 1
"""
    calendar = Calendar(inputs_of(tmp_path, seasons))
    assert calendar.hours == [{"winter-day": 59 * 18, "winter-night": 59 * 6, "rest": 31 * 24}, {"rest": 91 * 24}]
    assert calendar.mean("f", 0, "winter-day") == pytest.approx((31 + 2 * 28) / 59)
    assert calendar.over("f", 0, calendar.whole(0)) == pytest.approx((31 + 2 * 28 + 31) / 90)
    assert calendar.groups(0) == [(("winter-day", "winter-night"), 59), (("rest",), 31)]
    assert calendar.slots("day", 0) == [("winter-day", "winter-night"), ("rest",)]
    assert calendar.slots("no", 1) == [("rest",)]
    assert calendar.slots("period", 0) == [("winter-day", "winter-night", "rest")]


# --- tables -------------------------------------------------------------------------------------------------------------


def test_totals_by_hand(tmp_path: Path) -> None:
    """As without slices: 3380 USD an hour over 4344 hours, whatever flat shapes do."""
    totals = {"cost_usd": 3380 * 4344.0, "peak_power_mw": 19.75, "energy_mwh": 0.8 * 19.75 * 4344}
    verdict = passes(energy_of(tmp_path), plan(), totals)
    assert verdict.totals["carbon_t"] == pytest.approx((13.75 * 0.8 * 0.5 + 6 * 0.8 * 0.2) * 4344)


def test_without_an_energy_section_nothing_of_it_counts(tmp_path: Path) -> None:
    """The tables of energy may be missing, shapes multiply nothing and idle racks draw what others do."""
    rest = ENERGY.replace('[energy]\nslices = "dn"\n', "")
    inputs = inputs_of(tmp_path, rest, ('country = "DE"', 'country = "DE"\nprice_shape = "sun"'), ("0.8", "0.8\nidle_load = 0.1"))
    tables = plan()
    for name in ("dispatch", "energy", "built"):
        del tables[name]
    passes(inputs, tables)


@pytest.mark.parametrize(
    "table, where, cells",
    [
        ("dispatch", {}, {"slice": "noon"}),
        ("dispatch", {}, {"site": "s2"}),
        ("dispatch", {}, {"racks": "nan"}),
        ("energy", {"site": "s2"}, {"source": "sol"}),
        ("energy", {}, {"mw": "-"}),
    ],
)
def test_forged_cells(tmp_path: Path, table: str, where: dict[str, str], cells: dict[str, str]) -> None:
    fails(energy_of(tmp_path), forge(plan(), table, cells, **where), "tables")


@pytest.mark.parametrize("table", ["dispatch", "energy", "built", "running"])
def test_missing_tables(tmp_path: Path, table: str) -> None:
    inputs = energy_of(tmp_path, SOLAR, ("0.8", "0.8\nidle_load = 0.5"))
    fails(inputs, {name: rows for name, rows in solar(run=FLAT).items() if name != table}, "tables")


def test_a_slice_without_hours_is_not_there(tmp_path: Path) -> None:
    summer = '[[slice]]\nset = "dn"\nid = "july"\nmonths = "7"\n'
    rest = ENERGY.replace('hours = "8-19"\n[[slice]]', 'hours = "8-19"\nmonths = "1-6;8-12"\n[[slice]]')
    rest = rest.replace('"0-7;20-23"\n[[shape]]', '"0-7;20-23"\nmonths = "1-6;8-12"\n[[shape]]', 1)
    inputs = energy_of(tmp_path, summer, energy=rest)
    passes(inputs, plan())
    fails(inputs, forge(plan(), "dispatch", {"slice": "july"}), "tables")


def test_random_damage_never_raises(tmp_path: Path) -> None:
    inputs, dice = energy_of(tmp_path, SOLAR + GAS + BATTERY + PPA, IDLE), random.Random(1)
    values = ["", "nan", "-1", "1e308", "x", "2026-Q2", "night", "s1", "s2", "od", "aws", "bat charge", "sol", "ppa", "grid", "0"]
    whole = battery() | {"built": gas()["built"] + bought()["built"] + solar()["built"], "running": plan(run=FLAT)["running"]}
    whole["energy"] = whole["energy"] + gas()["energy"] + bought()["energy"]
    for _ in range(200):
        tables = copy.deepcopy(whole)
        for _ in range(3):
            row = dice.choice(tables[dice.choice(sorted(tables))])
            row[dice.choice(sorted(row))] = dice.choice(values)
        audit(inputs, tables)
        del tables[dice.choice(sorted(tables))]
        audit(inputs, tables)


def test_demand_scale_with_shapes(tmp_path: Path) -> None:
    scaled = energy_of(tmp_path, '[objective]\nmaximize = "demand_scale"\n', (WAVE[0], WAVE[1].replace("2500", "2000")))
    verdict = passes(scaled, plan(WAVES, demand=2500), {"demand_scale": 1.25})
    assert verdict.totals["demand_scale"] == pytest.approx(1.25)
    fails(scaled, plan(EVEN, demand=2500), "slot_demand", only=True)


# --- racks by slice -----------------------------------------------------------------------------------------------------

IDLE = ("average_load = 0.8", "average_load = 0.8\nidle_load = 0.4")
LAZY: Uses = {"day": ONLINE, "night": {O1: 100, O2: 20, OD: 10}}


def test_racks_that_rest(tmp_path: Path) -> None:
    """At night 20 of 40 racks at s2 rest and draw 40 %: 0.15·(16 + 12) MW instead of 6."""
    inputs = energy_of(tmp_path, "", IDLE, ('demand = "3000 h100e"', 'demand = "2800 h100e"\nflexible = "day"'))
    tables = plan(LAZY, run=LAZY, idle=0.4, demand=2800)
    verdict = passes(inputs, tables, {"peak_power_mw": 19.75})
    assert verdict.totals["energy_mwh"] == pytest.approx(0.8 * (19.75 + 13.75 + 4.2) * 2172)
    fails(inputs, forge(tables, "running", {"racks_running": "41"}, site="s2"), "running")
    fails(inputs, forge(tables, "running", {"racks_running": "19"}, site="s2"), "slice_capacity")
    fails(energy_of(tmp_path, "", ('"3000 h100e"', '"2800 h100e"\nflexible = "day"')), tables, "running")  # none may rest


def test_dispatch(tmp_path: Path) -> None:
    inputs, tables = energy_of(tmp_path), plan()
    fails(inputs, forge(tables, "dispatch", {"racks": "101", "compute_h100e": "2020"}), "slice_capacity")
    fails(inputs, forge(tables, "dispatch", {"racks": "99", "compute_h100e": "1980"}), "dispatch")
    fails(inputs, forge(tables, "dispatch", {"compute_h100e": "1980"}), "dispatch", only=True)
    elsewhere = energy_of(tmp_path, "", ('id = "w"', 'id = "w"\ncountries = ["US"]'))
    assert [c.subject for c in fails(elsewhere, tables, "eligibility").failures][:2] == ["w at s2 o2"] * 2


def test_on_demand_is_paid_in_all_hours(tmp_path: Path) -> None:
    use: Uses = {"day": ONLINE, "night": {O1: 100, O2: 40}}
    inputs = energy_of(tmp_path, "", ('"3000 h100e"', '"2900 h100e"\nflexible = "day"'))
    passes(inputs, plan(use, demand=2900))
    fails(inputs, forge(plan(use, demand=2900), "fleet", {"racks_held": "5"}, offer="od"), "on_demand")


def test_slices_weigh_by_their_hours(tmp_path: Path) -> None:
    """A day of 6 hours: 2800 h100e on the mean are 3000 by day and 2733 at night, of which 26.667 racks at s2."""
    short = ENERGY.replace("8-19", "10-15").replace("0-7;20-23", "0-9;16-23")
    inputs = energy_of(tmp_path, "", IDLE, ('demand = "3000 h100e"', 'demand = "2800 h100e"\nflexible = "day"'), energy=short)
    use: Uses = {"day": ONLINE, "night": {O1: 100, O2: 80 / 3, OD: 10}}
    passes(inputs, plan(use, run=use, idle=0.4, demand=2800, share={"day": 0.25, "night": 0.75}))
    other: Uses = {"day": ONLINE, "night": {O1: 100, O2: 20, OD: 10}}
    assert {"dispatch", "slot_demand", "energy"} <= rules(audit(inputs, plan(other, run=other, idle=0.4, demand=2800)))


# --- demand by slot -----------------------------------------------------------------------------------------------------

WAVE = ('demand = "3000 h100e"', 'demand = "2500 h100e"\ndemand_shape = "wave"')
WAVES: Uses = {"day": ONLINE, "night": {O1: 90, O2: 10, OD: 0}}  # 1.2 · 2500 = 3000 and 0.8 · 2500 = 2000
EVEN: Uses = {"day": {O1: 85, O2: 30, OD: 10}, "night": {O1: 85, O2: 30, OD: 10}}


def test_demand_follows_its_shape(tmp_path: Path) -> None:
    inputs = energy_of(tmp_path, "", WAVE)
    passes(inputs, plan(WAVES, demand=2500))
    fails(inputs, plan(EVEN, demand=2500), "slot_demand", only=True)


@pytest.mark.parametrize("flexible", ["day", "period"])
def test_flexible_demand(tmp_path: Path, flexible: str) -> None:
    inputs = energy_of(tmp_path, "", (WAVE[0], f'{WAVE[1]}\nflexible = "{flexible}"'))
    passes(inputs, plan(EVEN, demand=2500))
    passes(inputs, plan(WAVES, demand=2500))
    fails(inputs, plan(EVEN, demand=2490), "demand")


def test_day_groups_are_apart(tmp_path: Path) -> None:
    """What is missing in January to March cannot be made up for in April, within one half-year."""
    halves = ENERGY.replace('hours = "8-19"\n[[slice]]', 'months = "1-3"\n[[slice]]').replace(
        'hours = "0-7;20-23"\n[[shape]]', 'months = "4-12"\n[[shape]]', 1
    )
    for flexible, good in (("day", False), ("period", True)):
        year = ('step = "quarter"', 'step = "half"')
        inputs = energy_of(tmp_path, "", year, ('"3000 h100e"', f'"2900 h100e"\nflexible = "{flexible}"'), energy=halves)
        assert Calendar(inputs).hours == [{"day": 2160, "night": 2184}]
        mean = (140 * 2160 + 150 * 2184) / 4344 * 20
        tables: Tables = {
            "allocation": [],
            "fleet": [],
            "energy": [],
            "demand": [{"period": "2026-H1", "workload": "w"} | text(demand_h100e=2900, served_h100e=mean, unserved_h100e=0)],
            "dispatch": [
                {"period": "2026-H1", "slice": s, "workload": "w", "site": "s1", "accelerator": "gb", "offer": "o1"}
                | text(racks=racks, compute_h100e=20 * racks)
                for s, racks in (("day", 2900 * 4344 / 20 / 2160 - 140 * 2184 / 2160), ("night", 140))
            ],
        }
        assert ("slot_demand" in rules(audit(inputs, tables))) is not good


def test_unserved_in_slots(tmp_path: Path) -> None:
    """Of 3000 at day 2800 is served, all 2000 at night: 100 on the mean. More at night does not make up for it."""
    priced = energy_of(tmp_path, "", (WAVE[0], WAVE[1] + '\nunserved = "2 USD/h100e/hour"'))
    day: dict[Place, float] = {O1: 100, O2: 40, OD: 0}
    paid = [(p, "", "unserved", 200.0 * h) for p, h in HOURS.items()]
    passes(priced, plan({"day": day, "night": WAVES["night"]}, demand=2500, unserved=100, costs=paid))
    fails(priced, plan({"day": day, "night": {O1: 100, O2: 10, OD: 0}}, demand=2500, costs=[]), "slot_demand")
    free = energy_of(tmp_path, "", WAVE)
    fails(free, plan({"day": day, "night": WAVES["night"]}, demand=2500, unserved=100, costs=paid), "slot_demand")


# --- prices, carbon, caps -------------------------------------------------------------------------------------------------


def test_price_and_carbon_by_slice(tmp_path: Path) -> None:
    """Racks that rest at night save what energy costs at night."""
    wave = ('price = "100 USD/MWh"', 'price = "100 USD/MWh"\nprice_shape = "wave"\ncarbon_shape = "sun"')
    changes = (IDLE, ('demand = "3000 h100e"', 'demand = "2800 h100e"\nflexible = "day"'))
    inputs = energy_of(tmp_path, "", wave, *changes)
    tables = plan(LAZY, run=LAZY, idle=0.4, demand=2800, price={"day": 1.2, "night": 0.8})
    assert "energy" in rules(audit(inputs, tables))  # s2's carbon is not that of a flat shape
    flat = energy_of(tmp_path, "", (wave[0], wave[1].split("\ncarbon")[0]), *changes)
    passes(flat, tables)
    fails(flat, plan(LAZY, run=LAZY, idle=0.4, demand=2800), "cost")
    dirty = ('carbon = "200 g/kWh"', 'carbon = "200 g/kWh"\ncarbon_shape = "sun"')
    both = energy_of(tmp_path, "", dirty, ('carbon = "500 g/kWh"', 'carbon = "500 g/kWh"\ncarbon_shape = "sun"'), *changes)
    passes(both, plan(LAZY, run=LAZY, idle=0.4, demand=2800, carbon={"day": 0.5, "night": 0}))
    fails(both, plan(LAZY, run=LAZY, idle=0.4, demand=2800), "power")


LIMIT_CASES = [
    ("fleet_power", ("fleet", "all"), '[limits]\nfleet_power = "{} MW"', 19.75),
    ("provider_power", ("provider", "aws"), '[limits.provider_power]\naws = "{} MW"', 6),
    ("country_power", ("country", "DE"), '[limits.country_power]\nDE = "{} MW"', 6),
]


@pytest.mark.parametrize("rule, scope, limit, mw", LIMIT_CASES)
def test_caps_hold_in_every_slice(tmp_path: Path, rule: str, scope: tuple[str, str], limit: str, mw: float) -> None:
    """Racks that rest at night keep no cap by day."""
    changes = (IDLE, ('demand = "3000 h100e"', 'demand = "2800 h100e"\nflexible = "day"'))
    for value, good in ((mw, True), (mw - 0.5, False)):
        inputs = energy_of(tmp_path, limit.format(value), *changes)
        tables = plan(LAZY, run=LAZY, idle=0.4, demand=2800, limits=LIMITS | {scope: value})
        assert rules(audit(inputs, tables)) == (set() if good else {rule})


def test_contract_power_by_slice(tmp_path: Path) -> None:
    """s2 draws 6 MW by day and 4.2 at night."""
    deal = '[[contract]]\nid = "c"\nprovider = "aws"\nstart = 2026-01-01\n'
    changes = (IDLE, ('demand = "3000 h100e"', 'demand = "2800 h100e"\nflexible = "day"'))
    tables = plan(LAZY, run=LAZY, idle=0.4, demand=2800, contracts=[])
    passes(energy_of(tmp_path, deal + 'max_power = "6 MW"\nmin_power = "4.2 MW"\n', *changes), tables)
    fails(energy_of(tmp_path, deal + 'max_power = "5 MW"\n', *changes), tables, "contract_power", only=True)
    fails(energy_of(tmp_path, deal + 'min_power = "5 MW"\n', *changes), tables, "contract_power", only=True)


def test_oversubscription(tmp_path: Path) -> None:
    """6 MW of racks behind 5 MW: run 33 of 40 where nothing is drawn by idle racks; the sun adds 0.5 · 2 MW by day."""
    over = ENERGY.replace('slices = "dn"', 'slices = "dn"\noversubscribe = true')
    small = ('power = "10 MW"', 'power = "5 MW"')
    idle = ("average_load = 0.8", "average_load = 0.8\nidle_load = 0")
    limits = LIMITS | {("site", "s2"): 5.0}
    use: Uses = {"day": {O1: 100, O2: 33, OD: 10}, "night": {O1: 100, O2: 33, OD: 10}}
    changes = (small, idle, ("3000 h100e", "2860 h100e"))
    passes(energy_of(tmp_path, "", *changes, energy=over), plan(use, run=use, idle=0, demand=2860, limits=limits))
    fails(energy_of(tmp_path, "", *changes), plan(use, run=use, idle=0, demand=2860, limits=limits), "site_power", only=True)
    more: Uses = {"day": {**use["day"], O2: 34}, "night": {**use["night"], O2: 32}}
    flexible = (*changes[:2], ('demand = "3000 h100e"', 'demand = "2860 h100e"\nflexible = "day"'))
    tables = plan(more, run=more, idle=0, demand=2860, limits=limits)
    fails(energy_of(tmp_path, "", *flexible, energy=over), tables, "site_power", only=True)

    def flows(period: str, name: str) -> dict[Place, float]:
        sun = 1.0 if name == "day" else 0.0
        return {("s2", "sol"): sun, ("s2", "grid"): more[name][O2] * 0.15 * 0.8 - sun}

    built = {"sol": ("aws", [(0.0, 2.0, 1080.0, 0.0), (0.0, 2.0, 1092.0, 0.0)])}
    helped = plan(more, run=more, idle=0, demand=2860, limits=limits, flows=flows, built=built)
    passes(energy_of(tmp_path, SOLAR.replace("4 MW", "2 MW"), *flexible, energy=over), helped)


# --- sources of a site ----------------------------------------------------------------------------------------------------

SOLAR = '[[power_source]]\nid = "sol"\nkind = "solar"\nsite = "s2"\ncapacity = "4 MW"\nshape = "sun"\n'
GAS = """
[[power_source]]
id = "gas"
kind = "gas"
site = "s2"
max_build = "5 MW"
lead_time = "0.25 year"
capex = "876.6 USD/kW"
lifetime = "10 year"
fixed_om = "8.766 USD/kW/year"
variable_cost = "40 USD/MWh"
carbon = "400 g/kWh"
water = "0.8 L/kWh"
"""
BATTERY = """
[[power_source]]
id = "bat"
kind = "battery"
site = "s2"
capacity = "1 MW"
duration = "4 hour"
efficiency = 0.8
"""
PPA = """
[[power_source]]
id = "ppa"
kind = "ppa"
grid = "g2"
capacity = "3 MW"
variable_cost = "60 USD/MWh"
fixed_om = "8.766 USD/kW/year"
min_take = 0.5
"""
DAY, NIGHT = 1080 / 2160, 1092 / 2184


def solar(sun: float = 2.0, **more: Any) -> Tables:
    def flows(period: str, name: str) -> dict[Place, float]:
        got = sun if name == "day" else 0.0
        return {("s2", "sol"): got, ("s2", "grid"): LOAD - got}

    built = {"sol": ("aws", [(0.0, 4.0, sun * h / 2, 0.0) for h in HOURS.values()])}
    return plan(flows=flows, built=built, **more)


def test_solar(tmp_path: Path) -> None:
    inputs = energy_of(tmp_path, SOLAR)
    verdict = passes(inputs, solar())
    assert verdict.totals["spend_usd"] == pytest.approx((3380 - 100) * 4344.0)  # 2 MW by day save 200 USD in half of the hours
    fails(inputs, solar(2.1), "generation", only=True)
    night = forge(solar(), "energy", {"mw": "1", "mwh": "1080"}, source="sol", slice="night")
    fails(inputs, night, "generation")
    fails(inputs, forge(solar(), "energy", {"mw": "2.9", "mwh": "3132"}, site="s2", source="grid", slice="day"), "balance")
    fails(inputs, forge(solar(), "energy", {"mwh": "2161"}, source="sol"), "energy")
    fails(inputs, forge(solar(), "energy", {"cost_usd": "5"}, source="sol"), "energy", only=True)
    fails(inputs, forge(solar(), "energy", {"carbon_t": "5"}, source="sol"), "energy", only=True)
    fails(inputs, forge(solar(), "energy", {"site": "s1"}, source="sol"), "tables")


def test_flows_keep_their_sign(tmp_path: Path) -> None:
    inputs = energy_of(tmp_path, SOLAR.replace("4 MW", "40 MW"))
    built = {"sol": ("aws", [(0.0, 40.0, 5 * h / 2, 0.0) for h in HOURS.values()])}

    def sold(period: str, name: str) -> dict[Place, float]:
        got = 5.0 if name == "day" else 0.0
        return {("s2", "sol"): got, ("s2", "grid"): LOAD - got}

    fails(inputs, plan(flows=sold, built=built), "flow", only=True)


def test_metered_offers_only(tmp_path: Path) -> None:
    here = SOLAR.replace('"s2"', '"s1"')
    load = 110 * 0.125 * 0.8

    def flows(period: str, name: str) -> dict[Place, float]:
        return {("s1", "sol"): 0.0, ("s1", "grid"): load}

    built = {"sol": ("azure", [(0.0, 4.0, 0.0, 0.0)] * 2)}
    fails(energy_of(tmp_path, here), plan(flows=flows, built=built), "metered_only", only=True)


def gas(added: float = 2.0, there: float = 2.0, made: float = 2.0, **more: Any) -> Tables:
    """Decided in the first quarter, there in the second: 10 + 1 USD per MW and hour, and 40 USD per MWh."""

    def flows(period: str, name: str) -> dict[Place, float]:
        got = made if period == "2026-Q2" else 0.0
        return {("s2", "gas"): got, ("s2", "grid"): LOAD - got}

    rows = [(added, 0.0, 0.0, 0.0), (0.0, there, made * 2184, there * 11 * 2184.0)]
    firm = {"s2": 0.0}
    return plan(flows=flows, built={"gas": ("aws", rows)}, sources={"gas": (40, 0.4, 0.8)}, firm=firm, **more)


def gas_limits(tables: Tables, there: float) -> Tables:
    """In the second quarter s2 has a limit of 10 MW and what is firm."""
    cells = {"limit_mw": f"{10 + there}", "headroom_mw": f"{4 + there}"}
    return forge(tables, "power", cells, period="2026-Q2", scope="site", id="s2")


def test_building(tmp_path: Path) -> None:
    inputs = energy_of(tmp_path, GAS)
    verdict = passes(inputs, gas_limits(gas(), 2))
    assert verdict.totals["spend_usd"] == pytest.approx(3380 * 4344 + 2184 * (2 * 11 + 2 * 40 - 2 * 100))
    assert verdict.totals["carbon_t"] == pytest.approx((13.75 * 0.8 * 0.5 + 6 * 0.8 * 0.2) * 4344 + 2 * 0.2 * 2184)
    fails(inputs, gas_limits(gas(there=2.5), 2.5), "source_stock")
    fails(inputs, gas_limits(gas(made=2.1), 2), "generation", only=True)
    fails(energy_of(tmp_path, GAS.replace("5 MW", "1.9 MW")), gas_limits(gas(), 2), "max_build", only=True)
    fails(inputs, forge(gas_limits(gas(), 2), "energy", {"water_l": "0"}, source="gas", period="2026-Q2"), "energy", only=True)
    fails(inputs, forge(gas_limits(gas(), 2), "built", {"cost_usd": "0"}, period="2026-Q2"), "built", only=True)
    fails(inputs, forge(gas_limits(gas(), 2), "built", {"paid_mwh": "0"}, period="2026-Q2"), "min_take")
    costless = gas_limits(gas(), 2)
    fails(
        inputs, forge(costless, "cost", {"amount_usd": "0"}, period="2026-Q2", provider="aws", item="energy"), "cost", only=True
    )


@pytest.mark.parametrize(
    "old, new",
    [
        ('"0.25 year"', '"0.3 year"'),  # there in the third quarter, beyond the horizon
        ('"gas"\nsite', '"gas"\nto = 2026-03-31\nsite'),
        ('"gas"\nsite', '"gas"\nfrom = 2026-04-02\nsite'),
    ],
)
def test_lead_time_and_dates(tmp_path: Path, old: str, new: str) -> None:
    verdict = fails(energy_of(tmp_path, GAS.replace(old, new)), gas_limits(gas(), 2), "source_stock")
    assert "generation" in rules(verdict)


def test_lifetime(tmp_path: Path) -> None:
    """There at once, and gone after a quarter."""
    short = GAS.replace('"0.25 year"', '"0 year"').replace('"10 year"', '"0.25 year"').replace('"876.6 USD/kW"', '"0 USD/kW"')
    rows = [(2.0, 2.0, 0.0, 2 * 2160.0), (0.0, 0.0, 0.0, 0.0)]
    inputs = energy_of(tmp_path, short)
    cells = {"limit_mw": "12", "headroom_mw": "6"}
    good = forge(plan(built={"gas": ("aws", rows)}), "power", cells, period="2026-Q1", scope="site", id="s2")
    passes(inputs, good)
    rows[1] = (0.0, 2.0, 0.0, 2 * 2184.0)
    fails(inputs, plan(built={"gas": ("aws", rows)}, firm={"s2": 2.0}), "source_stock")


def test_existing_capacity_counts_by_its_days(tmp_path: Path) -> None:
    """45 of 90 days, then none: fixed_om of the mean, no annuity."""
    old = GAS.replace('max_build = "5 MW"\nlead_time = "0.25 year"', 'capacity = "4 MW"\nto = 2026-02-14')
    rows = [(0.0, 2.0, 0.0, 2 * 2160.0), (0.0, 0.0, 0.0, 0.0)]
    cells = {"limit_mw": "12", "headroom_mw": "6"}
    good = forge(plan(built={"gas": ("aws", rows)}), "power", cells, period="2026-Q1", scope="site", id="s2")
    passes(energy_of(tmp_path, old), good)
    fails(energy_of(tmp_path, old.replace("02-14", "02-15")), good, "source_stock")


def test_firm_sources_and_import(tmp_path: Path) -> None:
    """6 MW of racks behind 5 MW and 2 MW of gas; 4.8 MW of load cannot be imported over 4 MW."""
    old = GAS.replace('max_build = "5 MW"\nlead_time = "0.25 year"', 'capacity = "2 MW"')
    rows = [(0.0, 2.0, 0.0, 2.0 * h) for h in HOURS.values()]
    for power, broken in (("5 MW", set[str]()), ("4 MW", {"import"}), ("3.9 MW", {"import", "site_power"})):
        limits = LIMITS | {("site", "s2"): float(power.split()[0])}
        tables = plan(built={"gas": ("aws", rows)}, firm={"s2": 2.0}, limits=limits)
        assert rules(audit(energy_of(tmp_path, old, ('power = "10 MW"', f'power = "{power}"')), tables)) == broken
    weak = energy_of(tmp_path, old + "firm = 0.4\n", ('power = "10 MW"', 'power = "5 MW"'))
    limits = LIMITS | {("site", "s2"): 5.0}
    fails(weak, plan(built={"gas": ("aws", rows)}, firm={"s2": 0.8}, limits=limits), "site_power", only=True)


def test_headroom_is_net_of_own_generation(tmp_path: Path) -> None:
    """The grid carries 6 MW, 5 while the gas gives one."""
    old = GAS.replace('max_build = "5 MW"\nlead_time = "0.25 year"', 'capacity = "2 MW"')
    rows = [(0.0, 2.0, h * 1.0, 2.0 * h) for h in HOURS.values()]

    def flows(period: str, name: str) -> dict[Place, float]:
        return {("s2", "gas"): 1.0, ("s2", "grid"): LOAD - 1}

    for headroom, broken in ((5.0, set[str]()), (4.9, {"grid_headroom"})):
        tight = ('carbon = "200 g/kWh"', f'carbon = "200 g/kWh"\nheadroom = "{headroom} MW"')
        limits = LIMITS | {("grid", "g2"): headroom}
        tables = plan(flows=flows, built={"gas": ("aws", rows)}, sources={"gas": (40, 0.4, 0.8)}, firm={"s2": 2.0}, limits=limits)
        assert rules(audit(energy_of(tmp_path, old, tight), tables)) == broken


# --- batteries ------------------------------------------------------------------------------------------------------------


def battery(out: float = 0.25, into: float = 0.3125) -> Tables:
    def flows(period: str, name: str) -> dict[Place, float]:
        if name == "day":
            return {("s2", "bat"): out, ("s2", "grid"): LOAD - out}
        return {("s2", "bat charge"): -into, ("s2", "grid"): LOAD + into}

    return plan(flows=flows, built={"bat": ("aws", [(0.0, 1.0, out * h / 2, 0.0) for h in HOURS.values()])})


def test_battery(tmp_path: Path) -> None:
    """12 hours of 0.3125 MW at 80 % give 12 hours of 0.25 MW, 3 MWh of at most 4."""
    inputs = energy_of(tmp_path, BATTERY)
    passes(inputs, battery())
    fails(inputs, battery(0.26), "battery_balance", only=True)
    fails(inputs, battery(0.2, 0.3125), "battery_balance", only=True)
    fails(energy_of(tmp_path, BATTERY.replace("4 hour", "2.9 hour")), battery(), "battery_duration", only=True)
    small = energy_of(tmp_path, BATTERY.replace("4 hour", "40 hour"))
    passes(small, battery(0.8, 1.0))
    fails(small, battery(0.88, 1.1), "battery_power", only=True)
    fails(energy_of(tmp_path, BATTERY), battery(-0.25, -0.3125), "flow")


# --- energy bought over a grid ----------------------------------------------------------------------------------------------


def bought(day: float = 3.0, night: float = 1.0, paid: float | None = None, due: float = 0.5, **more: Any) -> Tables:
    def flows(period: str, name: str) -> dict[Place, float]:
        got = day if name == "day" else night
        return {("s2", "ppa"): got, ("s2", "grid"): LOAD - got}

    rows = []
    for h in HOURS.values():
        taken = (day + night) * h / 2
        owed = paid * h if paid is not None else max(taken, due * 3 * h)
        rows.append((0.0, 3.0, owed, 3.0 * h + 60 * (owed - taken)))
    return plan(flows=flows, built={"ppa": ("", rows)}, sources={"ppa": (60, 0, 0)}, **more)


def test_energy_bought_over_a_grid(tmp_path: Path) -> None:
    """The rent of 3 USD per MW and hour and energy that is not taken are paid under no provider."""
    inputs = energy_of(tmp_path, PPA)
    verdict = passes(inputs, bought())
    assert verdict.totals["spend_usd"] == pytest.approx((3380 + 3 - 2 * 40) * 4344)
    assert verdict.totals["carbon_t"] == pytest.approx((13.75 * 0.8 * 0.5 + (4.8 - 2) * 0.2) * 4344)
    fails(inputs, bought(3.1), "generation", only=True)
    large = energy_of(tmp_path, PPA.replace("3 MW", "9 MW"))
    fails(large, bought(5, 5), "grid_buy")
    fails(inputs, forge(bought(), "energy", {"site": "s1"}, source="ppa"), "tables")


def test_min_take(tmp_path: Path) -> None:
    inputs = energy_of(tmp_path, PPA)
    passes(inputs, bought(1, 0))  # 0.5 MW are taken on the mean, 1.5 MW are paid
    fails(inputs, bought(1, 0, paid=1.4), "min_take", only=True)
    fails(inputs, bought(1, 0, paid=1.6), "min_take")  # nor is more paid than is due


def test_included_energy_is_not_bought(tmp_path: Path) -> None:
    """The offers at s1 include their energy: what their provider buys is no business of the plan."""
    text_of = PPA.replace('grid = "g2"', 'grid = "g1"')

    def flows(period: str, name: str) -> dict[Place, float]:
        return {("s1", "ppa"): 3.0, ("s1", "grid"): 110 * 0.125 * 0.8 - 3.0}

    rows = [(0.0, 3.0, 3.0 * h, 3.0 * h) for h in HOURS.values()]
    tables = plan(flows=flows, built={"ppa": ("", rows)}, sources={"ppa": (60, 0, 0)})
    fails(energy_of(tmp_path, text_of), tables, "grid_buy")


def test_take_or_pay_counts_rent_only_where_sources_are(tmp_path: Path) -> None:
    """aws: 400 USD an hour of rent count, the 480 of energy do not."""
    deal = '[[contract]]\nid = "c"\nprovider = "aws"\nstart = 2026-01-01\nvalue = "2 million USD"\ntake_or_pay = 1\n'
    owed = 2e6 - 400 * 4344
    paid = [("2026", "aws", "shortfall", owed)]
    short = [contract_row("c", "aws", "2026", 2e6, 400 * 4344, owed, 400 * 4344)]
    passes(energy_of(tmp_path, deal + SOLAR), solar(contracts=short, costs=paid))
    much = solar(contracts=[contract_row("c", "aws", "2026", 2e6, 2e6, 0)])
    fails(energy_of(tmp_path, deal + SOLAR), much, "take_or_pay", only=True)
    passes(energy_of(tmp_path, deal), plan(contracts=[contract_row("c", "aws", "2026", 2e6, 2e6, 0)]))


def test_carbon_and_budget_of_sources(tmp_path: Path) -> None:
    tonnes = (13.75 * 0.8 * 0.5 + (4.8 - 2) * 0.2) * 4344
    spend = (3380 + 3 - 80) * 4344
    passes(energy_of(tmp_path, PPA + f'[limits.carbon]\n2026 = "{tonnes + 1} t"\n'), bought())
    fails(energy_of(tmp_path, PPA + f'[limits.carbon]\n2026 = "{tonnes - 1} t"\n'), bought(), "carbon", only=True)
    passes(energy_of(tmp_path, PPA + f'[limits.budget]\n2026 = "{spend + 100} USD"\n'), bought())
    fails(energy_of(tmp_path, PPA + f'[limits.budget]\n2026 = "{spend - 100} USD"\n'), bought(), "budget", only=True)


# --- resilience -------------------------------------------------------------------------------------------------------------


def rescue(day: float, night: float) -> list[dict[str, str]]:
    """After the loss of azure or aws the racks of the other one."""
    return [
        {"lost": lost, "period": p, "slice": s, "workload": "w", "site": site, "accelerator": "gb", "offer": offer}
        | text(racks=racks, compute_h100e=20 * racks)
        for p in HOURS
        for s, racks in (("day", day), ("night", night))
        for lost, site, offer in (("aws", "s1", "o1"), ("azure", "s2", "o2"))
    ]


def test_resilience_in_every_slice(tmp_path: Path) -> None:
    """A quarter of 3000 and of 2000 h100e: 37.5 racks by day, 25 at night."""
    lose = '[resilience]\nlose = "provider"\n'
    critical = ('id = "w"', 'id = "w"\ncritical = 0.25')
    inputs = energy_of(tmp_path, lose, WAVE, critical)
    passes(inputs, plan(WAVES, demand=2500, resilience=rescue(37.5, 25)))
    fails(inputs, plan(WAVES, demand=2500, resilience=rescue(37.4, 25.1)), "resilience", only=True)
    fails(inputs, plan(WAVES, demand=2500, resilience=rescue(40.1, 25)), "resilience", only=True)  # more than is held
    flexible = energy_of(tmp_path, lose, (WAVE[0], WAVE[1] + '\nflexible = "day"'), critical)
    passes(flexible, plan(WAVES, demand=2500, resilience=rescue(31.25, 31.25)))
    fails(flexible, plan(WAVES, demand=2500, resilience=rescue(31.25, 31)), "resilience", only=True)


def test_firm_sources_power_a_second_dispatch(tmp_path: Path) -> None:
    """37.5 racks draw 5.625 MW; s2 has 5 MW and 2 MW of gas."""
    old = GAS.replace('max_build = "5 MW"\nlead_time = "0.25 year"', 'capacity = "2 MW"')
    rows = [(0.0, 2.0, 0.0, 2.0 * h) for h in HOURS.values()]
    changes = (('id = "w"', 'id = "w"\ncritical = 0.25'), ('power = "10 MW"', 'power = "5 MW"'))
    limits, lose = LIMITS | {("site", "s2"): 5.0}, '[resilience]\nlose = "provider"\n'
    good = plan(built={"gas": ("aws", rows)}, firm={"s2": 2.0}, limits=limits, resilience=rescue(37.5, 37.5))
    passes(energy_of(tmp_path, lose + old, *changes), good)
    bad = plan(built={"gas": ("aws", rows)}, firm={"s2": 0.0}, limits=limits, resilience=rescue(37.5, 37.5))
    verdict = audit(energy_of(tmp_path, lose + old + "firm = 0\n", *changes), bad)
    assert rules(verdict) == {"resilience", "site_power"}
