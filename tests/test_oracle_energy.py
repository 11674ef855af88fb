"""The energy rules of the second formulation against numbers worked by hand, and the random worlds with energy.

The world is that of tests/test_oracle.py: one year (8760 h), a site of 10 MW, racks of 0.125 MW that do 20 h100e at 175,200 USD
a year, a demand of 200 h100e, so 10 racks and 1.25 MW; here the offer is metered at 50 USD/MWh, 547,500 USD a year at full
load. Day and night are two slices of 12 hours, 4380 h a year each.
"""

from __future__ import annotations

from functools import cache

import pytest

from tests.oracle import optimum
from tests.test_oracle import (
    ACCELERATOR,
    BLOCKS,
    CONTRACT,
    DELTA_2027,
    EIGHT,
    HALVES,
    MISSING_YEAR,
    OFFER,
    OTHER,
    POWER,
    QUARTERS,
    RACK_YEAR,
    UNSERVED,
    WORKLOAD,
    ask,
    near,
)
from tests.worlds import energy_world, inputs_of

RENT = 1_752_000
FULL_LOAD = 547_500
PLAIN = "[energy]\n"
DAY = '[energy]\nslices = "S"'
OVER = DAY + "\noversubscribe = true"
DAY_ROWS = '[[slice]]\nset = "S"\nid = "day"\nhours = "8-19"\n[[slice]]\nset = "S"\nid = "night"\nhours = "20-23;0-7"\n'
SEASON_ROWS = '[[slice]]\nset = "S"\nid = "first"\nmonths = "1-6"\n[[slice]]\nset = "S"\nid = "second"\nmonths = "7-12"\n'
BY_DAY = '[[shape]]\nid = "h"\nhours = "8-19"\nvalue = {}\n[[shape]]\nid = "h"\nhours = "0-7;20-23"\nvalue = {}\n'
BY_SEASON = '[[shape]]\nid = "h"\nmonths = "1-6"\nvalue = {}\n[[shape]]\nid = "h"\nmonths = "7-12"\nvalue = {}\n'
PEAKY = BY_DAY.format(1.5, 0.5)  # one and a half by day, half at night
METERED = OFFER + '\nenergy = "metered"\n'
GIVEN = METERED.replace("2 USD", "0 USD")  # racks cost nothing but energy
IDLE = ACCELERATOR + "idle_load = {}\n"
DEAR_BY_DAY = BLOCKS["places"] + 'price_shape = "h"\n'
DIRTY_BY_DAY = BLOCKS["places"] + 'carbon_shape = "h"\n'
FREE = BLOCKS["places"].replace("50 USD/MWh", "0 USD/MWh")
SHAPED = WORKLOAD + '\ndemand_shape = "h"'
BY_THE_DAY = '\nflexible = "day"'
SMALL = POWER.replace("10 MW", "0.5 MW")
BATTERY = '[[power_source]]\nid = "x"\nkind = "battery"\nsite = "s"\ncapacity = "1 MW"\nduration = "6 hour"\nefficiency = 0.8\n'
GAS = '[[power_source]]\nid = "x"\nkind = "gas"\nsite = "s"\nvariable_cost = "60 USD/MWh"\n'
SOLAR = '[[power_source]]\nid = "x"\nkind = "solar"\nsite = "s"\nshape = "h"\ncapacity = "{} MW"\n'
PPA = '[[power_source]]\nid = "x"\nkind = "ppa"\ngrid = "g"\ncapacity = "{} MW"\nvariable_cost = "{} USD/MWh"\n'
TWO = '[[workload]]\nid = "w"\nkind = "training"\ndemand = "200 h100e"\nsites = ["s"]\n'
TWO += TWO.replace('"w"', '"v"').replace('["s"]', '["z"]')


def cost(**blocks: str) -> float:
    answer = ask(**({"offer": METERED, "policy": DAY} | blocks))
    assert answer.status == "optimal"
    return answer.value


