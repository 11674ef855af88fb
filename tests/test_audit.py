"""The auditor on plans made by hand: each must pass, and each forgery must fail under the name of the rule that it breaks.

One small world, checked with pencil and paper: a rack has 10 gpu, 100 kW and delivers 20 h100e; azure has site s1 (PUE 1.25,
so 0.125 MW a rack) in the US, aws has s2 (PUE 1.5, 0.15 MW) in DE; two quarters of 2160 and 2184 hours; no discounting.
"""

from __future__ import annotations

import copy
import math
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from planner.audit.verdict import Audit, audit
from planner.inputs.assembly import Inputs, assemble
from planner.inputs.load import read

Tables = dict[str, list[dict[str, str]]]

SCENARIO = """
schema = 1
profiles = []
[horizon]
start = 2026-01-01
end = 2026-06-30
step = "quarter"
[[workload]]
id = "w"
kind = "training"
demand = "3000 h100e"
[[accelerator]]
id = "gb"
vendor = "NV"
chip = "B"
chips_per_rack = "10 gpu/rack"
rack_power = "100 kW/rack"
average_load = 0.8
throughput_training = "2 h100e/gpu"
tpp = "1000 TPP"
[[provider]]
id = "azure"
[[provider]]
id = "aws"
[[grid]]
id = "g1"
country = "US"
price = "50 USD/MWh"
carbon = "500 g/kWh"
[[grid]]
id = "g2"
country = "DE"
price = "100 USD/MWh"
carbon = "200 g/kWh"
[[country]]
iso2 = "US"
groups = ["A:1"]
capacity = "1000 MW"
[[country]]
iso2 = "DE"
groups = ["A:1", "EU"]
capacity = "500 MW"
[[site]]
id = "s1"
provider = "azure"
country = "US"
grid = "g1"
pue = 1.25
[[site]]
id = "s2"
provider = "aws"
country = "DE"
grid = "g2"
pue = 1.5
[[site_power]]
site = "s1"
from = 2026-01-01
power = "20 MW"
[[site_power]]
site = "s2"
from = 2026-01-01
power = "10 MW"
[[offer]]
id = "o1"
provider = "azure"
accelerator = "gb"
price = "2 USD/gpu/hour"
[[offer]]
id = "o2"
provider = "aws"
accelerator = "gb"
price = "1 USD/gpu/hour"
energy = "metered"
capex = "87660 USD/rack"
lifetime = "2 year"
[[offer]]
id = "od"
provider = "azure"
accelerator = "gb"
price = "3 USD/gpu/hour"
billing = "on_demand"
"""

HOURS = {"2026-Q1": 2160, "2026-Q2": 2184}
# site, provider, country, grid; MW a rack; t/MWh; power [MW]
SITES = {"s1": ("azure", "US", "g1", 0.125, 0.5, 20), "s2": ("aws", "DE", "g2", 0.15, 0.2, 10)}
# USD per rack and hour: rent, metered energy (0.15 MW x 0.8 x 100 USD/MWh), capital (87660 USD / 2 years / 8766 h)
OFFERS = {"o1": (20.0, 0.0, 0.0), "o2": (10.0, 12.0, 5.0), "od": (30.0, 0.0, 0.0)}
# period, site, offer, racks added, held, online, used
RACKS = [
    ("2026-Q1", "s1", "o1", 100, 100, 100, 100),
    ("2026-Q1", "s2", "o2", 40, 40, 40, 40),
    ("2026-Q1", "s1", "od", 0, 10, 10, 10),
    ("2026-Q2", "s1", "o1", 0, 100, 100, 100),
    ("2026-Q2", "s2", "o2", 0, 40, 40, 40),
    ("2026-Q2", "s1", "od", 0, 10, 10, 10),
]
LIMITS = {("site", "s1"): 20.0, ("site", "s2"): 10.0}


def inputs_of(tmp_path: Path, extra: str = "", *changes: tuple[str, str]) -> Inputs:
    """The world with sections added and pieces of text replaced."""
    text = SCENARIO
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "scenario.toml"
    path.write_text(text + extra, encoding="utf-8")
    return assemble(read(str(path)))


