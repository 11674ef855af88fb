"""Numbers that are possible and unheard of are warned of, at their place and with the band; nothing bundled is."""

from __future__ import annotations

import pytest

from planner.core import units
from planner.inputs.fields import Quantity
from planner.inputs.load import bundled_scenarios, column_kinds
from planner.inputs.tables import TABLES
from planner.run import pipeline
from tests import small
from tests.small import scenario
from tests.test_oracle import BLOCKS

GAS = '[[power_source]]\nid = "x"\nkind = "gas"\nsite = "s"\ncapacity = "1 MW"\n'
METERED = {"offer": BLOCKS["offer"] + '\nenergy = "metered"\n', "policy": "[energy]\n"}
COLUMNS = [
    (table.name, column, kind)
    for table in TABLES.values()
    for column, kind in column_kinds(table.record).items()
    if isinstance(kind, Quantity)
]


def odd(text: str, *overrides: str) -> list[str]:
    """The warnings of numbers outside their bands."""
    _, warnings = pipeline.prepare(small.written_file(text), overrides)
    return [str(w) for w in warnings if "outside" in w.what and w.severity == "warning"]


@pytest.mark.parametrize(("table", "column", "kind"), COLUMNS, ids=[f"{table}.{column}" for table, column, _ in COLUMNS])
def test_every_quantity_of_every_table_has_a_band(table: str, column: str, kind: Quantity) -> None:
    assert kind.usual is not None and kind.usual.why
    low, high = (units.parse(end, kind.unit) for end in (kind.usual.low, kind.usual.high))
    assert 0 < low < high
    assert kind.usual.within(low, kind.unit) and kind.usual.within(high, kind.unit) and kind.usual.within(0.0, kind.unit)
    assert not kind.usual.within(low * 0.99, kind.unit) and not kind.usual.within(high * 1.01, kind.unit)
    assert units.parse(kind.example or f"1 {kind.unit}", kind.unit)


@pytest.mark.parametrize("name", bundled_scenarios())
def test_nothing_bundled_is_unheard_of(name: str) -> None:
    _, warnings = pipeline.prepare(name)
    assert not [w for w in warnings if "outside" in w.what]


