"""Why nothing fits: what is short, by how much, in which unit and from which period, and the limits that stand in its way.

Worlds whose conflict is known beforehand, on the plain world of tests/small.py: 200 h100e are 10 racks of 0.125 MW.
"""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from planner import answer, conflict, solve
from planner.conflict import Conflict, Short
from planner.errors import InputFault
from planner.limits import FAMILIES
from planner.scenario import Solve
from tests.small import model, plan, scenario
from tests.test_oracle import (
    ACCELERATOR,
    CONTRACT,
    OFFER,
    OTHER,
    POWER,
    QUARTERS,
    RULE,
    WORKLOAD,
)
from tests.worlds import world


def explained(**blocks: str) -> tuple[Conflict, str]:
    """The conflict of a world that has no plan, and what a user reads of it. It is the one that `planner solve` shows."""
    text = scenario(**blocks)
    made = model(text)
    assert solve.solve(made, Solve()).status == "infeasible"
    found = conflict.explain(made)
    result = plan(text)
    assert result.status == "infeasible"
    assert result.conflict == found
    out = io.StringIO()
    answer.show_conflict(found, "world", Console(file=out, width=300))
    text = out.getvalue()
    for x in found.limits:
        when = f" ({x.first_period}" if x.first_period else ""
        assert f"{answer.rule_name(x.rule, x.subject)}: {answer.amount(x.limit, x.unit)}{when}" in text
    for s in found.short:
        assert f"{answer.rule_name(s.rule, s.subject)} is short by {answer.amount(s.first, s.unit)}" in text
        assert f" in {s.first_period}" in text
    return found, text


def the_short(found: Conflict) -> Short:
    assert len(found.short) == 1
    return found.short[0]


def names(found: Conflict) -> set[tuple[str, str]]:
    return {(x.rule, x.subject) for x in found.limits}


def test_a_power_cap() -> None:
    # 1 MW are 8 racks, 160 h100e
    found, text = explained(limits='[limits]\nfleet_power = "1 MW"')
    short = the_short(found)
    assert (short.rule, short.subject, short.unit, short.first_period, short.periods) == ("demand", "w", "h100e", "2027", 1)
    assert (short.first, short.of) == (pytest.approx(40), 200)
    assert names(found) == {("fleet_power", "fleet")}
    assert (found.limits[0].limit, found.limits[0].unit) == (1, "MW")
    assert "demand of w is short by 40.00 h100e of 200.0 h100e in 2027" in text
    assert "no limit is in its way" not in text


def test_the_first_and_the_worst_period() -> None:
    # 8 racks at most; 100, 180, 200 and 170 h100e by quarter: short by 20, 40 and 10 from the second on
    needs = ", ".join(
        f'{{ from = 2027-{month:02d}-01, value = "{need} h100e" }}' for month, need in ((1, 100), (4, 180), (7, 200), (10, 170))
    )
    workload = WORKLOAD.replace('"200 h100e"', f"[ {needs} ]")
    found, text = explained(horizon=QUARTERS, power=POWER.replace("10 MW", "1 MW"), workload=workload)
    short = the_short(found)
    assert (short.first_period, short.worst_period, short.periods) == ("2027-Q2", "2027-Q3", 3)
    assert (short.first, short.worst) == (pytest.approx(20), pytest.approx(40))
    assert names(found) == {("site_power", "s")}
    assert (found.limits[0].first_period, found.limits[0].last_period) == ("2027-Q2", "2027-Q4")
    assert "short by 20.00 h100e of 180.0 h100e in 2027-Q2; worst 40.00 h100e in 2027-Q3; short in 3 periods" in text
    assert "(2027-Q2 to 2027-Q4)" in text