def test_slices_and_flat_shapes_change_nothing() -> None:
    for rows in (DAY_ROWS, SEASON_ROWS):
        assert cost(more=rows) == near(RENT + FULL_LOAD)
        assert cost(more=rows + BY_DAY.format(1, 1), places=DEAR_BY_DAY, workload=SHAPED) == near(RENT + FULL_LOAD)
    assert cost(policy=PLAIN) == near(RENT + FULL_LOAD)
    assert cost(policy="") == near(RENT + FULL_LOAD)
    # 75 USD by day and 25 at night cost the mean at a constant load
    assert cost(more=DAY_ROWS + PEAKY, places=DEAR_BY_DAY) == near(RENT + FULL_LOAD)
    # sources without a section [energy] take no part
    assert cost(policy="", more=PPA.format(1, 10)) == near(RENT + FULL_LOAD)


def test_weights_follow_the_calendar() -> None:
    # 75 USD for the 4344 h of January to June, 25 USD for the 4416 h of the rest; without slices their mean
    expected = near(RENT + 1.25 * (75 * 4344 + 25 * 4416))
    shape = BY_SEASON.format(1.5, 0.5)
    assert cost(more=SEASON_ROWS + shape, places=DEAR_BY_DAY) == expected
    assert cost(policy=PLAIN, more=shape, places=DEAR_BY_DAY) == expected
    # each half-year has one of the slices only
    assert cost(more=SEASON_ROWS + shape, places=DEAR_BY_DAY, horizon=HALVES) == expected


def test_battery_arbitrage() -> None:
    # a day: 6 MWh out at 75 USD, 6 / 0.8 = 7.5 MWh in at 25 USD: 262.5 USD on 365 days
    rows = DAY_ROWS + PEAKY
    dear = {"places": DEAR_BY_DAY}
    assert cost(more=rows + BATTERY, **dear) == near(RENT + FULL_LOAD - 262.5 * 365)
    # existing capacity pays 10 USD/kW and year, discharge 1 USD/MWh
    paid = BATTERY + 'fixed_om = "10 USD/kW/year"\nvariable_cost = "1 USD/MWh"\ncapex = "900 USD/kW"\nlifetime = "9 year"\n'
    assert cost(more=rows + paid, **dear) == near(RENT + FULL_LOAD - 256.5 * 365 + 10_000 * 8760 / 8766)
    # a connection of 1.5 MW leaves 0.25 MW x 12 h = 3 MWh to charge: 2.4 x 75 - 3 x 25 = 105 USD
    assert cost(more=rows + BATTERY, power=POWER.replace("10 MW", "1.5 MW"), **dear) == near(RENT + FULL_LOAD - 105 * 365)
    # 0.4 MW discharge at most: 4.8 MWh of the 6 go out, 6 go in: 360 - 150 = 210 USD
    weak = BATTERY.replace("1 MW", "0.4 MW").replace("6 hour", "24 hour")
    assert cost(more=rows + weak, **dear) == near(RENT + FULL_LOAD - (0.4 * 12 * 0.8 * 75 - 4.8 * 25) * 365)
    # from season to season nothing is stored
    apart = SEASON_ROWS + BY_SEASON.format(1.5, 0.5)
    assert cost(more=apart + BATTERY, **dear) == cost(more=apart, **dear)


def test_flexible_work_moves_to_the_cheap_hours() -> None:
    # racks are given: 20 at night, idle by day at a fifth: (2.5 x 25 + 0.5 x 75) x 4380
    blocks = {"places": DEAR_BY_DAY, "accelerator": IDLE.format(0.2), "more": DAY_ROWS + PEAKY}
    assert cost(offer=GIVEN, **blocks) == near(FULL_LOAD)
    assert cost(offer=GIVEN, workload=WORKLOAD + BY_THE_DAY, **blocks) == near(438_000)
    # 15 racks at most run 5 by day: (1.875 x 25 + 0.125 x (3 + 4) x 75) x 4380
    assert cost(offer=GIVEN + 'max = "150 gpu"', workload=WORKLOAD + BY_THE_DAY, **blocks) == near(492_750)
    # racks that draw as much when idle do not wait
    assert cost(offer=GIVEN, workload=WORKLOAD + BY_THE_DAY, **blocks | {"accelerator": ACCELERATOR}) == near(FULL_LOAD)
    # over the seasons only what is flexible over the period moves: 10 rack-years of 0.125 MW x 8760 h at 25 USD
    blocks |= {"accelerator": IDLE.format(0), "more": SEASON_ROWS + BY_SEASON.format(1.5, 0.5)}
    stays = near(1.25 * (75 * 4344 + 25 * 4416))
    assert cost(offer=GIVEN, workload=WORKLOAD + BY_THE_DAY, **blocks) == stays
    assert cost(offer=GIVEN, workload=WORKLOAD + '\nflexible = "period"', **blocks) == near(10 * 0.125 * 8760 * 25)


