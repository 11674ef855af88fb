"""Each constraint alone: a tiny world in which the rule is the only thing that matters.

A case fixes a few columns by hand, once so that the rule holds and once so that it does not, all else being free: the first must
leave a solution, the second none, and without the rows of the rule it must have one again. Beside it stand the optimum worked by
hand and the rows of the rule as text (tests/lp, refreshed by `python -m tests.refresh_golden`). The last tests see to it that no
constraint lacks a case. The numbers of the plain world: tests/small.py.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from planner.core.errors import InputFault
from planner.model import energy, formulation, measures
from planner.model.formulation import Model
from planner.model.program import Program
from planner.model.rules import RULES
from tests.small import Fixing, least, model, scenario, worth, written
from tests.test_oracle import (
    ACCELERATOR,
    BLOCKS,
    CONTRACT,
    HALVES,
    MISSING_YEAR,
    OFFER,
    OTHER,
    POWER,
    QUARTERS,
    RACK_YEAR,
    RULE,
    SITE,
    UNSERVED,
    WORKLOAD,
)
from tests.test_oracle_energy import (
    BATTERY,
    BY_DAY,
    BY_THE_DAY,
    DAY,
    DAY_ROWS,
    DEAR_BY_DAY,
    FREE,
    FULL_LOAD,
    GAS,
    IDLE,
    METERED,
    OVER,
    PEAKY,
    PLAIN,
    PPA,
    RENT,
    SHAPED,
    SOLAR,
    TWO,
)
from tests.worlds import energy_world, world

LP = Path(__file__).with_name("lp")


@dataclass(frozen=True)
class Alone:
    """A world in which one rule matters: the function that states it, its rows, columns that keep and break it, the optimum.

    Keys of columns as the programme has them: p position, k class, g accelerator at a site, l loss, w workload, t period, i slice
    (0 by day, 1 at night), power source, m managed site.
    """

    function: str
    rules: tuple[str, ...]
    blocks: Mapping[str, str]
    good: Fixing
    bad: Fixing
    optimum: float  # in the unit of the tables: USD, MW, a plain scale
    measures: tuple[str, ...] = ()  # asked for in place of the scenario's objective


# Demand 200 h100e in the first half of the year only
FIRST_HALF = '[[workload]]\nid = "w"\nkind = "training"\n'
FIRST_HALF += 'demand = [ { from = 2027-01-01, value = "200 h100e" }, { from = 2027-07-01, value = "0 h100e" } ]'
# 100 h100e in the first and third quarter, at 5 USD where missing
GAP = UNSERVED.replace(
    'demand = "200 h100e"',
    'demand = [ { from = 2027-01-01, value = "100 h100e" }, { from = 2027-04-01, value = "0 h100e" },'
    ' { from = 2027-07-01, value = "100 h100e" } ]',
)
THREE_QUARTERS = QUARTERS.replace("2027-12-31", "2027-09-30")
SUPPLY = '[[supply]]\nvendor = "v"\nfrom = 2026-01-01\n'
FLEET = '[[fleet]]\nsite = "s"\noffer = "o"\nracks = "10 rack"\nto = 2027-03-31\n'
REGION = OFFER.replace("2 USD", "3 USD") + '\nbilling = "on_demand"\nmax = "50 gpu"'
SMALL = WORKLOAD.replace("200 h100e", "60 h100e")
CAPEX = '[[offer]]\nid = "o"\nprovider = "p"\naccelerator = "a"\ncapex = "100000 USD/rack"\nlifetime = "5 year"'
LICENCE = RULE.format("US", "licence", "2026-01-01") + '[[licence]]\nid = "L"\ndestination = "US"\nquantity = "30 gpu"\n'
COMMITTED = CONTRACT + 'end = 2028-12-31\nvalue = "10 million USD"\ntake_or_pay = 0.5'
LOSE_SITE = '[resilience]\nlose = "site"'
CRITICAL = WORKLOAD + "\ncritical = 0.8"
THIRD = """
[[provider]]
id = "r"
[[site]]
id = "y"
provider = "r"
country = "DE"
grid = "g"
pue = 1.25
[[site_power]]
site = "y"
from = 2026-01-01
power = "10 MW"
[[offer]]
id = "dearest"
provider = "r"
accelerator = "a"
price = "6 USD/gpu/hour"
"""
# racks that idle at a fifth and run at 80 % of their rating, 1 MW and by day half of 4 MW of sun, power for nothing
THROTTLED = {
    "policy": OVER,
    "places": FREE,
    "power": POWER.replace("10 MW", "1 MW"),
    "accelerator": IDLE.format(0.2) + "average_load = 0.8",
    "offer": METERED,
    "workload": UNSERVED,
}
SUN = DAY_ROWS + BY_DAY.format(0.5, 0) + SOLAR.format(4)
OTHER_METERED = OTHER.replace('"3 USD/gpu/hour"', '"3 USD/gpu/hour"\nenergy = "metered"')
HALF = POWER.replace("10 MW", "0.5 MW")
MANAGED = {"policy": PLAIN, "offer": METERED}
STORED = {"policy": DAY, "offer": METERED, "places": DEAR_BY_DAY}  # 75 USD/MWh by day, 25 at night

HUNGRY = OTHER.replace("pue = 1.25", "pue = 2.5")


def cap(name: str, limit: str, **blocks: str) -> dict[str, str]:
    return {"limits": f"[limits]\n{name} = {limit}", "workload": UNSERVED, **blocks}


EIGHT = 8 * RACK_YEAR + 40 * MISSING_YEAR  # 1 MW are 8 racks
SHARED = 6 * RACK_YEAR + 4 * 1.5 * RACK_YEAR  # positions 0: `dear` of q at site z, 3 USD; 1: `o` of p at site s, 2 USD
CASES = {
    # racks of the first half run out on 1 July, and no more can be had: 100 gpu x 2 USD x 4344 h + 200 h100e x 5 USD x 4416 h
    "stock_of_a_term": Alone(
        "stock",
        ("stock",),
        {"horizon": HALVES, "offer": OFFER + '\nterm = "0.5 year"\nto = 2027-01-31', "workload": UNSERVED},
        {("added", 0, 0): 10, ("taken", 0, 0): 10, ("taken", 0, 1): 0},
        {("added", 0, 0): 10, ("taken", 0, 0): 10, ("taken", 0, 1): 10},
        868_800 + 4_416_000,
    ),
    # without a term what was taken stays and is paid, wanted or not
    "stock_without_a_term": Alone(
        "stock",
        ("stock",),
        {"horizon": HALVES, "workload": FIRST_HALF},
        {("taken", 0, 0): 10, ("taken", 0, 1): 10},
        {("taken", 0, 0): 10, ("taken", 0, 1): 5},
        10 * RACK_YEAR,
    ),
    # nothing is delivered: the ten racks of the first half may be renewed in the second, an eleventh would be shipped
    "shipment": Alone(
        "shipments",
        ("shipment",),
        {
            "horizon": HALVES,
            "offer": OFFER + '\nterm = "0.5 year"',
            "workload": UNSERVED.replace("200", "220"),
            "more": SUPPLY + 'rate = "0 rack/quarter"\n' + FLEET,
        },
        {("taken", 0, 0): 0, ("taken", 0, 1): 10},
        {("taken", 0, 0): 0, ("taken", 0, 1): 11},
        10 * RACK_YEAR + 20 * MISSING_YEAR,
    ),
    # 0.5 MW are 5 racks in all: given back in the second quarter they would be shipped again, so they are held dark;
    # 50 gpu x 2 USD x (2160 + 2184 + 2208) h
    "shipment_stays": Alone(
        "shipments",
        ("shipment_stays",),
        {
            "horizon": THREE_QUARTERS,
            "offer": OFFER + '\nterm = "0.25 year"',
            "workload": GAP,
            "more": SUPPLY + 'total = "0.5 MW"',
        },
        {("taken", 0, 0): 5, ("taken", 0, 1): 5, ("taken", 0, 2): 5},
        {("taken", 0, 0): 5, ("taken", 0, 1): 0, ("taken", 0, 2): 5},
        100 * 6552,
    ),
    "online": Alone(
        "online_within_held",
        ("online",),
        {},
        {("taken", 0, 0): 10, ("online", 0, 0): 10},
        {("taken", 0, 0): 9, ("online", 0, 0): 10},
        10 * RACK_YEAR,
    ),
    "use": Alone(
        "use_within_run",
        ("use",),
        {},
        {("taken", 0, 0): 11, ("online", 0, 0): 11, ("use", 0, 0, 0, 0): 10},
        {("taken", 0, 0): 11, ("online", 0, 0): 9, ("use", 0, 0, 0, 0): 10},
        10 * RACK_YEAR,
    ),
    # on-demand racks are online for use only: an idle fourth is not possible
    "use_on_demand": Alone(
        "use_within_run",
        ("use",),
        {"power": "", "offer": REGION, "workload": SMALL},
        {("online", 0, 0): 3, ("use", 0, 0, 0, 0): 3},
        {("online", 0, 0): 4, ("use", 0, 0, 0, 0): 3},
        3 * 1.5 * RACK_YEAR,
    ),
    # what is served and what is missing make up the demand, not less and not more
    "demand": Alone(
        "demand",
        ("demand",),
        {"workload": UNSERVED},
        {("use", 0, 0, 0, 0): 6, ("unserved", 0, 0, 0): 80},
        {("use", 0, 0, 0, 0): 6, ("unserved", 0, 0, 0): 79},
        10 * RACK_YEAR,
    ),
    # 10 MW are 80 racks are 1600 h100e, eight times the demand; the column counts in hundredths, as the demand has three digits
    "demand_scale": Alone(
        "demand",
        ("demand",),
        {"objective": '[objective]\nmaximize = "demand_scale"'},
        {("use", 0, 0, 0, 0): 80, ("scale",): 800},
        {("use", 0, 0, 0, 0): 80, ("scale",): 810},
        8,
    ),
    "site_power": Alone(
        "site_power",
        ("site_power",),
        {"site": SITE + "\navailable = 0.5", "power": POWER.replace("10 MW", "2 MW"), "workload": UNSERVED},
        {("online", 0, 0): 8},
        {("online", 0, 0): 8.1},
        EIGHT,
    ),
    # 0.125 MW a quarter of 2191.5 h: 3.9973 racks in 8760 h
    "build_rate": Alone(
        "build_rate",
        ("build_rate",),
        {"site": SITE + '\nbuild_rate = "0.125 MW/quarter"', "workload": UNSERVED},
        {("taken", 0, 0): 3.997},
        {("taken", 0, 0): 4},
        8760 / 2191.5 * RACK_YEAR + (200 - 20 * 8760 / 2191.5) * MISSING_YEAR,
    ),
    **{
        name: Alone("power_caps", (name,), blocks, {("online", 0, 0): 8}, {("online", 0, 0): 8.1}, EIGHT)
        for name, blocks in {
            "fleet_power": cap("fleet_power", '"1 MW"'),
            "provider_power": cap("provider_power", '{ p = "1 MW" }'),
            "country_power": cap("country_power", '{ US = "1 MW" }'),
            "national_share": cap("national_share", '{ US = "1 %" }'),  # of 100 MW
            "grid_headroom": {"places": BLOCKS["places"] + 'headroom = "1 MW"', "workload": UNSERVED},
            "contract_max_power": {"more": CONTRACT + 'max_power = "1 MW"', "workload": UNSERVED},
        }.items()
    },
    # 2.5 MW are 20 racks, though 10 would do
    "contract_min_power": Alone(
        "power_caps",
        ("contract_min_power",),
        {"more": CONTRACT + 'min_power = "2.5 MW"'},
        {("online", 0, 0): 20},
        {("online", 0, 0): 19.9},
        20 * RACK_YEAR,
    ),
    # 0.25 MW too much at 0.1 million USD a MW and year of 8766 h
    "fleet_power_soft": Alone(
        "power_caps",
        ("fleet_power",),
        cap("fleet_power", '{ max = "1 MW", at = "0.1 million USD/MW/year" }'),
        {("online", 0, 0): 10, ("excess", "fleet_power", "fleet", 0): 0.25},
        {("online", 0, 0): 10, ("excess", "fleet_power", "fleet", 0): 0.2},
        10 * RACK_YEAR + 25_000 * 8760 / 8766,
    ),
    # 2 racks a quarter of 2191.5 h: 7.9945 racks in 8760 h
    "supply": Alone(
        "supply",
        ("supply",),
        {"more": SUPPLY + 'rate = "2 rack/quarter"', "workload": UNSERVED},
        {("taken", 0, 0): 7.994},
        {("taken", 0, 0): 8},
        2 * 8760 / 2191.5 * RACK_YEAR + (200 - 20 * 2 * 8760 / 2191.5) * MISSING_YEAR,
    ),
    # 0.3 MW of IT are 3 racks of 100 kW, whatever the PUE
    "supply_total": Alone(
        "supply",
        ("supply_total",),
        {"more": SUPPLY + 'total = "0.3 MW"', "workload": UNSERVED},
        {("taken", 0, 0): 3},
        {("taken", 0, 0): 3.1},
        3 * RACK_YEAR + 140 * MISSING_YEAR,
    ),
    "offer_max": Alone(
        "offer_max",
        ("offer_max",),
        {"offer": OFFER + '\nmax = "50 gpu"', "workload": UNSERVED},
        {("taken", 0, 0): 5},
        {("taken", 0, 0): 5.1},
        5 * RACK_YEAR + 100 * MISSING_YEAR,
    ),
    "offer_max_on_demand": Alone(
        "offer_max",
        ("offer_max",),
        {"power": "", "offer": REGION, "workload": UNSERVED},
        {("online", 0, 0): 5},
        {("online", 0, 0): 5.1},
        5 * 1.5 * RACK_YEAR + 100 * MISSING_YEAR,
    ),
    # the ten racks that were there may be renewed, an eleventh may not come
    "export_blocked": Alone(
        "export_blocked",
        ("export_blocked",),
        {
            "horizon": HALVES,
            "offer": OFFER + '\nterm = "0.5 year"',
            "workload": UNSERVED.replace("200", "220"),
            "more": FLEET + RULE.format("US", "prohibit", "2026-06-01"),
        },
        {("taken", 0, 0): 0, ("taken", 0, 1): 10},
        {("taken", 0, 0): 0, ("taken", 0, 1): 11},
        10 * RACK_YEAR + 20 * MISSING_YEAR,
    ),
    # 0.03 million TPP at 1000 TPP a gpu are 3 racks
    "export_cap": Alone(
        "export_quantities",
        ("export_cap",),
        {"more": RULE.format("A:1", "cap", "2027-01-01") + 'amount = "0.03 million TPP"', "workload": UNSERVED},
        {("taken", 0, 0): 3},
        {("taken", 0, 0): 3.1},
        3 * RACK_YEAR + 140 * MISSING_YEAR,
    ),
    "export_cap_in_gpu": Alone(
        "export_quantities",
        ("export_cap",),
        {"more": RULE.format("A:1", "cap", "2027-01-01") + 'amount = "50 gpu"', "workload": UNSERVED},
        {("taken", 0, 0): 5},
        {("taken", 0, 0): 5.1},
        5 * RACK_YEAR + 100 * MISSING_YEAR,
    ),
    "export_max_share": Alone(
        "export_quantities",
        ("export_max_share",),
        {"more": OTHER + RULE.format("US", "max_share", "2027-01-01") + 'amount = "60 %"'},
        {("taken", 0, 0): 4, ("taken", 1, 0): 6},
        {("taken", 0, 0): 3, ("taken", 1, 0): 7},
        SHARED,
    ),
    "export_min_share": Alone(
        "export_quantities",
        ("export_min_share",),
        {"more": OTHER + RULE.format("DE", "min_share", "2027-01-01") + 'amount = "40 %"'},
        {("taken", 0, 0): 4, ("taken", 1, 0): 6},
        {("taken", 0, 0): 3, ("taken", 1, 0): 7},
        SHARED,
    ),
    # 30 gpu under the licence are 3 racks
    "licence": Alone(
        "export_licences",
        ("licence",),
        {"more": LICENCE, "workload": UNSERVED},
        {("licensed", "L", 0, 0): 30, ("taken", 0, 0): 3},
        {("licensed", "L", 0, 0): 31, ("taken", 0, 0): 3.1},
        3 * RACK_YEAR + 140 * MISSING_YEAR,
    ),
    # no gpu without the licence that it draws on
    "licence_need": Alone(
        "export_licences",
        ("licence_need",),
        {"more": LICENCE, "workload": UNSERVED},
        {("licensed", "L", 0, 0): 29, ("taken", 0, 0): 2.9},
        {("licensed", "L", 0, 0): 29, ("taken", 0, 0): 3},
        3 * RACK_YEAR + 140 * MISSING_YEAR,
    ),
    # 876,000 USD rent 5 racks
    "budget": Alone(
        "budgets",
        ("budget",),
        cap("budget", '{ 2027 = "876000 USD" }'),
        {("taken", 0, 0): 5},
        {("taken", 0, 0): 5.1},
        5 * RACK_YEAR + 100 * MISSING_YEAR,
    ),
    # routes count: 5 racks cost 876,000 USD and, at 0.1 USD, 87,600 USD for 100 h100e; half of that is 2.5 racks
    "budget_with_routes": Alone(
        "budgets",
        ("budget",),
        cap("budget_total", '"481800 USD"', more='[[route]]\nworkload = "w"\ncost = "0.1 USD/h100e/hour"'),
        {("use", 0, 0, 0, 0): 2.5},
        {("use", 0, 0, 0, 0): 2.6},
        481_800 + 150 * MISSING_YEAR,
    ),
    # 876,000 USD too much at 0.5 USD
    "budget_soft": Alone(
        "budgets",
        ("budget",),
        cap("budget", '{ 2027 = { max = "876000 USD", at = "0.5 USD/USD" } }'),
        {("taken", 0, 0): 10, ("excess", "budget", "2027"): 0.876},
        {("taken", 0, 0): 10, ("excess", "budget", "2027"): 0.875},
        10 * RACK_YEAR + 438_000,
    ),
    # in cash 500,000 USD buy 5 racks; the cost counts a fifth of that for 8760 of 8766 h
    "first_paid": Alone(
        "_first_payments",
        ("first_paid",),
        {"limits": '[limits]\nbudget_total = "500000 USD"\nbudget_basis = "cash"', "offer": CAPEX, "workload": UNSERVED},
        {("taken", 0, 0): 5, ("first_paid", 0, 0): 5},
        {("taken", 0, 0): 5, ("first_paid", 0, 0): 4},
        100_000 * 8760 / 8766 + 100 * MISSING_YEAR,
    ),
    # 5 million x 365 of 731 days is committed; what 1.752 million of rent leave over is paid too
    "take_or_pay": Alone(
        "take_or_pay",
        ("take_or_pay",),
        {"more": COMMITTED},
        {("taken", 0, 0): 10, ("allotted", 0, 0): 1.752, ("shortfall", 0): 5 * 365 / 731 - 1.752},
        {("taken", 0, 0): 10, ("allotted", 0, 0): 1.752, ("shortfall", 0): 0.7},
        5e6 * 365 / 731,
    ),
    # no more than was spent counts, and once: two contracts of 1 million share 1.752 million of rent
    "allotment": Alone(
        "allotment",
        ("allotment",),
        {"more": (one := CONTRACT + 'end = 2027-12-31\nvalue = "1 million USD"\ntake_or_pay = 1\n') + one.replace('"k"', '"l"')},
        {("taken", 0, 0): 10, ("allotted", 0, 0): 1, ("allotted", 1, 0): 0.752},
        {("taken", 0, 0): 10, ("allotted", 0, 0): 1, ("allotted", 1, 0): 0.76},
        2_000_000,
    ),
    # the contract runs on 73 of 365 days: a fifth of the rent of 1,752,000 USD can count
    "allotment_share": Alone(
        "allotment",
        ("allotment_share",),
        {"more": CONTRACT + 'end = 2027-03-14\nvalue = "1 million USD"\ntake_or_pay = 1'},
        {("taken", 0, 0): 10, ("allotted", 0, 0): 0.3504},
        {("taken", 0, 0): 10, ("allotted", 0, 0): 0.36},
        1_752_000 + 649_600,
    ),
    **{
        f"provider_share_{of}": Alone(
            "provider_share",
            ("provider_share_max",),
            {"limits": f'[limits]\nprovider_share = [ {{ provider = "p", of = "{of}", max = {share} }} ]', "more": OTHER},
            {(*column[0], 0): 4, (*column[1], 0): 6},
            {(*column[0], 0): 3, (*column[1], 0): 7},
            SHARED,
        )
        for of, share, column in (
            ("compute", 0.6, (("use", 0, 0, 0), ("use", 0, 1, 0))),
            ("power", 0.6, (("online", 0), ("online", 1))),
            ("spend", 0.5, (("taken", 0), ("taken", 1))),  # 6 x 2 USD is half of 6 x 2 + 4 x 3 USD
        )
    },
    "provider_share_min": Alone(
        "provider_share",
        ("provider_share_min",),
        {"limits": '[limits]\nprovider_share = [ { provider = "q", of = "power", min = "40 %" } ]', "more": OTHER},
        {("online", 0, 0): 4, ("online", 1, 0): 6},
        {("online", 0, 0): 3, ("online", 1, 0): 7},
        SHARED,
    ),
    # after the loss of either site the other carries 160 h100e: 8 racks each. Loss 0 is that of site z (position 0)
    "standby": Alone(
        "survival_power",
        ("standby",),
        {"workload": CRITICAL, "policy": LOSE_SITE, "more": OTHER},
        {("taken", 1, 0): 8, ("standby", 0, 1, 0): 8},
        {("taken", 1, 0): 7, ("standby", 0, 1, 0): 8},
        8 * RACK_YEAR + 8 * 1.5 * RACK_YEAR,
    ),
    # three sites at 2 (4 racks of power), 3 and 6 USD; after a loss 120 h100e are left, 6 racks. Without the second the first can
    # run 4, so the dearest must hold 2; racks without power do not count. 4 x 2 + 4 x 3 + 2 x 6 USD, in racks at 2 USD: 16
    "standby_power": Alone(
        "survival_power",
        ("standby_power",),
        {
            "power": POWER.replace("10 MW", "0.5 MW"),
            "workload": WORKLOAD + "\ncritical = 0.6",
            "policy": LOSE_SITE,
            "more": OTHER + THIRD,
        },
        {("standby", 0, 2, 0): 4, ("taken", 2, 0): 6},
        {("standby", 0, 2, 0): 5, ("taken", 2, 0): 6},
        16 * RACK_YEAR,
    ),
    # the same where a ceiling and not the site allows 4 racks at the first: a loss lifts none
    **{
        f"standby_{name}": Alone(
            "survival_caps",
            (f"standby_{name}",),
            {"workload": WORKLOAD + "\ncritical = 0.6", "policy": LOSE_SITE, **blocks},
            {("standby", 0, 2, 0): 4, ("taken", 2, 0): 6},
            {("standby", 0, 2, 0): 5, ("taken", 2, 0): 6},
            16 * RACK_YEAR,
        )
        for name, blocks in {
            "provider_power": {"limits": '[limits]\nprovider_power = { p = "0.5 MW" }', "more": OTHER + THIRD},
            "country_power": {"limits": '[limits]\ncountry_power = { US = "0.5 MW" }', "more": OTHER + THIRD},
            "national_share": {"limits": '[limits]\nnational_share = { US = "0.5 %" }', "more": OTHER + THIRD},
            "contract_max_power": {"more": OTHER + THIRD + CONTRACT + 'max_power = "0.5 MW"'},
        }.items()
    },
    # 1.25 MW for all; a rack draws 0.25 MW at the second site: without the first, 4 racks there and 2 at the dearest keep it,
    # and before a loss these 2 run beside 8 of the first. 8 x 2 + 4 x 3 + 2 x 6 USD; without the rule 20 + 18
    **{
        f"standby_{name}": Alone(
            "survival_caps",
            (f"standby_{name}",),
            {"workload": WORKLOAD + "\ncritical = 0.6", "policy": LOSE_SITE, "more": HUNGRY + THIRD, **blocks},
            {("standby", 2, 0, 0): 4, ("taken", 0, 0): 6},
            {("standby", 2, 0, 0): 4.5, ("taken", 0, 0): 6},
            20 * RACK_YEAR,
        )
        for name, blocks in {
            "fleet_power": {"limits": '[limits]\nfleet_power = "1.25 MW"'},
            "grid_headroom": {"places": BLOCKS["places"] + 'headroom = "1.25 MW"'},
        }.items()
    },
    # headroom 0.5 MW; at the first site a rack draws 0.25 MW, and there is gas for one. After the loss of the second it carries
    # 2, 0.25 MW of them from the grid, and the dearest 2; before a loss 4 of these two run, and one on gas. 2 of each are held:
    # 2 x 2 + 2 x 3 + 2 x 6 USD; without the rule 4 of the first two
    "standby_import": Alone(
        "_carried",
        ("standby_import",),
        {
            "places": BLOCKS["places"] + 'headroom = "0.5 MW"',
            "site": SITE.replace("pue = 1.25", "pue = 2.5"),
            "offer": METERED,
            "policy": PLAIN + LOSE_SITE,
            "workload": UNSERVED + "\ncritical = 0.4",
            "more": OTHER + THIRD + GAS + 'capacity = "0.25 MW"',
        },
        {("standby", 0, 2, 0): 2, ("taken", 2, 0): 2, ("carried", 0, 0, 0): 0.25},
        {("standby", 0, 2, 0): 2, ("taken", 2, 0): 2, ("carried", 0, 0, 0): 0.2},
        11 * RACK_YEAR + 0.25 * 60 * 8760 + 100 * MISSING_YEAR,
    ),
    "rescue": Alone(
        "survival_use",
        ("rescue",),
        {"workload": CRITICAL, "policy": LOSE_SITE, "more": OTHER},
        {("standby", 0, 1, 0): 8, ("rescue", 0, 0, 0, 0, 0): 8},
        {("standby", 0, 1, 0): 7, ("rescue", 0, 0, 0, 0, 0): 8},
        8 * RACK_YEAR + 8 * 1.5 * RACK_YEAR,
    ),
    "resilience": Alone(
        "survival_demand",
        ("resilience",),
        {"workload": CRITICAL, "policy": LOSE_SITE, "more": OTHER},
        {("rescue", 0, 0, 0, 0, 0): 8},
        {("rescue", 0, 0, 0, 0, 0): 7.9},
        8 * RACK_YEAR + 8 * 1.5 * RACK_YEAR,
    ),
    # a rack emits 0.125 MW x 8760 h x 0.4 t/MWh = 438 t
    "carbon": Alone(
        "carbon",
        ("carbon",),
        cap("carbon", '{ 2027 = "2190 t" }'),
        {("online", 0, 0): 5},
        {("online", 0, 0): 5.1},
        5 * RACK_YEAR + 100 * MISSING_YEAR,
    ),
    "carbon_soft": Alone(
        "carbon",
        ("carbon",),
        cap("carbon", '{ 2027 = { max = "2190 t", at = "100 USD/t" } }'),
        {("online", 0, 0): 10, ("excess", "carbon", "2027"): 2190},
        {("online", 0, 0): 10, ("excess", "carbon", "2027"): 2100},
        10 * RACK_YEAR + 219_000,
    ),
    "peak": Alone(
        "peak_power",
        ("peak",),
        {"objective": '[objective]\nminimize = "peak_power"'},
        {("online", 0, 0): 10, ("peak",): 1.25},
        {("online", 0, 0): 10, ("peak",): 1.24},
        1.25,
    ),
    # two providers: the largest has half at least
    "largest": Alone(
        "largest_share",
        ("largest",),
        {"more": OTHER},
        {("use", 0, 0, 0, 0): 5, ("largest",): 0.5},
        {("use", 0, 0, 0, 0): 6, ("largest",): 0.5},
        0.5,
        ("largest_share",),
    ),
    # racks draw a fifth when idle: 15 are online for the 300 h100e by day, 5 of them run at night
    "run": Alone(
        "run_within_online",
        ("run",),
        {"policy": DAY, "accelerator": IDLE.format(0.2), "workload": SHAPED, "more": DAY_ROWS + PEAKY},
        {("online", 0, 0): 15, ("run", 0, 0, 0): 15},
        {("online", 0, 0): 14, ("run", 0, 0, 0): 15},
        15 * RACK_YEAR,
    ),
    # a demand over the day: 5 racks by day and 10 at night are 150 h100e, 50 are missing
    "demand_of_a_day": Alone(
        "demand",
        ("demand",),
        {"policy": DAY, "workload": UNSERVED + '\ndemand_shape = "h"' + BY_THE_DAY, "more": DAY_ROWS + PEAKY},
        {("use", 0, 0, 0, 0): 5, ("use", 0, 0, 0, 1): 10, ("unserved", 0, 0, 0): 50},
        {("use", 0, 0, 0, 0): 5, ("use", 0, 0, 0, 1): 10, ("unserved", 0, 0, 0): 49},
        10 * RACK_YEAR,
    ),
    # at night 0.125 MW (0.2 x 10 + 0.8 run) are 1 MW with 7.5 racks running: 50 h100e are missing half of the time
    "site_power_slice": Alone(
        "throttled_power",
        ("site_power_slice",),
        {**THROTTLED, "more": SUN},
        {("online", 0, 0): 10, ("run", 0, 0, 1): 7.5},
        {("online", 0, 0): 10, ("run", 0, 0, 1): 7.6},
        10 * RACK_YEAR + 25 * MISSING_YEAR,
    ),
    # a battery brings 2 MWh into the 12 hours of the night, a sixth of a MW: 5/3 more run, 50/3 h100e are missing
    "site_power_slice_with_a_battery": Alone(
        "throttled_power",
        ("site_power_slice",),
        {**THROTTLED, "more": SUN + BATTERY.replace('"x"', '"b"').replace("0.8", "1").replace("6 hour", "2 hour")},
        {("online", 0, 0): 10, ("run", 0, 0, 1): 9.16},
        {("online", 0, 0): 10, ("run", 0, 0, 1): 9.18},
        10 * RACK_YEAR + 25 / 3 * MISSING_YEAR,
    ),
    # 10 racks at 80 % take 1 MW, cheaper from the grid than from gas
    "energy_balance": Alone(
        "balance",
        ("energy_balance",),
        {**MANAGED, "accelerator": ACCELERATOR + "average_load = 0.8", "more": GAS + 'capacity = "2 MW"'},
        {("online", 0, 0): 10, ("spot", 0, 0, 0): 0.75, ("generated", 0, 0, 0): 0.25},
        {("online", 0, 0): 10, ("spot", 0, 0, 0): 0.75, ("generated", 0, 0, 0): 0.2},
        RENT + 0.8 * FULL_LOAD,
    ),
    # 0.5 MW from the grid at 50 USD, the other 0.75 MW from gas at 60 USD
    "grid_connection": Alone(
        "grid_connection",
        ("grid_connection",),
        {**MANAGED, "power": HALF, "more": GAS + 'capacity = "1 MW"'},
        {("spot", 0, 0, 0): 0.5},
        {("spot", 0, 0, 0): 0.6},
        RENT + (0.5 * 50 + 0.75 * 60) * 8760,
    ),
    # 1 MW of headroom carries 1.25 MW of load with 0.25 MW of gas, which costs 10 USD more
    "grid_headroom_and_own_power": Alone(
        "power_caps",
        ("grid_headroom",),
        {**MANAGED, "places": BLOCKS["places"] + 'headroom = "1 MW"', "more": GAS + 'capacity = "2 MW"'},
        {("online", 0, 0): 10, ("generated", 0, 0, 0): 0.25},
        {("online", 0, 0): 10, ("generated", 0, 0, 0): 0.2},
        RENT + FULL_LOAD + 0.25 * 10 * 8760,
    ),
    # 2 MW of sun give 1.2 MW by day, so that the grid gives 0.05 MW by day and 1.25 MW at night
    "generation": Alone(
        "generation",
        ("generation",),
        {"policy": DAY, "offer": METERED, "more": DAY_ROWS + BY_DAY.format(0.6, 0) + SOLAR.format(2)},
        {("generated", 0, 0, 0): 1.2},
        {("generated", 0, 0, 0): 1.21},
        RENT + 1.3 * 50 * 4380,
    ),
    # two sites of 1.25 MW on one grid share 1 MW at 20 USD; the other 1.5 MW cost 50 USD
    "purchase": Alone(
        "purchase",
        ("purchase",),
        {**MANAGED, "workload": TWO, "more": OTHER_METERED + PPA.format(1, 20)},
        {("bought", 0, 0, 0, 0): 0.5, ("bought", 0, 1, 0, 0): 0.5},
        {("bought", 0, 0, 0, 0): 0.5, ("bought", 0, 1, 0, 0): 0.51},
        2.5 * RENT + (1 * 20 + 1.5 * 50) * 8760,
    ),
    # 0.4 MW charge 4.8 MWh a night at 25 USD, and 80 % of it is worth 75 USD by day
    "battery_charge": Alone(
        "battery",
        ("charge",),
        {**STORED, "more": DAY_ROWS + PEAKY + BATTERY.replace("1 MW", "0.4 MW").replace("6 hour", "24 hour")},
        {("charged", 0, 0, 1): 0.4},
        {("charged", 0, 0, 1): 0.41},
        RENT + FULL_LOAD - (0.8 * 4.8 * 75 - 4.8 * 25) * 365,
    ),
    # a MWh charged gives back 0.8: 0.5 MW at night are 0.4 MW by day; 7.5 MWh for 6 are best
    "battery_day": Alone(
        "battery",
        ("battery_day",),
        {**STORED, "more": DAY_ROWS + PEAKY + BATTERY},
        {("charged", 0, 0, 0): 0, ("charged", 0, 0, 1): 0.5, ("generated", 0, 0, 0): 0.4},
        {("charged", 0, 0, 0): 0, ("charged", 0, 0, 1): 0.5, ("generated", 0, 0, 0): 0.45},
        RENT + FULL_LOAD - (6 * 75 - 7.5 * 25) * 365,
    ),
    # 1 MW of 6 hours gives 6 MWh a day: half a MW for the 12 hours of the day
    "battery_duration": Alone(
        "battery",
        ("battery_duration",),
        {**STORED, "more": DAY_ROWS + PEAKY + BATTERY},
        {("generated", 0, 0, 0): 0.5},
        {("generated", 0, 0, 0): 0.51},
        RENT + FULL_LOAD - (6 * 75 - 7.5 * 25) * 365,
    ),
    # 0.5 MW of connection and 0.25 MW of gas are 6 racks; 1000 USD/kW over 10 years are 100 USD a year of 8766 h
    "max_build": Alone(
        "build_limit",
        ("max_build",),
        {
            **MANAGED,
            "horizon": HALVES,
            "power": HALF,
            "workload": UNSERVED,
            "more": GAS + 'max_build = "0.25 MW"\ncapex = "1000 USD/kW"\nlifetime = "10 year"',
        },
        {("built", 0, 0): 0.15, ("built", 0, 1): 0.1},
        {("built", 0, 0): 0.15, ("built", 0, 1): 0.11},
        6 * RACK_YEAR + 80 * MISSING_YEAR + (0.5 * 50 + 0.25 * 60) * 8760 + 25_000 * 8760 / 8766,
    ),
    # half of 1 MW is paid at 60 USD, taken or not, and so taken; 0.6 MW all year are 5.256 GWh to be paid
    "paid": Alone(
        "least_take",
        ("paid",),
        {**MANAGED, "more": PPA.format(1, 60) + "min_take = 0.5"},
        {("bought", 0, 0, 0, 0): 0.6, ("paid", 0, 0): 5.256},
        {("bought", 0, 0, 0, 0): 0.6, ("paid", 0, 0): 5.2},
        RENT + (0.5 * 60 + 0.75 * 50) * 8760,
    ),
    "min_take": Alone(
        "least_take",
        ("min_take",),
        {**MANAGED, "more": GAS + 'capacity = "1 MW"\nmin_take = 0.5'},
        {("paid", 0, 0): 4.38},
        {("paid", 0, 0): 4.37},
        RENT + (0.5 * 60 + 0.75 * 50) * 8760,
    ),
}
BREAK_TIES = {("equal_shortage", "shortage")}  # rows that cost nothing and decide among plans that do: tests/test_canonical.py
every_case = pytest.mark.parametrize("name", CASES)


@cache
def made(name: str) -> Model:
    return model(scenario(**CASES[name].blocks), CASES[name].measures)


@every_case
def test_what_keeps_the_rule_passes(name: str) -> None:
    assert least(made(name), CASES[name].good) < float("inf")


@every_case
def test_what_breaks_the_rule_fails_and_for_no_other_reason(name: str) -> None:
    case = CASES[name]
    assert least(made(name), case.bad) == float("inf")
    assert least(made(name), case.bad, without=case.rules) < float("inf")


@every_case
def test_optimum_by_hand(name: str) -> None:
    assert worth(made(name), least(made(name))) == pytest.approx(CASES[name].optimum, rel=1e-9)


@every_case
def test_the_rule_costs_something(name: str) -> None:
    assert least(made(name), without=CASES[name].rules) < least(made(name)) - 1e-6


@every_case
def test_rows_as_text(name: str) -> None:
    path, fix = LP / f"{name}.lp", "python -m tests.refresh_golden, and look at the difference"
    assert path.is_file(), fix
    assert written(made(name), CASES[name].rules) == path.read_text(encoding="utf-8"), fix


def test_no_text_without_a_case() -> None:
    assert {path.stem for path in LP.glob("*.lp")} == set(CASES)


# --- no constraint without a case -------------------------------------------------------------------------------------


def stating() -> set[str]:
    """The functions of the formulation and of energy that add rows."""
    adds = ast.dump(ast.parse("program.add", mode="eval").body)
    return {
        function.name
        for module in (formulation, measures, energy)
        for function in ast.parse(inspect.getsource(module)).body
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and ast.dump(node.func) == adds
    }


@pytest.fixture
def stated(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """Rules by the function that added them, filled while models are built."""
    found: dict[str, set[str]] = {}
    add = Program.add

    def spy(self: Program, row: Any, rule: str, *key: Any, limit: float | None = None) -> None:
        found.setdefault(sys._getframe(1).f_code.co_name, set()).add(rule)
        add(self, row, rule, *key, limit=limit)

    monkeypatch.setattr(Program, "add", spy)
    return found


def test_every_constraint_has_a_case(stated: dict[str, set[str]]) -> None:
    for case in CASES.values():
        model(scenario(**case.blocks), case.measures)
    for seed in range(120):  # what random worlds come upon
        for text in (world(seed), energy_world(seed)):
            with suppress(InputFault):
                model(text)
    covered = {(case.function, rule) for case in CASES.values() for rule in case.rules} | BREAK_TIES
    assert covered == BREAK_TIES | {(function, rule) for function, rules in stated.items() for rule in rules}
    assert {function for function, _ in covered} == stating()
    assert set(RULES) == {rule for _, rule in covered}  # no record that nothing uses


def test_rows_are_keyed_once_and_coefficients_are_in_range() -> None:
    program = Program()
    x = program.variable("x")
    program.add(x <= 1, "max_build", "sun")
    with pytest.raises(ValueError, match="added twice"):
        program.add(x <= 2, "max_build", "sun")
    with pytest.raises(ValueError, match="no rule `most_built`: write its record in planner/model/rules.py"):
        program.add(x <= 1, "most_built", "sun")
    with pytest.raises(ValueError, match=r"a row of max_build is keyed by power_source, not by \['sun', 0\]"):
        program.add(x <= 1, "max_build", "sun", 0)
    assert program.rows == [("max_build", "sun")]
    assert not program.outside
    program.add(1e-9 * x <= 1, "max_build", "b")
    program.add(x <= 1e10, "max_build", "c")
    program.add(x <= 1e-7, "max_build", "d", limit=1e-7)
    program.add(x <= 1e-7, "max_build", "e")  # dust that constants of a row leave
    program.variable("unserved", 0, 0, 0, up=1e-7)
    assert [(each.row, each.value) for each in program.outside] == [
        (("max_build", "b"), 1e-9), (("max_build", "c"), 1e10), (("max_build", "d"), 1e-7), (("bound", 0, 0, 0), 1e-7),
    ]  # fmt: skip


def test_throughput_and_availability_multiply() -> None:
    # availability 0.8: 12.5 racks; a second row of the same accelerator is another throughput from July on
    faster = ACCELERATOR + "\n" + ACCELERATOR.replace("2 h100e", "4 h100e") + "from = 2027-07-01"
    found = model(scenario(accelerator=faster, policy="[solve]\navailability = 0.8"))
    assert worth(found, least(found)) == pytest.approx(200 / (0.8 * 10 * (2 * 181 + 4 * 184) / 365) * RACK_YEAR, rel=1e-9)