def book(
    racks: list[tuple[Any, ...]] = RACKS,
    limits: dict[tuple[str, str], float] = LIMITS,
    demand: float = 3000,
    unserved: float = 0,
    costs: Sequence[tuple[Any, ...]] | None = None,
    **tables: list[dict[str, str]],
) -> Tables:
    """The tables of a plan with these racks; `costs` are rows that rent, energy and capital do not explain."""
    fleet, allocation, cost = [], [], dict[tuple[str, ...], float]()
    mix: dict[tuple[str, str], list[float]] = {}
    power: dict[tuple[str, str, str], list[float]] = {}
    for period, site, offer, added, held, online, used in racks:
        provider, country, grid, mw, carbon, _ = SITES[site]
        hours = HOURS[period]
        head = {"period": period, "provider": provider, "site": site, "accelerator": "gb", "offer": offer}
        fleet.append(head | text(racks_added=added, racks_held=held, racks_online=online, power_mw=mw * online))
        if used:
            head |= {"workload": "w", "country": country}
            allocation.append(head | text(racks=used, gpus=10 * used, compute_h100e=20 * used))
        rent, energy, capex = OFFERS[offer]
        lit = min(held, online)
        spend = {"rent": rent * lit * hours, "dark_rent": rent * (held - lit) * hours}
        spend |= {"energy": energy * online * hours, "capex": capex * held * hours}
        for item, usd in spend.items():
            cost[period, provider, item, site, offer] = cost.get((period, provider, item, site, offer), 0) + usd
        share = hours / sum(HOURS.values())
        for label, weight in ((period, 1.0), ("total", share)):
            numbers = [weight * held, weight * held * 10, weight * used * 20, weight * mw * online, sum(spend.values())]
            mix[label, provider] = [a + b for a, b in zip(mix.get((label, provider), [0.0] * 5), numbers, strict=True)]
        mwh = mw * 0.8 * online * hours
        for scope, name in (("site", site), ("grid", grid), ("country", country), ("provider", provider), ("fleet", "all")):
            sums = power.setdefault((period, scope, name), [0.0, 0.0, 0.0])
            sums[0], sums[1], sums[2] = sums[0] + mw * online, sums[1] + mwh, sums[2] + mwh * carbon
    names = ("racks_held", "gpus", "compute_h100e", "power_mw", "spend_usd")
    whole = {label: [sum(v[i] for (at, _), v in mix.items() if at == label) for i in range(5)] for label, _ in mix}
    mix_rows = [
        {"period": label, "provider": provider}
        | text(**dict(zip(names, values, strict=True)))
        | text(**{f"share_{n}": values[i] / whole[label][i] for n, i in (("compute", 2), ("power", 3), ("spend", 4))})
        for (label, provider), values in mix.items()
    ]
    power_rows = []
    for (period, scope, name), (mw, mwh, tonnes) in power.items():
        limit = limits.get((scope, name))
        cells = text(draw_mw=mw, energy_mwh=mwh, carbon_t=tonnes)
        bound = text(limit_mw=limit, headroom_mw=limit - mw) if limit is not None else {"limit_mw": "", "headroom_mw": ""}
        power_rows.append({"period": period, "scope": scope, "id": name} | cells | bound)
    cost_rows = [
        {"period": p, "provider": provider, "item": item, "site": site, "offer": offer, "accelerator": "gb"}
        | text(amount_usd=usd, discounted_usd=usd)
        for (p, provider, item, site, offer), usd in cost.items()
        if usd
    ]
    cost_rows += [
        {"period": p, "provider": provider, "item": item}
        | (dict(zip(("site", "offer"), at, strict=True)) | {"accelerator": "gb"} if at else {})
        | text(amount_usd=a, discounted_usd=b)
        for p, provider, item, a, b, *at in costs or []
    ]
    return complete(
        {
            "fleet": fleet,
            "allocation": allocation,
            "mix": mix_rows,
            "power": power_rows,
            "demand": [
                {"period": p, "workload": "w"}
                | text(demand_h100e=demand, served_h100e=sum(20 * r[6] for r in racks if r[0] == p), unserved_h100e=unserved)
                for p in HOURS
            ],
            "cost": cost_rows,
            **tables,
        }
    )


DAYS = {"2026-Q1": ("2026-01-01", "2026-03-31"), "2026-Q2": ("2026-04-01", "2026-06-30")}
PLACE = ("site", "accelerator", "offer", "contract")


def complete(tables: Tables) -> Tables:
    """The tables with what follows from their rows: days, racks that are dark or have left, the summary, blanks of cost.csv."""
    whole = ("2026-01-01", "2026-06-30")
    before: dict[tuple[str, str], float] = {}
    for row in sorted(tables["fleet"], key=lambda row: row["period"]):
        held, online, added = (float(row.get(f"racks_{name}") or 0) for name in ("held", "online", "added"))
        key = row["site"], row["offer"]
        left = 0.0 if row["offer"].startswith("od") else before.get(key, held - added) + added - held
        row.update(text(racks_removed=left, racks_dark=held - online))
        before[key] = held
    for row in tables["cost"]:
        row.update({column: row.get(column, "") for column in PLACE})
    mix = tables["mix"]
    tables["mix"] = [row for row in mix if row["period"] != "total"]
    spans = [row for row in mix if row["period"] == "total"]
    tables["compute"] = tables.get("compute") or [
        {"period": row["period"], "provider": row["provider"], "kind": "training"}
        | {"compute_h100e": row["compute_h100e"], "share": row["share_compute"]}
        for row in tables["mix"]
    ]
    tables["summary"] = tables.get("summary") or [
        {"span": span} | {k: v for k, v in row.items() if k != "period"} for span in ("2026", "total") for row in spans
    ]
    for rows in tables.values():
        for row in rows:
            if (when := row.get("period", row.get("span"))) is not None:
                row["start"], row["end"] = DAYS.get(when, whole)
    return tables


def text(**numbers: float) -> dict[str, str]:
    return {name: f"{value:.12g}" for name, value in numbers.items()}


AWS_SPENT = 880 * 4344.0  # USD of rent and metered energy


def contract_row(
    contract: str, provider: str, year: str, committed: float, counted: float, shortfall: float, spent: float = AWS_SPENT
) -> dict[str, str]:
    cells = text(committed_usd=committed, spent_usd=spent, counted_usd=counted)
    cells |= text(shortfall_usd=shortfall, paid_usd=counted + shortfall)
    return {"contract": contract, "provider": provider, "year": year} | cells | {"gpu_hours": "", "usd_per_gpu_hour": ""}


def owed_row(contract: str, provider: str, amount: float) -> dict[str, str]:
    """What is left of a minimum after the horizon."""
    blank = dict.fromkeys(("spent_usd", "counted_usd", "shortfall_usd", "paid_usd", "gpu_hours", "usd_per_gpu_hour"), "")
    return {"contract": contract, "provider": provider, "year": "after"} | text(committed_usd=amount) | blank


def rules(verdict: Audit) -> set[str]:
    return {check.rule for check in verdict.failures}


def passes(inputs: Inputs, tables: Tables, claimed: dict[str, float] | None = None) -> Audit:
    verdict = audit(inputs, tables, claimed)
    assert verdict.passed, [str(check) for check in verdict.failures[:5]]
    assert verdict.failures == () and verdict.checked > 50 and verdict.worst <= 1e-6
    return verdict


def fails(inputs: Inputs, tables: Tables, rule: str, claimed: dict[str, float] | None = None, only: bool = False) -> Audit:
    verdict = audit(inputs, tables, claimed)
    assert not verdict.passed and verdict.worst > 1e-6
    assert rule in rules(verdict), [str(check) for check in verdict.failures[:5]]
    assert not only or rules(verdict) == {rule}, [str(check) for check in verdict.failures[:5]]
    return verdict