def test_shaped_demand_is_met_in_every_slice() -> None:
    # 300 h100e by day are 15 racks, draw is full in all hours; flexible it is 10 racks
    rows = DAY_ROWS + PEAKY
    assert cost(more=rows, workload=SHAPED) == near(15 * RACK_YEAR + 1.5 * FULL_LOAD)
    assert cost(more=rows, workload=SHAPED + BY_THE_DAY) == near(RENT + FULL_LOAD)
    # 12 racks do 240 h100e, so 60 are missing for half of the time
    few = {"offer": METERED + 'max = "120 gpu"', "workload": UNSERVED + '\ndemand_shape = "h"'}
    assert cost(more=rows, **few) == near(12 * RACK_YEAR + 1.2 * FULL_LOAD + 30 * MISSING_YEAR)
    # demand is never normalised: a shape of 2 and 0.5 means 250 h100e; by months 2 x 4344 + 0.5 x 4416 h
    assert cost(more=DAY_ROWS + BY_DAY.format(2, 0.5), workload=SHAPED + BY_THE_DAY) == near(1.25 * (RENT + FULL_LOAD))
    scale = (2 * 4344 + 0.5 * 4416) / 8760
    more = DAY_ROWS + BY_SEASON.format(2, 0.5)
    assert cost(more=more, workload=SHAPED) == near(scale * (RENT + FULL_LOAD))
    # the scale of demand is that of the slice with most: 80 racks do 1600 h100e
    scaled = ask(objective='[objective]\nmaximize = "demand_scale"', policy=DAY, more=rows, workload=SHAPED)
    assert scaled.value == near(1600 / 300)


def test_idle_load() -> None:
    # 15 racks online; at night 5 run and 10 idle at a fifth: 0.125 x (0.2 x 15 + 0.8 x 5) = 0.875 MW
    blocks = {"accelerator": IDLE.format(0.2), "more": DAY_ROWS + PEAKY, "workload": SHAPED}
    assert cost(**blocks) == near(15 * RACK_YEAR + (1.875 + 0.875) * 50 * 4380)
    for name, value in (("peak_power", 1.875), ("energy", 2.75 * 4380), ("carbon", 2.75 * 4380 * 0.4)):
        answer = ask(objective=f'[objective]\nminimize = "{name}"', policy=DAY, offer=METERED, **blocks)
        assert (answer.value, answer.cost_usd) == (near(value), near(15 * RACK_YEAR + 2.75 * 50 * 4380))
    # one rated load for capacity, whatever runs: 1.875 MW are needed and 1.8 are not enough
    assert ask(policy=DAY, power=POWER.replace("10 MW", "1.8 MW"), **blocks).status == "infeasible"
    # a floor of 1.25 MW holds at night too: 8.75 of the 15 racks run
    floor = CONTRACT + 'min_power = "1.25 MW"'
    assert cost(**blocks | {"more": DAY_ROWS + PEAKY + floor}) == near(15 * RACK_YEAR + (1.875 + 1.25) * 50 * 4380)


def test_on_demand_racks_are_paid_in_all_hours() -> None:
    # 15 racks for the day at 3 USD; in a single slice they are paid for as used
    region = {"power": "", "offer": OFFER.replace("2 USD", "3 USD") + '\nbilling = "on_demand"\nmax = "500 gpu"'}
    assert cost(more=DAY_ROWS + PEAKY, workload=SHAPED, **region) == near(15 * 1.5 * RACK_YEAR)
    assert cost(policy=PLAIN, more=PEAKY, workload=SHAPED, **region) == near(10 * 1.5 * RACK_YEAR)


