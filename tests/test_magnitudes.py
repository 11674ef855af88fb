"""Numbers that solvers cannot keep are refused at the places where they are written, and never end in an unproved answer."""

from __future__ import annotations

import pytest

from planner.core.errors import InputFault
from tests import small
from tests.command import planner
from tests.small import scenario
from tests.test_oracle import BLOCKS

GAS = """[[power_source]]
id = "x"
kind = "gas"
site = "s"
capacity = "1 MW"
max_build = "1 MW"
capex = "1000 USD/kW"
lifetime = "20 year"
fixed_om = "2 %/year"
variable_cost = "40 USD/MWh"
fuel_price = "1 USD/MMBTU"
heat_rate = "7 MMBTU/MWh"
"""
LIMITS = '[energy]\n[limits]\nfleet_power = "8 MW"\nbudget = { 2027 = "90 million USD" }\ncarbon = { 2027 = "1 Mt" }\n'
FULL = scenario(
    policy=LIMITS,
    offer=BLOCKS["offer"]
    + '\nenergy = "metered"\ncapex = "1 million USD/rack"\nlifetime = "5 year"\nterm = "1 year"\nmax = "1000 gpu"\n',
    workload=BLOCKS["workload"] + '\nunserved = "5 USD/h100e/hour"\n',
    more=GAS,
)
KEYS = {
    "accelerator.a.rack_power": "kW/rack", "accelerator.a.chips_per_rack": "gpu/rack",
    "accelerator.a.throughput_training": "h100e/gpu",
    "offer.o.price": "USD/gpu/hour", "offer.o.capex": "USD/rack", "offer.o.lifetime": "year", "offer.o.term": "year",
    "offer.o.max": "gpu", "site.s.delay": "month", "site.s.build_rate": "MW/quarter", "site_power.s.2026-01-01.power": "MW",
    "grid.g.price": "USD/MWh", "grid.g.carbon": "g/kWh", "grid.g.headroom": "MW", "workload.w.demand": "h100e",
    "workload.w.unserved": "USD/h100e/hour", "limits.fleet_power": "MW", "limits.budget.2027": "USD", "limits.carbon.2027": "t",
    "money.discount_rate": "%/year", "power_source.x.capacity": "MW", "power_source.x.max_build": "MW",
    "power_source.x.capex": "USD/kW", "power_source.x.lifetime": "year", "power_source.x.fixed_om": "%/year",
    "power_source.x.variable_cost": "USD/MWh", "power_source.x.fuel_price": "USD/MMBTU",
    "power_source.x.heat_rate": "MMBTU/MWh", "power_source.x.carbon": "g/kWh", "power_source.x.lead_time": "year",
}  # fmt: skip


def faults(text: str) -> InputFault:
    with pytest.raises(InputFault) as caught:
        small.model(text)
    return caught.value


def test_a_coefficient_is_named_by_the_numbers_it_is_made_of() -> None:
    machine = BLOCKS["accelerator"].replace("2 h100e/gpu", "0.000000001 h100e/gpu")
    text = scenario(accelerator=machine, workload=BLOCKS["workload"].replace("200 h100e", "0.0000001 h100e"))
    first, second = faults(text).findings
    lines = text.split("\n")
    assert first.where.key == "accelerator.a.throughput_training" and "throughput_training" in lines[first.where.line - 1]
    assert first.what.startswith("`0.000000001 h100e/gpu` makes a coefficient of 1e-08 in the rule demand w")
    assert second.where.key == "workload.w.demand" and lines[second.where.line - 1].startswith("demand")
    assert second.what.startswith("`0.0000001 h100e` makes a right side of 1e-07")
    assert "chips_per_rack" not in str(first), "it is as usual"


def test_where_each_number_is_as_usual_all_are_named() -> None:
    (found,) = faults(scenario(policy="[limits]\nnational_share = { US = 0.000000001 }")).findings
    assert found.where.key == "limits.national_share.US"
    assert "made of" in found.fix and "country.US.capacity = 100 MW" in found.fix
    (found,) = faults(scenario(policy="[solve]\navailability = 0.00000001")).findings
    assert found.where.key == "solve.availability" and "made of" not in found.fix


def test_a_price_beyond_all_measure() -> None:
    text = scenario(offer=BLOCKS["offer"].replace("2 USD", "1e29 USD"))
    (found,) = faults(text).findings
    assert found.where.key == "offer.o.price" and found.where.line
    assert "outside 1e-09 to 1e+06" in found.what and "`1e29 USD/gpu/hour` makes a cost of" in found.what


def test_alike_ones_are_told_once_with_their_number() -> None:
    quarters = BLOCKS["horizon"].replace('"year"', '"quarter"')
    (found,) = faults(scenario(horizon=quarters, offer=BLOCKS["offer"].replace("2 USD", "1e29 USD"))).findings
    assert "and 3 more" in found.what


def test_bounds_and_limits_are_judged_too() -> None:
    text = scenario(workload=BLOCKS["workload"].replace("200 h100e", "1e12 h100e") + '\nunserved = "5 USD/h100e/hour"')
    assert [f.where.key for f in faults(text).findings] == ["workload.w.demand"]
    assert [f.where.key for f in faults(scenario(policy='[limits]\nfleet_power = "0.1 W"')).findings] == ["limits.fleet_power"]


def test_a_term_of_less_than_a_day_is_refused() -> None:
    found = faults(scenario(offer=BLOCKS["offer"] + '\nterm = "0.0001 year"'))
    assert "less than a day" in str(found) and "offer.o.term" in str(found)


@pytest.mark.parametrize("key", KEYS)
def test_no_number_however_large_or_small_ends_without_proof_or_place(key: str) -> None:
    path = small.written_file(FULL)
    for size in ("1e27", "1e12", "1e8", "1e-4", "1e-9", "1e-12", "1e-27"):
        done = planner("solve", path, "--set", f"{key}={size} {KEYS[key]}")
        assert done.code in (0, 1, 3), (size, done.err)
        assert done.code != 1 or key in done.err, (size, done.err)