@pytest.mark.parametrize(
    "blocks",
    [
        {"offer": OFFER + "\nfrom = 2027-07-01"},
        {"accelerator": ACCELERATOR + "available_from = 2027-07-01"},
        {"power": POWER.replace("2026-01-01", "2027-07-01")},
    ],
    ids=["offer", "accelerator", "power"],
)
def test_nothing_can_serve_in_the_first_periods(blocks: dict[str, str]) -> None:
    found, text = explained(horizon=QUARTERS, **blocks)
    short = the_short(found)
    assert (short.first_period, short.worst_period, short.periods) == ("2027-Q1", "2027-Q1", 2)
    assert (short.first, short.of) == (pytest.approx(200), 200)
    assert not found.limits
    assert "nothing that may serve it can be online by then" in text


def test_a_floor_above_a_ceiling() -> None:
    # 2 MW must run under a cap of 1.5 MW, whatever the demand
    found, text = explained(limits='[limits]\nfleet_power = "1.5 MW"', more=CONTRACT + 'min_power = "2 MW"')
    short = the_short(found)
    assert short.rule in ("fleet_power", "contract_min_power")
    assert (short.unit, short.first_period) == ("MW", "2027")
    assert short.first == pytest.approx(0.5)
    assert names(found) == {("fleet_power", "fleet"), ("contract_min_power", "k")}
    assert "MW" in text


def test_a_budget_too_small() -> None:
    # 876,000 USD rent 5 of 10 racks
    found, text = explained(limits='[limits]\nbudget = { 2027 = "876000 USD" }')
    short = the_short(found)
    assert (short.rule, short.first, short.unit) == ("demand", pytest.approx(100), "h100e")
    assert names(found) == {("budget", "budget")}
    assert (found.limits[0].limit, found.limits[0].unit, found.limits[0].first_period) == (pytest.approx(876_000), "USD", "2027")
    assert "876,000 USD" in text


def test_a_budget_below_what_is_committed() -> None:
    # 1 million of take-or-pay is due, whatever is used, and the year may cost 0.6 million
    contract = CONTRACT + 'end = 2027-12-31\nvalue = "1 million USD"\ntake_or_pay = 1'
    workload = WORKLOAD.replace("200", "60")  # 3 racks, 525,600 USD
    found, _ = explained(limits='[limits]\nbudget = { 2027 = "600000 USD" }', more=contract, workload=workload)
    assert {short.rule for short in found.short} <= {"budget", "take_or_pay"}
    assert sum(short.first for short in found.short) == pytest.approx(400_000)
    assert names(found) == {("budget", "budget"), ("take_or_pay", "k")}


def test_an_export_block_and_residency() -> None:
    # the workload must stay in DE, where nothing may be shipped; there are racks in the US
    workload = WORKLOAD + '\ncountries = ["DE"]'
    found, text = explained(more=OTHER + RULE.format("DE", "prohibit", "2026-01-01"), workload=workload)
    short = the_short(found)
    assert (short.rule, short.subject, short.first, short.of) == ("demand", "w", pytest.approx(200), 200)
    assert "200.0 h100e in 2027" in text


def test_an_export_block_of_a_fleet_that_shrinks() -> None:
    # ten racks until March, six from then on: the rule keeps what leaves from coming back
    fleet = '[[fleet]]\nsite = "s"\noffer = "o"\nracks = "{}"\n{}\n'
    racks = fleet.format("10 rack", "to = 2027-06-30") + fleet.format("6 rack", "from = 2027-07-01")
    blocks = {
        "horizon": QUARTERS,
        "offer": OFFER + '\nterm = "0.25 year"',
        "more": racks + RULE.format("US", "prohibit", "2026-01-01"),
    }
    found, _ = explained(**blocks, workload=WORKLOAD.replace("200 h100e", "220 h100e"))
    short = the_short(found)
    assert (short.first_period, short.first, short.periods) == ("2027-Q1", pytest.approx(20), 4)
    assert {rule for rule, _ in names(found)} == {"export_blocked"}