def test_late_connection_is_bridged_by_gas() -> None:
    # power from Q4; gas decided in Q1 is there after a quarter: 1.25 MW from Q2 to the end at 100 USD/kW and year of 8766 h;
    # in Q4 the grid is cheaper. Q1 is missing: 200 h100e x 5 USD x 2160 h
    late = {"power": POWER.replace("2026-01-01", "2027-10-01"), "horizon": QUARTERS, "workload": UNSERVED, "policy": PLAIN}
    late["offer"] = METERED + 'term = "0.25 year"'
    gas = GAS + 'max_build = "5 MW"\ncapex = "1000 USD/kW"\nlifetime = "10 year"\nlead_time = "{} year"\n'
    last = (200 + 1.25 * 50) * 2208
    bridged = 1000 * 2160 + (200 + 75) * (2184 + 2208) + last
    assert cost(more=gas.format(0.25), **late) == near(bridged + 125_000 * 6600 / 8766)
    # a day more and it is there one quarter later
    assert cost(more=gas.format(0.26), **late) == near(bridged + (1000 - 275) * 2184 + 125_000 * (2208 + 2208) / 8766)
    # after the horizon it is no use
    assert cost(more=gas.format(1), **late) == near(1000 * (2160 + 2184 + 2208) + last)
    # a life of one quarter at 4 million USD/MW and year: one addition for Q2 and one for Q3
    short = gas.format(0.25).replace("10 year", "0.25 year")
    assert cost(more=short, **late) == near(bridged + 5e6 * (2184 + 2208) / 8766)
    # 1.25 MW in all: the longer Q3 is bridged, Q2 is missing
    once = short.replace("5 MW", "1.25 MW")
    assert cost(more=once, **late) == near(bridged + (1000 - 275) * 2184 + 5e6 * 2208 / 8766)
    # nothing is there before `from` or after `to`
    assert cost(more=once + "from = 2027-10-01", **late) == near(1000 * (2160 + 2184 + 2208) + last)
    assert cost(more=once + "to = 2027-06-30", **late) == near(bridged + (1000 - 275) * 2208 + 5e6 * 2184 / 8766)


def test_build_annuity_and_fixed_cost() -> None:
    # 0.5 MW of connection and 0.75 MW of gas: CRF of 5 years at 8 % 0.240942368 (see test_oracle), 25 USD/kW of fixed cost
    power = (0.5 * 50 + 0.75 * 60) * 8760
    fixed = 0.75 * 25_000 * 8760 / 8766
    annuity = 0.75 * 1e6 * 0.240942368 * 8760 / 8766
    gas = GAS + 'capex = "1000 USD/kW"\nlifetime = "5 year"\nfixed_om = "25 USD/kW/year"\n'
    blocks = {"money": EIGHT, "policy": PLAIN, "power": SMALL}
    found = cost(more=gas + 'max_build = "2 MW"', **blocks)
    assert found == near((RENT + power + fixed + annuity) * DELTA_2027)
    assert cost(more=gas + 'capacity = "0.75 MW"', **blocks) == near((RENT + power + fixed) * DELTA_2027)
    # a budget of one USD, each USD beyond it costs half a USD more at the end of the year (at 0 %)
    spend = RENT + power + fixed + 0.75 * 2e5 * 8760 / 8766
    limits = '[limits]\nbudget = { 2027 = { max = "1 USD", at = "0.5 USD/USD" } }'
    more = gas + 'max_build = "2 MW"'
    assert cost(more=more, policy=PLAIN, power=SMALL, limits=limits) == near(spend + 0.5 * (spend - 1))