# --- the plan by hand -------------------------------------------------------------------------------------------------


def test_totals_by_hand(tmp_path: Path) -> None:
    """Rent 100·20 + 40·10 + 10·30 = 2700 USD/h, energy 40·12 = 480, capital 40·5 = 200: 3380 USD/h over 4344 h."""
    totals = {
        "cost_usd": 3380 * 4344.0,
        "spend_usd": 3380 * 4344.0,
        "peak_power_mw": 110 * 0.125 + 40 * 0.15,
        "energy_mwh": 0.8 * 19.75 * 4344,
        "carbon_t": (13.75 * 0.8 * 0.5 + 6 * 0.8 * 0.2) * 4344,
        "unserved_h100e_h": 0.0,
        "shortfall_usd": 0.0,
    }
    verdict = passes(inputs_of(tmp_path), book(), totals)
    assert verdict.totals == pytest.approx(totals)


def test_discounting_by_hand(tmp_path: Path) -> None:
    """At 8 % a year the first 90 days are worth 0.990609 of their spend, the capital 0.08/... of its price a year."""
    force = math.log(1.08)
    begin, middle, end = 0.0, 90 / 365.25, 181 / 365.25
    first = (math.exp(-force * begin) - math.exp(-force * middle)) / (force * (middle - begin))
    second = (math.exp(-force * middle) - math.exp(-force * end)) / (force * (end - middle))
    recovery = force / (1 - 1.08**-2)
    cost = [
        (period, provider, item, usd * HOURS[period], usd * HOURS[period] * factor, site, offer)
        for period, factor in (("2026-Q1", first), ("2026-Q2", second))
        for provider, item, usd, site, offer in (
            ("azure", "rent", 2000.0, "s1", "o1"),
            ("azure", "rent", 300.0, "s1", "od"),
            ("aws", "rent", 400.0, "s2", "o2"),
            ("aws", "energy", 480.0, "s2", "o2"),
            ("aws", "capex", 40 * 10 * recovery, "s2", "o2"),
        )
    ]
    tables = book()
    tables["cost"] = [
        {"period": p, "start": DAYS[p][0], "end": DAYS[p][1], "provider": provider, "item": item, "contract": ""}
        | {"site": site, "offer": offer, "accelerator": "gb"}
        | text(amount_usd=a, discounted_usd=b)
        for p, provider, item, a, b, site, offer in cost
    ]
    verdict = audit(inputs_of(tmp_path, '[money]\ndiscount_rate = "8 %/year"\n'), tables)
    assert rules(verdict) == {"mix", "summary"}  # whose spend was reckoned without interest
    assert verdict.totals["cost_usd"] == pytest.approx(sum(row[4] for row in cost))
    assert first == pytest.approx(0.990609, abs=1e-4)


def test_rounding_to_ten_digits_is_no_fault(tmp_path: Path) -> None:
    third = [(*row[:3], *(x / 3 for x in row[3:])) for row in RACKS]
    tables = book(third, demand=1000)
    for rows in tables.values():
        for row in rows:
            row.update(
                {
                    k: f"{float(v):.10g}"
                    for k, v in row.items()
                    if v and k not in ("period", "id", "span", "start", "end") and v[0].isdigit()
                }
            )
    passes(inputs_of(tmp_path, "", ("3000 h100e", "1000 h100e")), tables)


# --- tables -----------------------------------------------------------------------------------------------------------


def put(table: str, row: int, column: str, value: str) -> Callable[[Tables], None]:
    def forge(tables: Tables) -> None:
        tables[table][row][column] = value

    return forge


def drop(table: str) -> Callable[[Tables], None]:
    return lambda tables: tables.__delitem__(table)


def drop_column(table: str, column: str) -> Callable[[Tables], None]:
    def forge(tables: Tables) -> None:
        for row in tables[table]:
            del row[column]

    return forge


def repeat(table: str) -> Callable[[Tables], None]:
    return lambda tables: tables[table].append(dict(tables[table][0]))


def empty(table: str) -> Callable[[Tables], None]:
    return lambda tables: tables[table].clear()