def test_the_plain_world_is_not_warned_of() -> None:
    assert not odd(scenario())


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("accelerator.a.rack_power=150 GW/rack", "`150 GW/rack` lies outside 1 kW/rack to 2 MW/rack"),
        ("accelerator.a.rack_power=100 W/rack", "`100 W/rack` lies outside"),
        ("accelerator.a.rack_power=0.5 kW/rack", "outside"),
        ("accelerator.a.chips_per_rack=9000 gpu/rack", "outside"),
        ("accelerator.a.rack_power=1.5 MW/rack", "with chips_per_rack that is 150 kW/gpu, outside 0.1 kW/gpu to 10 kW/gpu"),
        ("accelerator.a.throughput_training=2000 h100e/gpu", "outside 0.01 h100e/gpu"),
        ("accelerator.a.memory=180000 GB/gpu", "outside"),
        ("accelerator.a.memory_bandwidth=8 GB/s/gpu", "outside"),
        ("accelerator.a.tpp=20 TPP", "outside"),
        ("accelerator.a.lifetime=60 year", "outside"),
        ("offer.o.price=0.003 USD/gpu/hour", "`0.003 USD/gpu/hour` lies outside 0.1 USD/gpu/hour to 60 USD/gpu/hour"),
        ("offer.o.price=2 USD/gpu/month", "outside"),
        ("offer.o.price=1461 USD/gpu/hour", "outside"),
        ("offer.o.price=2 USD/gpu/day", "outside"),
        ("site.s.delay=20 year", "outside"),
        ("site.s.build_rate=300 MW/hour", "outside"),
        ("site_power.s.2026-01-01.power=10 kW", "`10 kW` lies outside 0.1 MW to 50 GW"),
        ("grid.g.price=0.05 USD/MWh", "outside 1 USD/MWh to 1000 USD/MWh"),
        ("grid.g.price=50 USD/kWh", "outside"),
        ("grid.g.price=-50 USD/kWh", "outside"),
        ("grid.g.carbon=400 kg/kWh", "outside"),
        ("workload.w.demand=1e12 h100e", "outside"),
        ("workload.w.demand=[{from=2027-01-01, value='200 h100e'}, {from=2027-07-01, value='1e-9 h100e'}]", "`1e-9 h100e` lies"),
        ("workload.w.unserved=1 USD/h100e/minute", ""),
        ("workload.w.unserved=10000 USD/h100e/hour", "outside"),
        ("limits.fleet_power=2 kW", "outside"),
        ("limits.fleet_power={max='2 kW', at='1000 USD/MW/year'}", "`2 kW` lies outside"),
        ("limits.provider_power.p=20 W", "outside"),
        ("limits.budget.2027=5 USD", "outside"),
        ("limits.carbon.2027=9 g", "outside"),
        ("money.discount_rate=8 1/year", "outside"),
        ("money.rates={CAD='71 USD'}", "outside"),
    ],
)
def test_a_slip_is_seen_where_it_is_written(override: str, said: str) -> None:
    found = odd(scenario(), override)
    if not said:
        assert not found
        return
    (line,) = found
    assert said in line and override.partition("=")[0] in line and "fix: check number and unit" in line


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('capex = "1000 USD/MW"\nlifetime = "20 year"', "outside 20 USD/kW to 40000 USD/kW"),
        ('variable_cost = "60 USD/kWh"', "outside"),
        ('variable_cost = "60 USD/MWh"\nfixed_om = "25 USD/MW/year"', "outside 0.5 USD/kW/year"),
        ('capex = "1000 USD/kW"\nfixed_om = "180 %/year"\nlifetime = "20 year"', "outside 0.1 %/year to 30 %/year"),
        ('capex = "1000 USD/kW"\nfixed_om = "2000 USD/kW/year"\nlifetime = "20 year"', "with capex that is 200 %/year"),
        ('fuel_price = "4 USD/Btu"\nheat_rate = "7500 Btu/kWh"', "outside"),
        ('fuel_price = "4 USD/MMBTU"\nheat_rate = "3000 Btu/kWh"', "all of the heat"),
        ('carbon = "490 kg/kWh"', "outside"),
        ('fixed_om = "25 USD/kW/year"\nvariable_cost = "35 USD/MWh"\ncarbon = "1080 lb/MWh"', ""),
    ],
)
def test_of_power_sources(row: str, said: str) -> None:
    found = odd(scenario(**METERED, more=GAS + row + "\n"))
    assert [said in line and "power_source.x." in line for line in found] == ([True] if said else []), found


def test_of_compute_that_costs_next_to_nothing() -> None:
    (line,) = odd(scenario(), "accelerator.a.throughput_training=50 h100e/gpu")
    assert "offer.o.price: warning: `2 USD/gpu/hour`: with the throughput of its accelerator that is 0.04 USD/h100e/hour" in line


def test_a_cap_on_the_fleet_of_megawatts_where_gigawatts_were_meant() -> None:
    assert not odd(scenario(policy='[limits]\nfleet_power = "1 MW"'))
    (line,) = odd(scenario(power=BLOCKS["power"].replace("10 MW", "10 GW"), policy='[limits]\nfleet_power = "30 MW"'))
    assert "limits.fleet_power: warning: is 30 MW at most" in line and "10,000 MW that the sites have" in line


def test_a_contract_worth_a_thousandth_of_its_power() -> None:
    contract = '[[contract]]\nid = "c"\nprovider = "p"\nstart = 2027-01-01\nend = 2027-12-31\nmax_power = "10 MW"\nvalue = "{}"\n'
    assert not odd(scenario(more=contract.format("100 million USD")))
    (line,) = odd(scenario(more=contract.format("100 billion USD")))
    assert "with max_power and its days that is" in line


def test_alike_ones_are_told_once_with_their_number() -> None:
    more = "".join(f'[[site_power]]\nsite = "s"\nfrom = {year}-01-01\npower = "10 kW"\n' for year in (2027, 2028, 2029))
    (line,) = odd(scenario(more=more))
    assert "site_power.s.2027-01-01.power" in line and "so do 2 more of this column" in line