def test_deliveries_and_a_licence() -> None:
    supply = '[[supply]]\nvendor = "v"\nfrom = 2026-01-01\ntotal = "0.3 MW"'
    found, _ = explained(more=supply)
    assert the_short(found).first == pytest.approx(140)
    assert names(found) == {("supply_total", "v")}
    licence = RULE.format("US", "licence", "2026-01-01") + '[[licence]]\nid = "L"\ndestination = "US"\nquantity = "30 gpu"\n'
    found, _ = explained(more=licence)
    assert the_short(found).first == pytest.approx(140)
    assert ("licence", "L") in names(found)


def test_resilience_of_a_single_site() -> None:
    critical = WORKLOAD + "\ncritical = 0.5"
    found, text = explained(workload=critical, policy='[resilience]\nlose = "site"')
    short = the_short(found)
    assert (short.rule, short.subject, short.unit) == ("resilience", "s w", "h100e")
    assert short.first == pytest.approx(100)
    assert "what must survive the loss of s w is short by 100.0 h100e" in text


def test_whole_racks() -> None:
    # 8 gpu are less than a rack of 10: parts of racks would serve 16 h100e, whole ones none
    blocks = {"offer": OFFER + '\nmax = "8 gpu"', "workload": WORKLOAD.replace("200", "16")}
    assert plan(scenario(**blocks)).status == "optimal"
    result = plan(scenario(**blocks), ["solve.whole_racks=true"])
    assert result.status == "infeasible"
    assert result.conflict is not None


def test_for_machines() -> None:
    found, _ = explained(limits='[limits]\nfleet_power = "1 MW"')
    data = conflict.data(found)
    assert data["short"][0]["rule"] == "demand"
    assert data["limits"][0] == {
        "rule": "fleet_power",
        "subject": "fleet",
        "first_period": "2027",
        "last_period": "2027",
        "limit": 1.0,
        "unit": "MW",
    }


def test_random_worlds_without_a_plan_are_explained() -> None:
    """Something is short, in a known unit and a period of the horizon; and with so much more room there is a plan."""
    seen = 0
    for seed in range(5000, 5070):
        try:
            result = plan(world(seed))
        except InputFault:  # tests/test_second_formulation.py counts them
            continue
        if result.status == "infeasible":
            seen += 1
            found = result.conflict
            assert found is not None
            labels = (
                {t.label for t in result.inputs.horizon} | {str(t.year) for t in result.inputs.horizon} | {"total", "term", ""}
            )
            for short in found.short:
                assert short.first > 0
                assert short.worst >= short.first
                assert short.unit == FAMILIES[short.rule].unit
                assert {short.first_period, short.worst_period} <= labels, seed
            assert found.short or found.limits, f"world {seed} has no plan and no reason"
    assert seen >= 10


# --- faults of the planner that are not mended yet ---------------------------------------------------------------------


def test_a_prohibition_that_leaves_nothing_is_named() -> None:
    """Where a rule blocks every period there is no column and no row, so the message says that no limit is in the way."""
    workload = WORKLOAD + '\ncountries = ["DE"]'
    found, text = explained(more=OTHER + RULE.format("DE", "prohibit", "2026-01-01"), workload=workload)
    assert "no limit is in its way" not in text
    assert any(x.rule == "export_blocked" for x in found.limits) or "R" in text.split()


def test_a_bound_of_zero_is_not_minus_zero() -> None:
    racks = '[[fleet]]\nsite = "s"\noffer = "o"\nracks = "10 rack"\nto = 2027-06-30\n'
    blocks = {
        "horizon": QUARTERS,
        "offer": OFFER + '\nterm = "0.25 year"',
        "more": racks + RULE.format("US", "prohibit", "2026-01-01"),
    }
    found, text = explained(**blocks, workload=WORKLOAD.replace("200 h100e", "220 h100e"))
    assert "-0" not in re.sub(r"\d{4}-Q\d", "", text)
