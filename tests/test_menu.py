"""The menu: where offers stand, when racks may be taken on, when leases end, who may be served, classes and their undoing."""

from __future__ import annotations

import math
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.data.export_control import ExportControl
from planner.data.options import Class, Position, classes, may_serve, positions, route_cost
from planner.inputs.assembly import Inputs
from planner.results.plan import DUST, split
from tests.small import plan, scenario
from tests.test_oracle import ACCELERATOR, OFFER, OTHER, QUARTERS, RULE, SITE, WORKLOAD
from tests.worlds import inputs_of

TERM = '\nterm = "0.5 year"'
REGIONS = """
[[site]]
id = "{0}"
provider = "p"
country = "{1}"
grid = "g"
pue = {2}
"""
DEMAND = OFFER.replace('"o"', '"d"') + '\nbilling = "on_demand"\nmax = "100 gpu"\n'


def inputs(**blocks: str) -> Inputs:
    return inputs_of(scenario(**{"horizon": QUARTERS, **blocks}))


def menu(**blocks: str) -> tuple[Position, ...]:
    found = inputs(**blocks)
    return positions(found, ExportControl(found))


def groups(by_provider: bool = False, **blocks: str) -> tuple[Class, ...]:
    found = inputs(**blocks)
    return classes(found, positions(found, ExportControl(found)), by_provider)


def windows(**blocks: str) -> list[tuple[str, str]]:
    """(label, a letter a quarter: x where racks may be taken on)."""
    return [(p.label, "".join("x" if a else "-" for a in p.addable)) for p in menu(**blocks)]


# --- positions --------------------------------------------------------------------------------------------------------


def test_an_offer_stands_at_the_sites_of_its_provider() -> None:
    assert [(p.label, p.site.id) for p in menu(more=OTHER)] == [("dear", "z"), ("o", "s")]


def test_an_offer_of_one_site_or_country() -> None:
    second = (
        SITE.replace('"s"', '"s2"').replace("US", "DE") + '\n[[site_power]]\nsite = "s2"\nfrom = 2026-01-01\npower = "1 MW"\n'
    )
    assert {p.site.id for p in menu(more=second)} == {"s", "s2"}
    assert {p.site.id for p in menu(more=second, offer=OFFER + '\nsite = "s"')} == {"s"}
    assert {p.site.id for p in menu(more=second, offer=OFFER + '\ncountry = "DE"')} == {"s2"}


def test_reserved_offers_need_power_and_what_nobody_may_contract_has_no_positions() -> None:
    assert menu(power="") == ()
    assert [p.on_demand for p in menu(power="", offer=DEMAND)] == [True]
    assert menu(site=SITE + "\navailable = 0") == ()
    assert menu(site=SITE + "\navailable = 0", offer=DEMAND) == ()


def test_power_and_energy_of_a_rack() -> None:
    (found,) = menu(site=SITE + "\npue_energy = 1.1", accelerator=ACCELERATOR + "average_load = 0.8")
    assert found.power == pytest.approx(1.25 * 0.1)
    assert found.energy_rate == pytest.approx(1.1 * 0.1 * 0.8)


# --- windows ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "window"),
    [
        ("", "xxxx"),
        ("from = 2027-01-01", "xxxx"),
        ("from = 2027-01-02", "-xxx"),  # the first day of a period decides
        ("from = 2027-04-01", "-xxx"),
        ("to = 2027-06-30", "xx--"),
        ("to = 2027-07-01", "xxx-"),
        ("from = 2027-02-01\nto = 2027-08-01", "-xx-"),
    ],
)
def test_the_first_day_of_a_period_lies_in_the_offers_window(cells: str, window: str) -> None:
    assert windows(offer=f"{OFFER}\n{cells}") == [("o", window)]
    assert windows(offer=f"{DEMAND}\n{cells}") == [("d", window)]


def test_an_offer_outside_the_horizon_is_no_position_unless_there_is_a_fleet() -> None:
    late = OFFER + "\nfrom = 2028-01-01"
    assert windows(offer=late) == []
    fleet = '[[fleet]]\nsite = "s"\noffer = "o"\nracks = "3 rack"\nto = 2027-08-01\n'
    (found,) = menu(offer=late, more=fleet)
    assert found.addable == (False,) * 4 and found.fleet == pytest.approx((3, 3, 3 * 32 / 92, 0))


def test_an_accelerator_that_does_not_exist_yet() -> None:
    assert windows(accelerator=ACCELERATOR + "available_from = 2027-05-01") == [("o", "--xx")]