@pytest.mark.parametrize(
    "rule, forge",
    [
        ("tables", put("fleet", 0, "racks_held", "nan")),
        ("tables", put("fleet", 0, "racks_held", "1e400")),
        ("tables", put("fleet", 0, "racks_held", "1_00")),
        ("tables", put("fleet", 0, "racks_held", "")),
        ("tables", put("fleet", 0, "racks_held", "-100")),
        ("tables", put("fleet", 0, "period", "2027-Q1")),
        ("tables", put("fleet", 0, "site", "s3")),
        ("tables", put("fleet", 0, "site", "s2")),  # azure's offer does not stand there
        ("tables", put("fleet", 0, "provider", "aws")),
        ("tables", put("allocation", 0, "country", "DE")),
        ("tables", put("allocation", 0, "workload", "v")),
        ("tables", put("cost", 0, "item", "tips")),
        ("tables", put("cost", 0, "amount_usd", "=1+1")),
        ("tables", put("power", 0, "scope", "moon")),
        *(("tables", drop(table)) for table in ("mix", "allocation", "fleet", "demand", "cost", "power")),
        *(("tables", repeat(table)) for table in ("mix", "allocation", "fleet", "demand", "cost", "power")),
        ("tables", drop_column("fleet", "racks_online")),
        ("tables", empty("demand")),
        ("stock", put("fleet", 0, "racks_held", "101")),
        ("stock", put("fleet", 0, "racks_added", "101")),
        ("capacity", empty("fleet")),
        ("on_demand", put("fleet", 2, "racks_held", "11")),
        ("on_demand", put("fleet", 2, "racks_added", "10")),
        ("on_demand", put("fleet", 2, "racks_online", "9")),
        ("capacity", put("fleet", 0, "racks_online", "101")),
        ("capacity", put("fleet", 0, "racks_online", "99")),
        ("compute", put("allocation", 0, "gpus", "1001")),
        ("compute", put("allocation", 0, "compute_h100e", "2001")),
        ("power", put("fleet", 0, "power_mw", "12")),
        ("demand", put("demand", 0, "demand_h100e", "2999")),
        ("demand", put("demand", 0, "served_h100e", "3001")),
        ("demand", empty("allocation")),
        ("unserved", put("demand", 0, "unserved_h100e", "5")),
        ("cost", put("cost", 0, "amount_usd", "1")),
        ("cost", put("cost", 0, "discounted_usd", "1")),
        ("cost", empty("cost")),
        ("mix", put("mix", 0, "racks_held", "111")),
        ("mix", put("mix", 0, "spend_usd", "1")),
        ("mix", put("mix", 1, "compute_h100e", "1")),
        ("mix", put("mix", 0, "share_power", "0.5")),
        ("mix", empty("mix")),
        ("power", put("power", 0, "draw_mw", "13")),
        ("power", put("power", 0, "limit_mw", "21")),
        ("power", put("power", 0, "limit_mw", "")),
        ("power", put("power", 1, "limit_mw", "21")),
        ("power", put("power", 0, "headroom_mw", "7")),
        ("power", put("power", 0, "energy_mwh", "7")),
        ("power", put("power", 0, "carbon_t", "7")),
        ("power", empty("power")),
    ],
)
def test_forged_tables(tmp_path: Path, rule: str, forge: Callable[[Tables], None]) -> None:
    tables = copy.deepcopy(book())
    forge(tables)
    fails(inputs_of(tmp_path), tables, rule)


@pytest.mark.parametrize(
    "name", ["cost_usd", "spend_usd", "peak_power_mw", "energy_mwh", "carbon_t", "unserved_h100e_h", "shortfall_usd"]
)
def test_forged_totals(tmp_path: Path, name: str) -> None:
    inputs, tables = inputs_of(tmp_path), book()
    totals = audit(inputs, tables).totals
    fails(inputs, tables, "totals", totals | {name: totals[name] * 1.0001 + 100}, only=True)
    fails(inputs, tables, "totals", totals | {name: float("nan")}, only=True)


def test_random_damage_never_raises(tmp_path: Path) -> None:
    inputs, dice = inputs_of(tmp_path, RESILIENCE + LICENCE), random.Random(1)
    values = ["", "nan", "-1", "1e308", "x", "2026-Q2", "total", "s2", "od", "aws", "term", "0", "١"]
    for _ in range(300):
        tables = copy.deepcopy(book(resilience=second_dispatch(), licences=LICENCES))
        for _ in range(3):
            table = dice.choice(sorted(tables))
            row = dice.choice(tables[table])
            row[dice.choice(sorted(row))] = dice.choice(values)
        audit(inputs, tables)
        del tables[dice.choice(sorted(tables))]
        audit(inputs, tables)


# --- rules that a scenario switches on: tables stay, the limit passes at its edge and fails just beyond --------------------


@pytest.mark.parametrize(
    "rule, shown, fits, breaks",
    [
        ("fleet_power", ("fleet", "all", 19.75), '[limits]\nfleet_power = "19.75 MW"', '[limits]\nfleet_power = "19.7 MW"'),
        (
            "provider_power",
            ("provider", "aws", 6),
            '[limits.provider_power]\naws = "6 MW"',
            '[limits.provider_power]\naws = "5.9 MW"',
        ),
        (
            "country_power",
            ("country", "US", 13.75),
            '[limits.country_power]\nUS = "13.75 MW"',
            '[limits.country_power]\nUS = "13 MW"',
        ),
        (
            "national_share",
            ("country", "DE", 6),
            '[limits.national_share]\nDE = "1.2 %"',
            '[limits.national_share]\nDE = "1.1 %"',
        ),
    ],
)
def test_power_limits(tmp_path: Path, rule: str, shown: tuple[str, str, float], fits: str, breaks: str) -> None:
    tables = book(limits=LIMITS | {shown[:2]: shown[2]})
    passes(inputs_of(tmp_path, fits), tables)
    fails(inputs_of(tmp_path, breaks), tables, rule)


def test_site_power_and_grid_headroom(tmp_path: Path) -> None:
    fails(inputs_of(tmp_path, "", ('power = "20 MW"', 'power = "13.7 MW"')), book(), "site_power")
    fails(inputs_of(tmp_path, "", ("pue = 1.25\n", "pue = 1.25\ndelay = '1 month'\n")), book(), "site_power")
    tight = ('carbon = "200 g/kWh"', 'carbon = "200 g/kWh"\nheadroom = "6 MW"')
    tables = book(limits=LIMITS | {("grid", "g2"): 6.0})
    passes(inputs_of(tmp_path, "", tight), tables)
    fails(inputs_of(tmp_path, "", (tight[0], tight[1].replace("6 MW", "5.9 MW"))), tables, "grid_headroom")


CONTRACT = '[[contract]]\nid = "c"\nprovider = "aws"\nstart = 2026-01-01\n'
FLEET = '[[fleet]]\nsite = "s1"\noffer = "o1"\nracks = "30 rack"\n'
SUPPLY = '[[supply]]\naccelerator = "gb"\nfrom = 2026-01-01\n'