def test_capacity_counts_its_days_and_energy_balances_at_average_load() -> None:
    # 0.75 MW from July: 184 of 365 days
    gas = GAS + 'capacity = "0.75 MW"\n'
    racks = (0.5 + 0.75 * 184 / 365) / 0.125
    energy = 0.5 * 50 + 0.75 * 184 / 365 * 60
    blocks = {"policy": PLAIN, "power": SMALL, "workload": UNSERVED}
    found = cost(more=gas + "from = 2027-07-01", **blocks)
    assert found == near(racks * RACK_YEAR + (200 - 20 * racks) * MISSING_YEAR + energy * 8760)
    # a firm share of 0.2 leaves 0.65 MW: 5.2 racks
    found = cost(more=gas + "firm = 0.2", **blocks)
    assert found == near(5.2 * RACK_YEAR + 96 * MISSING_YEAR + (0.5 * 50 + 0.15 * 60) * 8760)
    # at a load of 80 % 10 racks take 1 MW
    found = cost(more=gas, accelerator=ACCELERATOR + "average_load = 0.8", **blocks)
    assert found == near(RENT + (0.5 * 50 + 0.5 * 60) * 8760)


def test_min_take() -> None:
    # half of 8760 MWh at 60 USD is paid anyway and so taken, the other 6570 MWh cost 50 USD
    ppa = PPA.format(1, 60)
    assert cost(policy=PLAIN, more=ppa) == near(RENT + FULL_LOAD)
    assert cost(policy=PLAIN, more=ppa + "min_take = 0.5") == near(RENT + 4380 * 60 + 6570 * 50)
    # 43,800 MWh are paid and 10,950 used
    assert cost(policy=PLAIN, more=PPA.format(10, 60) + "min_take = 0.5") == near(RENT + 43_800 * 60)
    # by day only: available are 4380 MWh, paid half of it, used by day: 0.5 MW of 1.25
    ppa = PPA.format(1, 60) + 'min_take = 0.5\nshape = "h"\n'
    assert cost(more=DAY_ROWS + BY_DAY.format(1, 0) + ppa) == near(RENT + 2190 * 60 + (10_950 - 2190) * 50)
    # what is paid and not taken counts in all spend and belongs to no provider: the rent of p is 40 % of all
    share = '[limits]\nprovider_share = [ {{ provider = "p", of = "spend", max = {} }} ]'
    included = {"offer": OFFER, "policy": PLAIN, "more": PPA.format(10, 60) + "min_take = 0.5"}
    assert cost(limits=share.format(0.4001), **included) == near(RENT + 43_800 * 60)
    without = {**included, "more": ""}
    assert ask(limits=share.format(0.4001), **without).status == "infeasible"


def test_bought_power_is_shared_by_the_sites_of_a_grid() -> None:
    # two sites of 1.25 MW on one grid, 1 MW at 20 USD: 8760 MWh of 21,900
    other = OTHER.replace('"3 USD/gpu/hour"', '"3 USD/gpu/hour"\nenergy = "metered"')
    found = cost(policy=PLAIN, workload=TWO, more=other + PPA.format(1, 20))
    assert found == near(2.5 * RENT + 8760 * 20 + 13_140 * 50)
    found = cost(policy=PLAIN, workload=TWO, more=other + PPA.format(2.5, 20))
    assert found == near(2.5 * RENT + 21_900 * 20)
    # where energy is included nothing can be bought and nothing is paid, but it emits: 1.25 MW x 8760 h x 0.4 t
    found = cost(policy=PLAIN, workload=TWO, more=OTHER + PPA.format(10, 20))
    assert found == near(2.5 * RENT + 10_950 * 20)
    carbon = {"objective": '[objective]\nminimize = "carbon"', "workload": TWO, "offer": METERED, "policy": PLAIN}
    assert ask(more=OTHER + PPA.format(10, 20) + 'carbon = "100 g/kWh"', **carbon).value == near(4380 + 1095)
    assert ask(more=other + PPA.format(10, 20) + 'carbon = "100 g/kWh"', **carbon).value == near(2190)