def test_tranches_take_turns_and_the_first_has_the_fleet() -> None:
    offers = OFFER + "\n" + OFFER.replace("2 USD", "1 USD") + "\nfrom = 2027-06-01\n" + OFFER + "\nfrom = 2027-10-01"
    fleet = '[[fleet]]\nsite = "s"\noffer = "o"\nracks = "3 rack"\nfrom = 2027-04-01\n'
    found = menu(offer=offers, more=fleet)
    assert [(p.label, p.addable) for p in found] == [
        ("o", (True, True, False, False)),
        ("o@2027-06-01", (False, False, True, False)),
        ("o@2027-10-01", (False, False, False, True)),
    ]
    assert [p.fleet for p in found] == [(0, 3, 3, 3), (0,) * 4, (0,) * 4]
    assert [p.offer.price for p in found] == [2, 1, 2]


def test_fleet_rows_serve_the_days_that_they_hold_and_add_up() -> None:
    row = '[[fleet]]\nsite = "s"\noffer = "o"\nracks = "{} rack"\n{}\n'
    rows = row.format(3, "to = 2027-03-31") + row.format(5, "from = 2027-04-02\nto = 2027-10-01")
    (found,) = menu(more=rows)
    assert found.before == 3 and found.fleet == pytest.approx((3, 5 * 90 / 91, 5, 5 / 92))


# --- terms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "term", "expires"),
    [
        ("2027-01-01", "", (4, 4, 4, 4)),
        ("2027-01-01", '"0.25 year"', (1, 2, 3, 4)),
        ("2027-01-01", '"0.5 year"', (2, 3, 4, 4)),
        ("2027-01-15", '"0.25 year"', (2, 2, 3, 4)),  # 15 April lies in the second quarter, which is paid to its end
        ("2027-01-01", '"1 month"', (1, 2, 3, 4)),
        ("2027-01-01", '"2 year"', (4, 4, 4, 4)),
    ],
)
def test_a_lease_is_gone_from_the_first_period_that_starts_on_or_after_its_term(
    start: str, term: str, expires: tuple[int, ...]
) -> None:
    offer = OFFER + (f"\nterm = {term}" if term else "")
    (found,) = menu(horizon=QUARTERS.replace("2027-01-01", start), offer=offer)
    assert found.expires == expires


def test_terms_count_on_the_calendar() -> None:
    months = QUARTERS.replace("quarter", "month").replace("2027-01-01", "2028-01-01").replace("2027-12-31", "2028-12-31")
    (found,) = menu(horizon=months, offer=OFFER + '\nterm = "2 month"')
    assert found.expires == (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 12)


# --- who may be served ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "served"),
    [
        ("", {"s", "z"}),
        ('countries = ["DE"]', {"z"}),
        ('providers = ["p"]', {"s"}),
        ('sites = ["z"]', {"z"}),
        ('countries = ["DE"]\nproviders = ["p"]', set()),
        ('accelerators = ["a"]', {"s", "z"}),
        ('accelerators = ["b"]', set()),
        ('min_memory = "100 GB/gpu"', {"s", "z"}),
        ('min_memory = "101 GB/gpu"', set()),
        ('min_scale_up_domain = "8 gpu"', set()),  # no figure, no match
    ],
)
def test_residency_and_hardware(cells: str, served: set[str]) -> None:
    machine = ACCELERATOR + 'memory = "100 GB/gpu"\n'
    found = inputs(more=OTHER, accelerator=machine + machine.replace('"a"', '"b"'), workload=WORKLOAD + "\n" + cells)
    workload = found.scenario.workload[0]
    assert {s.id for s in found.sites.values() if may_serve(found, workload, found.accelerators["a"][0], s)} == served


def test_a_kind_without_throughput_is_not_served() -> None:
    found = inputs(workload=WORKLOAD.replace("training", "chat"))
    assert not may_serve(found, found.scenario.workload[0], found.accelerators["a"][0], found.sites["s"])


def test_routes_add_up_and_close() -> None:
    route = '[[route]]\nworkload = "w"\n'
    more = (
        OTHER
        + route
        + 'country = "DE"\ncost = "0.5 USD/h100e/hour"\n'
        + route
        + 'site = "z"\nprovider = "q"\ncost = "0.25 USD/h100e/hour"\n'
    )
    more += route + 'site = "z"\nprovider = "p"\ncost = "9 USD/h100e/hour"\n'  # both must match
    found = inputs(more=more)
    w = found.scenario.workload[0]
    assert [route_cost(found, w, found.sites[s]) for s in ("s", "z")] == [0, 0.75]
    closed = inputs(more=OTHER + route + 'country = "DE"\nallowed = false')
    assert [may_serve(closed, closed.scenario.workload[0], closed.accelerators["a"][0], closed.sites[s]) for s in ("s", "z")] == [
        True,
        False,
    ]


# --- classes and twins ------------------------------------------------------------------------------------------------


def test_what_no_workload_tells_apart_is_one_class() -> None:
    assert [k.positions for k in groups(more=OTHER)] == [(0, 1)]
    assert [k.positions for k in groups(more=OTHER, workload=WORKLOAD + '\ncountries = ["DE"]')] == [(0,)]
    route = '[[route]]\nworkload = "w"\nsite = "z"\ncost = "0.5 USD/h100e/hour"\n'
    assert [(k.positions, k.serves[0].route_cost) for k in groups(more=OTHER + route)] == [((0,), 0.5), ((1,), 0)]