@pytest.mark.parametrize(
    "rule, at, fits, breaks",
    [
        ("build_rate", "pue = 1.25", 'build_rate = "13 MW/quarter"', 'build_rate = "12 MW/quarter"'),
        ("window", 'id = "o1"', "to = 2026-01-01", "from = 2026-01-02"),
        ("window", 'id = "od"', "to = 2026-04-01", "to = 2026-03-31"),
        ("window", 'chip = "B"', "available_from = 2026-01-01", "available_from = 2026-01-02"),
        ("stock", 'id = "o1"', 'term = "0.26 year"', 'term = "0.2 year"'),
        ("offer_max", 'id = "o1"', 'max = "1000 gpu"', 'max = "999 gpu"'),
        ("eligibility", 'id = "w"', 'countries = ["US", "DE"]', 'countries = ["US"]'),
        ("eligibility", 'id = "w"', 'providers = ["azure", "aws"]', 'providers = ["aws"]'),
        ("eligibility", 'id = "w"', 'sites = ["s1", "s2"]', 'sites = ["s1"]'),
        ("eligibility", 'id = "w"', 'accelerators = ["gb"]', 'min_memory = "80 GB/gpu"'),
    ],
)
def test_columns_of_rows(tmp_path: Path, rule: str, at: str, fits: str, breaks: str) -> None:
    passes(inputs_of(tmp_path, "", (at, f"{at}\n{fits}")), book())
    fails(inputs_of(tmp_path, "", (at, f"{at}\n{breaks}")), book(), rule, only=rule not in ("window", "stock"))


@pytest.mark.parametrize(
    "rule, row, fits, breaks",
    [
        ("supply_rate", SUPPLY, 'rate = "143 rack/quarter"', 'rate = "140 rack/quarter"'),  # of 2191.5 h, and there are 2160
        ("supply_rate", SUPPLY.replace("01-01", "01-10"), 'rate = "160 rack/quarter"', 'rate = "150 rack/quarter"'),
        ("supply_rate", SUPPLY.replace('accelerator = "gb"', 'vendor = "NV"'), 'total = "14 MW"', 'rate = "1 rack/quarter"'),
        ("supply_total", SUPPLY, 'total = "14 MW"', 'total = "13.9 MW"'),
        ("contract_power", CONTRACT, 'max_power = "6 MW"', 'max_power = "5.9 MW"'),
        ("contract_power", CONTRACT, 'min_power = "6 MW"', 'min_power = "6.1 MW"'),
        ("contract_power", CONTRACT + 'sites = ["s1"]\n', 'max_power = "1 MW"', 'min_power = "1 MW"'),
    ],
)
def test_whole_rows(tmp_path: Path, rule: str, row: str, fits: str, breaks: str) -> None:
    passes(inputs_of(tmp_path, f"{row}{fits}\n"), book(contracts=[]))
    fails(inputs_of(tmp_path, f"{row}{breaks}\n"), book(contracts=[]), rule, only=True)


def test_contracts_of_one_scope_add_up(tmp_path: Path) -> None:
    two = CONTRACT + 'max_power = "4 MW"\n' + CONTRACT.replace('"c"', '"d"') + 'max_power = "2 MW"\n'
    passes(inputs_of(tmp_path, two), book(contracts=[]))
    fails(inputs_of(tmp_path, two + "end = 2026-05-01\n"), book(contracts=[]), "contract_power", only=True)


def test_fleet_and_whole_racks(tmp_path: Path) -> None:
    owned = [(*RACKS[0][:3], 70, *RACKS[0][4:]), *RACKS[1:]]
    passes(inputs_of(tmp_path, FLEET), book(owned))
    fails(inputs_of(tmp_path, FLEET + "to = 2026-03-31\n"), book(owned), "stock", only=True)
    whole = "[solve]\nwhole_racks = true\n"
    passes(inputs_of(tmp_path, whole + FLEET), book(owned))
    split = [(*RACKS[0][:3], 70.5, *RACKS[0][4:]), *RACKS[1:]]
    fails(inputs_of(tmp_path, whole + FLEET.replace("30", "29.5")), book(split), "whole_racks", only=True)


def test_tranches_are_stocks_of_their_own(tmp_path: Path) -> None:
    later = '[[offer]]\nid = "o1"\nfrom = 2026-04-01\nprovider = "azure"\naccelerator = "gb"\nprice = "2 USD/gpu/hour"\n'
    inputs = inputs_of(tmp_path, later, ('id = "o1"', 'id = "o1"\nfrom = 2025-01-01'))
    tables = book()
    passes(inputs, tables)
    tables["fleet"][0]["offer"] = tables["allocation"][0]["offer"] = "o1@2026-04-01"
    fails(inputs, tables, "window")


# --- routes, unserved, soft limits ------------------------------------------------------------------------------------


def test_routes(tmp_path: Path) -> None:
    route = '[[route]]\nworkload = "w"\nsite = "s2"\n'
    paid = [(p, "aws", "route", 0.01 * 800 * h, 0.01 * 800 * h, "s2", "o2") for p, h in HOURS.items()]
    toll = inputs_of(tmp_path, route + 'cost = "0.01 USD/h100e/hour"\n')
    passes(toll, book(costs=paid))
    fails(toll, book(), "cost", only=True)
    fails(inputs_of(tmp_path, route + "allowed = false\n"), book(), "eligibility", only=True)


def test_unserved_at_a_price(tmp_path: Path) -> None:
    priced = inputs_of(tmp_path, "", ('demand = "3000 h100e"', 'demand = "3100 h100e"\nunserved = "2 USD/h100e/hour"'))
    paid = [(p, "", "unserved", 200.0 * h, 200.0 * h) for p, h in HOURS.items()]
    verdict = passes(priced, book(demand=3100, unserved=100, costs=paid))
    assert verdict.totals["unserved_h100e_h"] == pytest.approx(100 * 4344)
    fails(priced, book(demand=3100, unserved=100), "cost", only=True)
    free = inputs_of(tmp_path, "", ("3000 h100e", "3100 h100e"))
    fails(free, book(demand=3100, unserved=100), "unserved", only=True)