def test_solar_with_a_shape() -> None:
    # 2 MW x 0.6 by day leave 0.05 MW by day and 1.25 MW at night to the grid; on average it is 0.6 MW
    shape = BY_DAY.format(0.6, 0)
    assert cost(more=DAY_ROWS + shape + SOLAR.format(2)) == near(RENT + 1.3 * 50 * 4380)
    assert cost(policy=PLAIN, more=shape + SOLAR.format(2)) == near(RENT + 0.65 * 50 * 8760)
    # 4 MW are 2.4 MW by day, too much; the average of 1.2 MW knows no night
    assert cost(more=DAY_ROWS + shape + SOLAR.format(4)) == near(RENT + 1.25 * 50 * 4380)
    assert cost(policy=PLAIN, more=shape + SOLAR.format(4)) == near(RENT + 0.05 * 50 * 8760)
    # it is not firm: a connection of 0.5 MW carries 4 racks
    found = cost(more=DAY_ROWS + shape + SOLAR.format(4), power=SMALL, workload=UNSERVED)
    assert found == near(4 * RACK_YEAR + 120 * MISSING_YEAR + 0.5 * 50 * 4380)
    # a battery carries it into the night: 1.15 MW x 12 h are over; 6 MWh x 365 days at 50 USD
    found = cost(more=DAY_ROWS + shape + SOLAR.format(4) + BATTERY.replace('"x"', '"b"'))
    assert found == near(RENT + (1.25 * 4380 - 6 * 365) * 50)


def test_oversubscribed_site_is_throttled() -> None:
    # 1 MW, and 4 x 0.5 = 2 MW of sun by day. x racks online, idle at a fifth: at night 0.125 (0.2 x + 0.8 run) <= 1, so
    # run = 10 - x / 4; flexible work needs x + 10 - x / 4 = 20 (two halves of a day of 10 racks): 13 1/3 racks
    shape = DAY_ROWS + BY_DAY.format(0.5, 0)
    blocks = {"places": FREE, "power": POWER.replace("10 MW", "1 MW"), "accelerator": IDLE.format(0.2)}
    blocks |= {"more": shape + SOLAR.format(4), "workload": UNSERVED + BY_THE_DAY}
    assert cost(policy=OVER, **blocks) == near(40 / 3 * RACK_YEAR)
    assert cost(**blocks) == near(8 * RACK_YEAR + 40 * MISSING_YEAR)
    # inflexible: 10 racks by day, 7.5 at night: 50 h100e are missing half of the time
    assert cost(policy=OVER, **blocks | {"workload": UNSERVED}) == near(10 * RACK_YEAR + 25 * MISSING_YEAR)
    # racks that cannot idle lower are bound by the night
    assert cost(policy=OVER, **blocks | {"accelerator": ACCELERATOR}) == near(8 * RACK_YEAR + 40 * MISSING_YEAR)
    # a battery of 1 MW and 100 % brings 0.25 MW x 12 h into the night: enough for 10 racks
    battery = BATTERY.replace('"x"', '"b"').replace("0.8", "1")
    assert cost(policy=OVER, **blocks | {"more": shape + SOLAR.format(4) + battery}) == near(10 * RACK_YEAR)


def test_carbon_by_the_hour() -> None:
    # 600 g/kWh by day, 200 at night: 10,950 MWh emit 4380 t on average, 2190 t if all runs at night
    blocks = {"objective": '[objective]\nminimize = "carbon"', "places": DIRTY_BY_DAY, "accelerator": IDLE.format(0)}
    rows = DAY_ROWS + PEAKY
    assert ask(more=rows, policy=DAY, **blocks).value == near(4380)
    assert ask(more=rows, policy=PLAIN, workload=WORKLOAD + BY_THE_DAY, **blocks).value == near(4380)
    answer = ask(more=rows, policy=DAY, workload=WORKLOAD + BY_THE_DAY, **blocks)
    assert (answer.value, answer.cost_usd) == (near(2190), near(20 * RACK_YEAR))
    # most demand by day: 1.875 MW x 600 g + 0.625 MW x 200 g
    assert ask(more=rows, policy=DAY, workload=SHAPED, **blocks).value == near(5475)
    # a cap of 3285 t moves half of what runs by day: 15 racks
    limits = '[limits]\ncarbon = { 2027 = "3285 t" }'
    blocks = {"places": DIRTY_BY_DAY, "accelerator": IDLE.format(0), "limits": limits, "offer": OFFER}
    assert cost(more=rows, workload=WORKLOAD + BY_THE_DAY, **blocks) == near(15 * RACK_YEAR)
    # own gas at 100 g/kWh under a cap of half of it all: 10,950 = grid + gas, 0.4 grid + 0.1 gas = 2190, at 10 USD more
    gas = GAS + 'capacity = "2 MW"\ncarbon = "100 g/kWh"\n'
    found = cost(policy=PLAIN, more=gas, limits=limits.replace("3285", "2190"))
    assert found == near(RENT + FULL_LOAD + 10 * (0.4 * 10_950 - 2190) / 0.3)


