"""Words of the trade against numbers worked by hand: rates that compound, prices by the month, fixed cost as a share, fuel."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import pytest

from planner.core.calendar import Period, periods
from planner.core.errors import InputFault
from planner.core.units import UnitError, compounded, parse
from planner.run import pipeline
from tests import oracle, small
from tests.small import scenario
from tests.test_oracle import BLOCKS

HOURS = '[horizon]\nstart = {}\nend = {}\nstep = "{}"'
OFFER = '[[offer]]\nid = "o"\nprovider = "p"\naccelerator = "a"\nprice = "{}"'
GAS = '[[power_source]]\nid = "x"\nkind = "gas"\nsite = "s"\n'
RACK_YEAR = 175_200.0  # 10 racks of the plain world at 2 USD/gpu/hour are 1,752,000 USD


def near(value: float) -> Any:
    return pytest.approx(value, rel=1e-9)


def cost(text: str) -> float:
    """The cost of a plan that its audit passed and the second formulation agrees with."""
    result = small.plan(text)
    assert result.status == "optimal" and result.audit is not None and result.audit.passed, result.audit
    second = oracle.optimum(pipeline.prepare(small.written_file(text))[0])
    assert second.cost_usd == pytest.approx(result.totals["cost_usd"], rel=1e-7)
    return result.totals["cost_usd"]


# --- rates ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "yearly"),
    [
        ("8 %/year", 0.08),
        ("0.08 1/year", 0.08),
        ("2 %/quarter", 1.02**4 - 1),
        ("4 %/half", 1.04**2 - 1),
        ("1 %/month", 1.01**12 - 1),
        ("0.02 %/day", 1.0002**365.25 - 1),
        ("0 %/month", 0.0),
    ],
)
def test_a_rate_compounds(text: str, yearly: float) -> None:
    assert compounded(text) == near(yearly)


def test_a_discount_rate_per_quarter_earns_interest_on_interest_and_says_so() -> None:
    money = '[money]\ndiscount_rate = "2 %/quarter"'
    force = math.log(1.02**4)
    years = 365 / 365.25
    assert cost(scenario(money=money)) == near(10 * RACK_YEAR * (1 - math.exp(-force * years)) / (force * years))
    _, warnings = pipeline.prepare(small.written_file(scenario(money=money)))
    (found,) = [w for w in warnings if "compounds" in w.what]
    assert "8.24322 %/year" in found.what and found.where.key == "money.discount_rate" and found.where.line
    assert not pipeline.prepare(small.written_file(scenario(money=money.replace("2 %/quarter", "8 %/year"))))[1]


def test_a_rate_that_falls_is_refused_like_any_other() -> None:
    with pytest.raises(InputFault, match="below 0"):
        pipeline.prepare(small.written_file(scenario(money='[money]\ndiscount_rate = "-150 %/quarter"')))


# --- prices by the month ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "last", "months"),
    [
        (date(2027, 2, 1), date(2027, 2, 28), 1.0),
        (date(2028, 2, 1), date(2028, 2, 29), 1.0),
        (date(2027, 1, 1), date(2027, 12, 31), 12.0),
        (date(2027, 2, 15), date(2027, 3, 31), 14 / 28 + 1),
        (date(2027, 2, 10), date(2027, 2, 12), 3 / 28),
    ],
)
def test_months_of_a_period(first: date, last: date, months: float) -> None:
    assert Period(0, "t", first, last).months == near(months)


def test_months_add_up_over_any_cut() -> None:
    assert [t.months for t in periods(date(2027, 1, 1), date(2028, 12, 31), "quarter")] == [near(3.0)] * 8


@pytest.mark.parametrize(
    ("price", "start", "end", "step", "each"),
    [
        ("1461 USD/gpu/month", "2027-02-01", "2027-02-28", "month", 1461.0),  # a February like every month
        ("1461 USD/gpu/month", "2027-01-01", "2027-12-31", "month", 12 * 1461.0),
        ("1461 USD/month/gpu", "2028-01-01", "2028-12-31", "quarter", 12 * 1461.0),
        ("17532 USD/gpu/year", "2028-01-01", "2028-03-31", "month", 3 * 1461.0),
        ("1461 USD/gpu/month", "2027-02-15", "2027-03-31", "month", 1.5 * 1461.0),
        ("48 USD/gpu/day", "2027-02-01", "2027-02-28", "month", 28 * 48.0),
        ("2 USD/gpu/hour", "2027-02-01", "2027-02-28", "month", 672 * 2.0),
    ],
)
def test_a_price_by_the_month_bills_calendar_months(price: str, start: str, end: str, step: str, each: float) -> None:
    assert cost(scenario(horizon=HOURS.format(start, end, step), offer=OFFER.format(price))) == near(100 * each)


def test_rents_after_the_horizon_are_calendar_months_too() -> None:
    # a lease of a year, of which one month is planned: eleven are owed
    offer = OFFER.format("1461 USD/gpu/month") + '\nterm = "1 year"'
    result = small.plan(scenario(horizon=HOURS.format("2027-02-01", "2027-02-28", "month"), offer=offer))
    assert pipeline.liabilities(result)["term_rent_usd"] == near(100 * 11 * 1461.0)


# --- fixed cost and fuel ----------------------------------------------------------------------------------------------

SHORT = '[[site_power]]\nsite = "s"\nfrom = 2026-01-01\npower = "0.5 MW"'  # 0.75 MW are to be built
METERED = OFFER.format("2 USD/gpu/hour") + '\nenergy = "metered"\n'


def with_gas(more: str, power: str = SHORT) -> str:
    return scenario(policy="[energy]\n", power=power, offer=METERED, more=GAS + more)


def test_fixed_cost_as_a_share_of_capex() -> None:
    # 1 MW of which 0.75 is needed: 20 years at 0 % is a twentieth a year, 2 % of 1000 USD/kW is 20 USD/kW/year
    more = 'max_build = "0.75 MW"\ncapex = "1000 USD/kW"\nlifetime = "20 year"\nfixed_om = "{}"\nvariable_cost = "60 USD/MWh"\n'
    energy = 0.5 * 8760 * 50 + 0.75 * 8760 * 60
    standing = 0.75 * (1e6 / 20 + 20_000) * 8760 / 8766
    for fixed in ("2 %/year", "0.5 %/quarter", "20 USD/kW/year", "0.02 1/year"):
        assert cost(with_gas(more.format(fixed))) == near(10 * RACK_YEAR + energy + standing)


def test_a_share_of_a_capex_that_is_missing_is_refused() -> None:
    with pytest.raises(InputFault, match="a share of the capex, and there is none"):
        pipeline.prepare(small.written_file(with_gas('capacity = "0.75 MW"\nfixed_om = "2 %/year"\n')))


def test_fuel_costs_its_price_times_the_heat_rate() -> None:
    # 4 USD/MMBTU x 7.5 MMBTU/MWh + 5 USD/MWh = 35 USD/MWh: it runs at its 1 MW, the grid gives 0.25 MW
    rates = ("7.5 MMBTU/MWh", "7500 Btu/kWh", f"{7.5 * 1055.05585262 / 3600:.12g} MWh_th/MWh")
    for rate in rates:
        more = f'capacity = "1 MW"\nvariable_cost = "5 USD/MWh"\nfuel_price = "4 USD/MMBTU"\nheat_rate = "{rate}"\n'
        energy = 0.25 * 8760 * 50 + 1 * 8760 * 35
        assert cost(with_gas(more, BLOCKS["power"])) == near(10 * RACK_YEAR + energy)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ('fuel_price = "4 USD/MMBTU"\n', "one of them is missing"),
        ('heat_rate = "7.5 MMBTU/MWh"\n', "one of them is missing"),
        ('variable_cost = "4 USD/MMBTU"\n', "fuel_price and a heat_rate"),
        ('fuel_price = "4 USD/MWh"\nheat_rate = "7.5 MMBTU/MWh"\n', "is not in USD/MMBTU"),
        ('fuel_price = "4 USD/MMBTU"\nheat_rate = "7.5"\n', "has no unit"),
        ('fuel_price = "4 USD/MBtu"\nheat_rate = "7.5 MMBTU/MWh"\n', "a million to others"),
        ('fuel_price = "4 USD/MMBTU"\nheat_rate = "0 MMBTU/MWh"\n', "is not above 0"),
    ],
)
def test_heat_is_not_electricity(more: str, message: str) -> None:
    with pytest.raises(InputFault, match=message):
        pipeline.prepare(small.written_file(with_gas('capacity = "1 MW"\n' + more)))


@pytest.mark.parametrize(
    ("text", "canonical", "value"),
    [
        ("1 lb/MWh", "t/MWh", 0.00045359237),  # the international pound of 1959
        ("900 lbs/MWh", "g/kWh", 408.233133),
        ("1 MMBtu/MWh", "MMBTU/MWh", 1.0),
        ("1 MMBTU", "kWh_th", 1055.05585262 / 3.6),  # the Btu of the International Table, 1055.05585262 J
        ("1 GJ_th", "MWh_th", 1 / 3.6),
        ("1 half", "month", 6.0),
    ],
)
def test_units_of_the_trade(text: str, canonical: str, value: float) -> None:
    assert parse(text, canonical) == near(value)


@pytest.mark.parametrize("text", ["1 mW", "1 MBTU", "1 therm", "1 GJ", "1 ton"])
def test_words_with_two_meanings_stay_refused(text: str) -> None:
    with pytest.raises(UnitError, match="is refused"):
        parse(text, "MWh")