def test_soft_limit_is_paid(tmp_path: Path) -> None:
    """0.75 MW beyond 19 MW at 8766 USD/MW/year is 0.75 USD an hour; 15 % of a budget is paid at the end of the year."""
    soft = inputs_of(tmp_path, '[limits]\nfleet_power = { max = "19 MW", at = "8766 USD/MW/year" }\n')
    limits = LIMITS | {("fleet", "all"): 19.0}
    paid = [(p, "", "soft", 0.75 * h, 0.75 * h) for p, h in HOURS.items()]
    passes(soft, book(limits=limits, costs=paid))
    fails(soft, book(limits=limits), "cost", only=True)
    extra = 3380 * 4344.0 - 12e6
    budget = '[limits.budget]\n2026 = { max = "12 million USD", at = "0.5 USD/USD" }\n'
    passes(inputs_of(tmp_path, budget), book(costs=[("2026", "", "soft", extra / 2, extra / 2)]))
    fails(inputs_of(tmp_path, budget), book(), "cost", only=True)


# --- export control ---------------------------------------------------------------------------------------------------

RULE = """
[[export_class]]
id = "big"
min_tpp = "1000 TPP"
[[export_rule]]
id = "r"
status = "in_force"
class = "big"
effective_from = 2025-01-01
"""
LICENCE = RULE + (
    'rank = 5\ndestination = "A:1-US"\neffect = "licence"\n'
    '[[licence]]\nid = "l"\ndestination = "EU"\nquantity = "400 gpu"\nprovider = "aws"\n'
)
LICENCES = [{"licence": "l", "period": "2026-Q1", "site": "s2", "accelerator": "gb", "gpus": "400"}]


def test_export_block(tmp_path: Path) -> None:
    ban = RULE + 'rank = 4\neffect = "prohibit"\n'
    fails(inputs_of(tmp_path, ban + 'destination = "DE"\n'), book(), "export_block", only=True)
    fails(inputs_of(tmp_path, ban + 'destination = "EU"\n'), book(), "export_block", only=True)
    on_demand = audit(inputs_of(tmp_path, ban + 'destination = "US"\n'), book()).failures
    assert [check.subject for check in on_demand] == ["s1 gb", "s1 od", "s1 od"]
    passes(inputs_of(tmp_path, ban + 'destination = "A:1-DE-US"\n'), book())
    passes(inputs_of(tmp_path, ban + 'destination = "DE"\nparty = "azure"\n'), book())
    passes(inputs_of(tmp_path, (ban + 'destination = "DE"\n').replace("in_force", "proposed")), book())
    passes(inputs_of(tmp_path, (ban + 'destination = "DE"\n').replace("2025-01-01", "2026-04-01")), book())  # nothing new then
    permit = RULE.split("[[export_rule]]")[1].replace('"r"', '"p"') + 'rank = 2\ndestination = "DE"\neffect = "permit"\n'
    passes(inputs_of(tmp_path, ban + 'destination = "DE"\n[[export_rule]]' + permit), book())
    late = permit.replace("2025-01-01", "2026-01-02")
    fails(inputs_of(tmp_path, ban + 'destination = "DE"\n[[export_rule]]' + late), book(), "export_block", only=True)


def test_licences(tmp_path: Path) -> None:
    licensed = inputs_of(tmp_path, LICENCE)
    passes(licensed, book(licences=LICENCES))
    fails(licensed, book(), "licence", only=True)
    fails(licensed, book(licences=[LICENCES[0] | {"gpus": "399"}]), "licence", only=True)
    fails(licensed, book(licences=[LICENCES[0] | {"gpus": "401"}]), "licence_quantity", only=True)
    fails(inputs_of(tmp_path, LICENCE + "to = 2026-03-30\n"), book(licences=LICENCES), "licence")
    fails(inputs_of(tmp_path, LICENCE.replace('"aws"', '"azure"')), book(licences=LICENCES), "licence")


@pytest.mark.parametrize(
    "rule, fits, breaks",
    [
        ("export_cap", '"cap"\namount = "400 gpu"', '"cap"\namount = "399 gpu"'),
        ("export_cap", '"cap"\namount = "0.4 million TPP"', '"cap"\namount = "0.39 million TPP"'),
        ("export_max_share", '"max_share"\namount = "29 %"', '"max_share"\namount = "28 %"'),  # 40 of 140 racks
        ("export_min_share", '"min_share"\namount = "28 %"', '"min_share"\namount = "29 %"'),
    ],
)
def test_export_amounts(tmp_path: Path, rule: str, fits: str, breaks: str) -> None:
    head = RULE + 'rank = 5\ndestination = "DE"\neffect = '
    passes(inputs_of(tmp_path, head + fits), book())
    fails(inputs_of(tmp_path, head + breaks), book(), rule, only=True)
    passes(inputs_of(tmp_path, (head + breaks).replace("2025-01-01", "2026-01-02")), book())  # counted from the second quarter


# --- budgets, take-or-pay, shares, carbon -----------------------------------------------------------------------------


def test_budgets(tmp_path: Path) -> None:
    """3380 USD an hour, 14.68 million in all; on a cash basis 40 racks of 87660 USD instead of 200 USD an hour."""
    passes(inputs_of(tmp_path, '[limits.budget]\n2026 = "14.69 million USD"\n'), book())
    fails(inputs_of(tmp_path, '[limits.budget]\n2026 = "14.68 million USD"\n'), book(), "budget", only=True)
    passes(inputs_of(tmp_path, '[limits]\nbudget_total = "14.69 million USD"\n'), book())
    fails(inputs_of(tmp_path, '[limits]\nbudget_total = "14.68 million USD"\n'), book(), "budget_total", only=True)
    cash = '[limits]\nbudget_basis = "cash"\nbudget_total = "{} USD"\n'
    due = 3180 * 4344 + 40 * 87660
    passes(inputs_of(tmp_path, cash.format(due)), book())
    fails(inputs_of(tmp_path, cash.format(due - 100000)), book(), "budget_total", only=True)