def test_headroom_counts_what_the_grid_carries() -> None:
    # 1 MW of headroom is 8 racks; with 0.25 MW of own gas at 10 USD more it is 10
    places = BLOCKS["places"] + 'headroom = "1 MW"\n'
    assert cost(policy=PLAIN, places=places, workload=UNSERVED) == near(8 * (RACK_YEAR + 54_750) + 40 * MISSING_YEAR)
    gas = GAS + 'capacity = "2 MW"\n'
    assert cost(policy=PLAIN, places=places, more=gas) == near(RENT + FULL_LOAD + 0.25 * 10 * 8760)
    # power from the grid is carried by it, whoever made it
    found = cost(policy=PLAIN, places=places, more=PPA.format(10, 20), workload=UNSERVED)
    assert found == near(8 * (RACK_YEAR + 0.125 * 20 * 8760) + 40 * MISSING_YEAR)
    # the other caps count load
    assert ask(policy=PLAIN, offer=METERED, more=gas, limits='[limits]\nfleet_power = "1 MW"').status == "infeasible"


def test_a_contract_counts_energy_of_the_grid_alone() -> None:
    # 3 million committed: rent and metered energy count; at a site with a source, though unused, rent alone
    contract = CONTRACT + 'value = "3 million USD"\ntake_or_pay = 1\n'
    assert cost(policy=PLAIN, more=contract) == near(3_000_000)
    for source in (GAS + 'capacity = "1 MW"', PPA.format(1, 60)):
        assert cost(policy=PLAIN, more=contract + source) == near(3_000_000 + FULL_LOAD)


def test_resilience_holds_in_every_slice() -> None:
    # losing either site, the other does half of 300 h100e by day: 7.5 racks each; flexible half of 200: 5 racks each
    blocks = {"offer": OFFER, "policy": DAY + '\n[resilience]\nlose = "site"', "more": DAY_ROWS + PEAKY + OTHER}
    half = SHAPED + "\ncritical = 0.5"
    assert cost(workload=half, **blocks) == near(7.5 * 2.5 * RACK_YEAR)
    assert cost(workload=half + BY_THE_DAY, **blocks) == near(5 * 2.5 * RACK_YEAR)
    # firm power counts in the second dispatch: 0.5 MW carry 4 racks at z, 0.125 MW of gas there one more
    small = OTHER.replace("10 MW", "0.5 MW").replace('"3 USD/gpu/hour"', '"3 USD/gpu/hour"\nenergy = "metered"')
    blocks |= {"workload": half + BY_THE_DAY, "places": FREE}
    assert ask(**blocks | {"more": DAY_ROWS + PEAKY + small}).status == "infeasible"
    gas = GAS.replace('"s"', '"z"') + 'capacity = "0.125 MW"\n'
    found = cost(**blocks | {"more": DAY_ROWS + PEAKY + small + gas})
    assert found == near(5 * 2.5 * RACK_YEAR + 0.125 * 60 * 8760)


SEEDS = range(30_000, 30_300)


@cache
def statuses() -> list[str]:
    return [optimum(inputs_of(energy_world(seed))).status for seed in SEEDS]


def test_worlds_with_energy_can_be_read_and_most_have_a_plan() -> None:
    assert set(statuses()) <= {"optimal", "infeasible"}
    assert 0.7 <= statuses().count("optimal") / len(SEEDS) <= 0.85


@pytest.mark.parametrize("seed", range(5))
def test_a_world_with_energy_is_its_seed(seed: int) -> None:
    assert energy_world(seed) == energy_world(seed)
    assert energy_world(seed) != energy_world(seed + 1)
    assert "[energy]" in energy_world(seed)