def test_classes_keep_accelerators_on_demand_and_if_asked_providers_apart() -> None:
    other = ACCELERATOR + ACCELERATOR.replace('"a"', '"b"')
    both = OFFER + "\n" + OFFER.replace('"o"', '"o2"').replace('"a"', '"b"')
    assert [k.accelerator for k in groups(accelerator=other, offer=both)] == ["a", "b"]
    assert [(k.on_demand, k.positions) for k in groups(offer=DEMAND + OFFER)] == [(True, (0,)), (False, (1,))]
    assert [k.positions for k in groups(True, more=OTHER)] == [(0,), (1,)]


def test_regions_that_nothing_tells_apart_are_one() -> None:
    def sites(more: str, **blocks: str) -> list[str]:
        return [p.site.id for p in menu(offer=DEMAND, power="", more=more, **blocks)]

    twin, abroad, hot = REGIONS.format("t", "US", 1.25), REGIONS.format("u", "DE", 1.25), REGIONS.format("v", "US", 1.5)
    assert sites(twin) == ["s"]
    assert sites(twin + abroad + hot) == ["s", "u", "v"]
    assert sites(twin, workload=WORKLOAD + '\nsites = ["t"]') == ["s", "t"]
    route = '[[route]]\nworkload = "w"\nsite = "t"\ncost = "0.5 USD/h100e/hour"\n'
    assert sites(twin + route) == ["s", "t"]
    contract = '[[contract]]\nid = "k"\nprovider = "p"\nsites = ["t"]\nstart = 2027-01-01\nmax_power = "1 MW"\n'
    assert sites(twin + contract) == ["s", "t"]
    # a site with power has a limit of its own and no twin
    assert [p.site.id for p in menu(offer=DEMAND, more=twin)] == ["s", "t"]


def test_on_demand_is_closed_where_shipping_is_not_free() -> None:
    prohibit = RULE.format("US", "prohibit", "2027-05-01")
    assert windows(offer=DEMAND, power="", more=prohibit) == [("d", "x---")]
    assert windows(offer=DEMAND, power="", more=prohibit.replace("prohibit", "licence")) == [("d", "x---")]
    assert windows(more=prohibit) == [("o", "xxxx")]  # the rule on shipments does that


# --- taking classes apart again ---------------------------------------------------------------------------------------

racks = st.floats(0, 1e5, allow_nan=False).map(lambda x: 0.0 if x < 1e-6 else x)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.lists(racks, min_size=1, max_size=5), st.lists(racks, min_size=1, max_size=6), st.floats(0, 1))
def test_splitting_keeps_totals_and_fits(needs: list[float], rooms: list[float], fill: float) -> None:
    """Any use of a class within its racks can be dealt out to its positions (docs/decisions.md, D1)."""
    whole, wanted = math.fsum(rooms), math.fsum(needs)
    if wanted > 0:
        needs = [need * fill * whole / wanted for need in needs]
    dealt = list(split(dict(enumerate(needs)), {10 + i: room for i, room in enumerate(rooms)}))
    room_left = 1e-9 * max(1.0, whole) + DUST * (len(needs) + len(rooms))
    for w, need in enumerate(needs):
        assert math.fsum(r for v, _, r in dealt if v == w) == pytest.approx(need, abs=room_left)
    for i, room in enumerate(rooms):
        assert math.fsum(r for _, p, r in dealt if p == 10 + i) <= room + room_left
    assert all(r > 0 for _, _, r in dealt)
    assert len({(w, p) for w, p, _ in dealt}) == len(dealt)  # once each: tables add nothing up
    assert len(dealt) <= len(needs) + len(rooms)


def test_splitting_by_hand() -> None:
    assert list(split({0: 5.0, 1: 3.0}, {7: 4.0, 8: 0.0, 9: 4.0})) == [(0, 7, 4.0), (0, 9, 1.0), (1, 9, 3.0)]
    assert list(split({0: 0.0}, {7: 4.0})) == []
    assert list(split({0: 1.0}, {7: 0.0})) == []
    assert list(split({0: 4.0 + 1e-9}, {7: 4.0})) == [(0, 7, 4.0 + 1e-9)]


def test_a_plan_serves_from_every_position_what_it_has_online() -> None:
    # 0.5 MW at s: 4 racks, the other 6 at z
    power = '[[site_power]]\nsite = "s"\nfrom = 2026-01-01\npower = "0.5 MW"'
    result = plan(scenario(power=power, more=OTHER))
    found = {(row["site"], row["workload"]): row["racks"] for row in result.table("allocation").records()}
    assert found == {("s", "w"): pytest.approx(4), ("z", "w"): pytest.approx(6)}


def test_dates_of_the_world() -> None:
    assert inputs().horizon[0].first == date(2027, 1, 1)