def test_take_or_pay(tmp_path: Path) -> None:
    """aws: 880 USD an hour count, 3.82 million; a contract of 10 million for the year, half of it due, 181 of 365 days."""
    deal = CONTRACT + 'end = 2026-12-31\nvalue = "10 million USD"\ntake_or_pay = 0.5\n'
    due, counted = 5e6 * 181 / 365, AWS_SPENT
    later = owed_row("c", "aws", 5e6 - due)
    good = [contract_row("c", "aws", "2026", due, due, 0)]
    inputs = inputs_of(tmp_path, deal)
    passes(inputs, book(contracts=[*good, later]))
    passes(inputs, book(contracts=[contract_row("c", "aws", "2026", due, counted, 0), later]))
    fails(inputs, book(contracts=good), "take_or_pay", only=True)  # what is owed is not told
    fails(inputs, book(contracts=[*good, owed_row("c", "aws", 5e6)]), "take_or_pay", only=True)
    fails(inputs, book(contracts=[good[0] | {"spent_usd": str(due)}, later]), "take_or_pay", only=True)
    fails(inputs, book(contracts=[contract_row("c", "aws", "2026", due, counted + 10, 0), later]), "take_or_pay", only=True)
    fails(inputs, book(contracts=[contract_row("c", "aws", "2026", due / 2, due, 0), later]), "take_or_pay", only=True)
    fails(inputs, book(contracts=[contract_row("c", "aws", "2026", due, due - 1e5, 0), later]), "take_or_pay", only=True)
    fails(inputs, book(contracts=[contract_row("c", "azure", "2026", due, due, 0), later]), "take_or_pay", only=True)
    fails(inputs, book(contracts=[good[0] | {"paid_usd": "0"}, later]), "take_or_pay", only=True)
    fails(inputs, book(), "tables")
    short = inputs_of(tmp_path, deal.replace("10 million", "20 million"))
    owed = 2 * due - counted
    rows = [contract_row("c", "aws", "2026", 2 * due, counted, owed), owed_row("c", "aws", 1e7 - 2 * due)]
    verdict = passes(short, book(contracts=rows, costs=[("2026", "aws", "shortfall", owed, owed)]))
    assert verdict.totals["shortfall_usd"] == pytest.approx(owed)
    fails(short, book(contracts=rows), "cost", only=True)
    fails(short, book(contracts=[]), "take_or_pay")


def test_a_dollar_goes_to_one_contract(tmp_path: Path) -> None:
    """Each of two contracts could count the 3.82 million of aws, not both; a late one counts nothing before its time."""
    deal = CONTRACT + 'value = "3 million USD"\ntake_or_pay = 1\n'
    half = [contract_row(c, "aws", "2026", 3e6, 1.9e6, 1.1e6) for c in "cd"]
    costs = [("2026", "aws", "shortfall", 2.2e6, 2.2e6)]
    both = inputs_of(tmp_path, deal + deal.replace('"c"', '"d"'))
    passes(both, book(contracts=half, costs=costs))
    much = [contract_row(c, "aws", "2026", 3e6, 2e6, 1e6) for c in "cd"]
    paid = [("2026", "aws", "shortfall", 2e6, 2e6)]
    fails(both, book(contracts=much, costs=paid), "take_or_pay", only=True)
    term = inputs_of(tmp_path, deal + (deal + 'settle = "term"\n').replace('"c"', '"d"'))
    mixed = [half[0], contract_row("d", "aws", "term", 3e6, 1.9e6, 1.1e6)]
    split = [("2026", "aws", "shortfall", 1.1e6, 1.1e6), ("term", "aws", "shortfall", 1.1e6, 1.1e6)]
    passes(term, book(contracts=mixed, costs=split))
    greedy = [much[0], contract_row("d", "aws", "term", 3e6, 2e6, 1e6)]
    split = [("2026", "aws", "shortfall", 1e6, 1e6), ("term", "aws", "shortfall", 1e6, 1e6)]
    fails(term, book(contracts=greedy, costs=split), "take_or_pay", only=True)
    late = inputs_of(tmp_path, deal.replace("2026-01-01", "2026-04-01"))
    second = 880 * 2184.0
    fits = book(contracts=[contract_row("c", "aws", "2026", 3e6, second, 3e6 - second, second)])
    fits["cost"].append(
        {"period": "2026", "provider": "aws", "item": "shortfall"} | text(amount_usd=3e6 - second, discounted_usd=3e6 - second)
    )
    passes(late, complete(fits))
    more = book(contracts=[contract_row("c", "aws", "2026", 3e6, 2.5e6, 5e5)], costs=[("2026", "aws", "shortfall", 5e5, 5e5)])
    fails(late, more, "take_or_pay", only=True)


@pytest.mark.parametrize("of, share", [("compute", 800 / 3000), ("power", 6 / 19.75), ("spend", 1080 / 3380)])
def test_provider_share(tmp_path: Path, of: str, share: float) -> None:
    for side, fits, breaks in (("max", share + 1e-4, share - 1e-3), ("min", share - 1e-4, share + 1e-3)):
        limit = f'[limits]\nprovider_share = [{{ provider = "aws", of = "{of}", {side} = {{}}, to = 2026-01-31 }}]\n'
        passes(inputs_of(tmp_path, limit.replace("{}", f"{fits}")), book())
        verdict = fails(inputs_of(tmp_path, limit.replace("{}", f"{breaks}")), book(), "provider_share", only=True)
        assert [check.period for check in verdict.failures] == ["2026-Q1"]


def test_carbon(tmp_path: Path) -> None:
    tonnes = (13.75 * 0.8 * 0.5 + 6 * 0.8 * 0.2) * 4344
    passes(inputs_of(tmp_path, f'[limits.carbon]\n2026 = "{tonnes + 1} t"\n'), book())
    fails(inputs_of(tmp_path, f'[limits.carbon]\n2026 = "{tonnes - 1} t"\n'), book(), "carbon", only=True)


# --- resilience, demand scale -------------------------------------------------------------------------------------------

RESILIENCE = '[resilience]\nlose = "provider"\n'
CRITICAL = ('id = "w"', 'id = "w"\ncritical = 0.25')


def second_dispatch(without_aws: float = 37.5, without_azure: float = 37.5, offer: str = "o1") -> list[dict[str, str]]:
    """A quarter of 3000 h100e needs 37.5 racks."""
    rows = []
    for period in HOURS:
        for lost, site, name, racks in (("aws", "s1", offer, without_aws), ("azure", "s2", "o2", without_azure)):
            head = {"lost": lost, "period": period, "workload": "w", "site": site, "accelerator": "gb", "offer": name}
            rows.append(head | text(racks=racks, compute_h100e=20 * racks))
    return rows


def test_resilience(tmp_path: Path) -> None:
    inputs = inputs_of(tmp_path, RESILIENCE, CRITICAL)
    passes(inputs, book(resilience=second_dispatch()))
    fails(inputs, book(resilience=second_dispatch(37.4)), "resilience", only=True)
    fails(inputs, book(resilience=second_dispatch(100.1)), "resilience", only=True)  # more than is held
    fails(inputs, book(resilience=second_dispatch(offer="od")), "resilience", only=True)
    fails(inputs, book(resilience=[]), "resilience", only=True)
    fails(inputs, book(), "tables")
    swapped = [row | {"lost": "aws" if row["lost"] == "azure" else "azure"} for row in second_dispatch()]
    fails(inputs, book(resilience=swapped), "resilience", only=True)


def test_demand_scale(tmp_path: Path) -> None:
    """A demand of 2000 h100e is served one and a half times."""
    scaled = inputs_of(tmp_path, '[objective]\nmaximize = "demand_scale"\n', ("3000 h100e", "2000 h100e"))
    verdict = passes(scaled, book(), {"demand_scale": 1.5})
    assert verdict.totals["demand_scale"] == pytest.approx(1.5)
    fails(scaled, book(), "totals", {"demand_scale": 1.6}, only=True)
    uneven = book()
    uneven["demand"][1]["demand_h100e"] = "2900"
    fails(scaled, uneven, "demand_scale")


def test_nothing_of_the_formulation_is_imported() -> None:
    room = Path(__file__).parent.parent / "planner" / "audit"
    allowed = {"core.errors", "core.calendar", "inputs.assembly", "inputs.tables", "inputs.scenario"}
    for path in room.glob("*.py"):
        lines = path.read_text(encoding="utf-8").splitlines()
        own = [line for line in lines if line.startswith(("from planner", "import planner"))]
        found = {line.split()[1].removeprefix("planner.") for line in own}
        assert {module for module in found if not module.startswith("audit")} <= allowed


def test_fifty_thousand_rows_in_seconds(tmp_path: Path) -> None:
    """60 months, 208 sites, racks of two offers at each: 25,000 rows of fleet and as many of allocation."""
    sites = "".join(
        f'[[site]]\nid = "x{i}"\nprovider = "azure"\ncountry = "US"\ngrid = "g1"\npue = 1.25\n'
        f'[[site_power]]\nsite = "x{i}"\nfrom = 2026-01-01\npower = "20 MW"\n'
        for i in range(208)
    )
    horizon = ('end = 2026-06-30\nstep = "quarter"', 'end = 2030-12-31\nstep = "month"')
    inputs = inputs_of(tmp_path, sites, horizon)
    fleet, allocation = [], []
    for period in inputs.horizon:
        for i in range(208):
            for offer in ("o1", "od"):
                head = {"period": period.label, "provider": "azure", "site": f"x{i}", "accelerator": "gb", "offer": offer}
                added = 5 if period.index == 0 and offer == "o1" else 0
                fleet.append(
                    head | text(racks_added=added, racks_removed=0, racks_held=5, racks_online=5, racks_dark=0, power_mw=0.625)
                )
                head |= {"workload": "w", "country": "US"}
                allocation.append(head | text(racks=5, gpus=50, compute_h100e=100))
    tables = book([]) | {"fleet": fleet, "allocation": allocation}
    days = {period.label: (str(period.first), str(period.last)) for period in inputs.horizon}
    for row in [*fleet, *allocation]:
        row["start"], row["end"] = days[row["period"]]
    begin = time.perf_counter()
    verdict = audit(inputs, tables)
    assert time.perf_counter() - begin < 20  # about 2 s; slow machines are no fault of the plan
    assert not {"stock", "capacity", "on_demand", "compute", "site_power"} & rules(verdict) and verdict.checked > 200_000


def test_a_term_that_ends_after_the_horizon(tmp_path: Path) -> None:
    """10 million USD for two years, settled at their end: nothing is billed in the first half year, what is spent counts."""
    deal = CONTRACT + 'end = 2027-12-31\nvalue = "10 million USD"\ntake_or_pay = 1\nsettle = "term"\n'
    inputs = inputs_of(tmp_path, deal)
    good = [contract_row("c", "aws", "term", 1e7, AWS_SPENT, 0), owed_row("c", "aws", 1e7 - AWS_SPENT)]
    passes(inputs, book(contracts=good))
    fails(inputs, book(contracts=[good[0], owed_row("c", "aws", 1e7)]), "take_or_pay", only=True)
    fails(inputs, book(contracts=good[1:]), "take_or_pay", only=True)
    twice = [contract_row("c", "aws", "term", 1e7, 2 * AWS_SPENT, 0), owed_row("c", "aws", 1e7 - 2 * AWS_SPENT)]
    fails(inputs, book(contracts=twice), "take_or_pay", only=True)
    billed = [contract_row("c", "aws", "term", 1e7, AWS_SPENT, 1e6), good[1]]
    fails(inputs, book(contracts=billed), "take_or_pay")
