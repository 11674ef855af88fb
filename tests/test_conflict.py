"""Why nothing fits: what is short, which bounds clash and by what sum, and the ways out with their cost.

Worlds whose conflict is known beforehand, on the plain world of tests/small.py: 200 h100e are 10 racks of 0.125 MW, so that an
h100e costs 8,760 USD a year and a MW carries 160 of them.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence

import pytest
from rich.console import Console

from planner.core.errors import InputFault
from planner.core.format import amount
from planner.infeasible import conflict, elastic
from planner.infeasible import relaxations as ways_out
from planner.infeasible.conflict import Clash, Conflict, Short
from planner.infeasible.relaxations import Way, round_up
from planner.inputs.scenario import Solve
from planner.model.formulation import Model
from planner.model.rules import RULES, rule_name
from planner.proof import exact
from planner.run import pipeline
from planner.solver import highs, solve
from planner.terminal.conflict import arithmetic, rounded, show_conflict
from tests.small import model, plan, scenario
from tests.test_oracle import (
    ACCELERATOR,
    CONTRACT,
    OFFER,
    OTHER,
    POWER,
    QUARTERS,
    RULE,
    UNSERVED,
    WORKLOAD,
)
from tests.worlds import energy_world, world

H100E = 8760.0  # USD a year for one h100e at 2 USD a gpu and hour
SECOND = WORKLOAD.replace('"w"', '"x"')


def infeasible(**blocks: str) -> Model:
    made = model(scenario(**blocks))
    assert solve.solve(made, Solve()).status == "infeasible"
    return made


def read(found: Conflict) -> str:
    """What a user reads of it."""
    out = io.StringIO()
    show_conflict(found, "world", Console(file=out, width=300))
    return out.getvalue()


def explained(locks: Sequence[str] = (), **blocks: str) -> tuple[Conflict, str]:
    """The conflict of a world that has no plan, checked, and what a user reads of it."""
    made = infeasible(**blocks)
    found = conflict.explain(made, locks)
    checked(made, found)
    text = read(found)
    json.dumps(conflict.data(found))
    for clash in found.clashes:
        for x in clash.members[:8] if any(x.rule != "demand" for x in clash.members) else ():
            when = f" ({x.first_period}" if x.first_period else ""
            assert f"{rule_name(x.rule, x.subject)}: {amount(x.limit, x.unit)}{when}" in text
    for s in found.short:
        assert f"{rule_name(s.rule, s.subject)} is short by {amount(s.first, s.unit)}" in text
        assert f" in {s.first_period}" in text
    return found, text


def holds(made: Model, numbers: Sequence[elastic.Bound]) -> bool:
    """Whether these bounds, with the structure, can all hold: a fresh engine with every other bound left out."""
    program, inf = made.program, highs.INF
    engine = solve.load(program, [0.0] * len(program.columns), 0.0)
    kept = {i for bound in numbers for i in bound.rows}
    for bound in elastic.bounds(made):
        for i in set(bound.rows) - kept:
            engine.bound_row(i, -inf, inf)
        if bound.column is not None and all(bound.column != mine.column for mine in numbers):
            engine.bound_column(bound.column, 0.0, inf)
    status = engine.run()
    assert status in (highs.OPTIMAL, highs.INFEASIBLE)
    return status == highs.OPTIMAL


def checked(made: Model, found: Conflict) -> None:
    """Every set clashes and loses its clash with any member, every sum is exact, every way suffices and spares nothing."""
    everything = elastic.full(made)
    program = everything.program
    record = exact.record_of(program, everything.objective)
    numbers = elastic.bounds(everything)
    for clash in found.clashes:
        labels = {(x.rule, x.subject) for x in clash.members}
        if clash.multipliers:
            multipliers = {program.rows.index(key): y for key, y in clash.multipliers}
            assert clash.proved
            assert exact.refutes(record, multipliers) is not None
            assert clash.short == pytest.approx(float(exact.refutes(record, multipliers) or 0), rel=1e-12)
            mine = [b for b in numbers if set(b.rows) & set(multipliers) or (b.column is not None and b.group in labels)]
            assert {b.group for b in mine} == labels
            assert not holds(everything, mine)
            for spared in mine:
                assert holds(everything, [b for b in mine if b is not spared]), spared
        excess = sum(t.amount for t in clash.need) - sum(t.amount for t in clash.most)
        assert excess == pytest.approx(clash.short, rel=1e-9, abs=1e-9 * max((t.amount for t in clash.need), default=1.0))
        sums_are_as_shown(clash)
    for way in found.ways:
        moved = moves(numbers, way)
        assert feasible(everything, moved), way
        for group in {bound.group for bound, _ in moved} if len(way.changes) > 1 else ():
            whole = [(bound, x * 1e6 if bound.rule != "demand" else x) for bound, x in moved if bound.group != group]
            assert not feasible(everything, whole), f"{group} could be spared in {way}"
    names = [frozenset((x.rule, x.subject) for x in way.changes) for way in found.ways]
    assert not [1 for a in names for b in names if a is not b and a <= b]


def sums_are_as_shown(clash: Clash) -> None:
    """The numbers on the screen add up, to the last digit shown."""
    for most in (1, 2, 6):
        whole: list[float] = []
        parts: list[list[float]] = []
        for line in arithmetic(clash, most) if clash.need else ():
            head = re.match(r"(need|at most|short) (-?[\d,.]+|nothing)", line)
            if head:
                whole.append(0.0 if head[2] == "nothing" else float(head[2].replace(",", "")))
                parts.append([])
            else:
                parts[-1].append(float(line.split()[0].replace(",", "")))
        if whole:
            need, at_most, short = whole
            assert need - at_most == pytest.approx(short, abs=1e-9 * need)
            for total, terms in zip(whole, parts, strict=True):
                assert not terms or sum(terms) == pytest.approx(total, abs=1e-9 * need)


def moves(numbers: Sequence[elastic.Bound], way: Way) -> list[tuple[elastic.Bound, float]]:
    """The bounds of a way with the amounts that are shown."""
    amounts = {(c.rule, c.subject, period): x for c in way.changes for period, x in c.amounts}
    return [(b, amounts[b.rule, b.subject, b.period]) for b in numbers if (b.rule, b.subject, b.period) in amounts]


def feasible(made: Model, moved: Sequence[tuple[elastic.Bound, float]]) -> bool:
    engine = solve.load(made.program, [0.0] * len(made.program.columns), 0.0)
    ways_out.move(engine, made, moved)
    return engine.run() == highs.OPTIMAL


def the_short(found: Conflict) -> Short:
    assert len(found.short) == 1
    return found.short[0]


def the_clash(found: Conflict) -> Clash:
    assert len(found.clashes) == 1
    return found.clashes[0]


def names(found: Conflict) -> set[tuple[str, str]]:
    return {(x.rule, x.subject) for x in found.limits}


def used(way: Way) -> dict[tuple[str, str], float]:
    return {(c.rule, c.subject): c.worst for c in way.changes}


def ways(found: Conflict) -> list[tuple[set[tuple[str, str]], float | None]]:
    return [({(c.rule, c.subject) for c in way.changes}, way.cost) for way in found.ways]


# --- one limit --------------------------------------------------------------------------------------------------------


def test_a_power_cap() -> None:
    # 1 MW are 8 racks, 160 h100e; 40 h100e less or 2 racks, 0.25 MW, more
    found, text = explained(limits='[limits]\nfleet_power = "1 MW"')
    short = the_short(found)
    assert (short.rule, short.subject, short.unit, short.first_period, short.periods) == ("demand", "w", "h100e", "2027", 1)
    assert (short.first, short.of) == (pytest.approx(40), 200)
    assert names(found) == {("fleet_power", "fleet")}
    assert (found.limits[0].limit, found.limits[0].unit) == (1, "MW")
    assert "demand of w is short by 40.00 h100e of 200.0 h100e in 2027" in text
    assert arithmetic(the_clash(found)) == [
        "need 200.0 h100e: demand of w, 2027",
        "at most 160.0 h100e: power of the whole fleet 1.000 MW × 160.0 h100e/MW, 2027",
        "short 40.0 h100e",
    ]
    less, more = found.ways
    assert used(less) == {("demand", "w"): pytest.approx(40)}
    assert (less.cost, less.unserved_share, less.unserved_h100e_h) == (pytest.approx(160 * H100E), 0.2, pytest.approx(40 * 8760))
    assert used(more) == {("fleet_power", "fleet"): pytest.approx(0.25)}
    assert (more.cost, more.unserved_share) == (pytest.approx(200 * H100E), 0)
    assert "-40.00 h100e  2027" in text and "+0.25 MW" in text and "80.00%" in text


def test_the_reported_amounts_suffice_when_set() -> None:
    # 100 h100e over 160 a MW: 0.625 MW; the third of it is short by a number without end
    blocks = {"limits": '[limits]\nfleet_power = "0.9 MW"', "workload": WORKLOAD.replace("200", "233.3333")}
    less, more = explained(**blocks)[0].ways
    cap, demand = 0.9 + more.changes[0].worst, 233.3333 - less.changes[0].worst
    assert more.changes[0].worst == 0.559  # 233.3333 / 160 − 0.9 = 0.558333, rounded up
    raised = plan(scenario(**blocks), [f"limits.fleet_power={cap!r} MW"])
    assert raised.status == "optimal"
    assert raised.totals["cost_usd"] == pytest.approx(more.cost)
    lowered = plan(scenario(**blocks), [f"workload.w.demand={demand!r} h100e"])
    assert lowered.status == "optimal"
    assert lowered.totals["cost_usd"] == pytest.approx(less.cost)
    assert plan(scenario(**blocks), [f"limits.fleet_power={cap - 0.001!r} MW"]).status == "infeasible"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(40.00000000001, 40), (0.2500001, 0.251), (1.00001, 1.001), (14.5101, 14.52), (123456, 123500), (0, 0), (999.96, 1000)],
)
def test_amounts_are_rounded_up_to_the_digits_shown(value: float, shown: float) -> None:
    assert round_up(value) == pytest.approx(shown, rel=1e-12)


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
    # the set is that of the worst quarter
    assert [(x.first_period, x.periods) for x in the_clash(found).members] == [("2027-Q3", 1), ("2027-Q3", 1)]
    assert the_clash(found).short == pytest.approx(40)
    assert "short by 20.00 h100e of 180.0 h100e in 2027-Q2; worst 40.00 h100e in 2027-Q3; short in 3 periods" in text
    more = found.ways[1].changes[0]
    assert more.amounts == (("2027-Q2", 0.125), ("2027-Q3", 0.25), ("2027-Q4", 0.0625))
    assert (more.first_period, more.worst_period, more.worst, more.of, more.periods) == ("2027-Q2", "2027-Q3", 0.25, 1, 3)


@pytest.mark.parametrize(
    "blocks", [{"offer": OFFER + "\nfrom = 2027-07-01"}, {"accelerator": ACCELERATOR + "available_from = 2027-07-01"}]
)
def test_nothing_can_serve_in_the_first_periods(blocks: dict[str, str]) -> None:
    found, text = explained(horizon=QUARTERS, **blocks)
    short = the_short(found)
    assert (short.first_period, short.worst_period, short.periods) == ("2027-Q1", "2027-Q1", 2)
    assert (short.first, short.of) == (pytest.approx(200), 200)
    assert not found.limits
    assert "nothing that may serve it can be online by then" in text
    assert arithmetic(the_clash(found)) == ["need 200 h100e: demand of w, 2027-Q1", "at most nothing", "short 200 h100e"]
    assert [used(way) for way in found.ways] == [{("demand", "w"): 200}]


def test_power_that_comes_too_late() -> None:
    # the site has nothing until July: 10 racks, 1.25 MW, are missing in two quarters
    found, _ = explained(horizon=QUARTERS, power=POWER.replace("2026-01-01", "2027-07-01"))
    assert names(found) == {("site_power", "s")}
    assert found.limits[0].limit == 0
    less, more = found.ways
    assert more.changes[0].amounts == (("2027-Q1", 1.25), ("2027-Q2", 1.25))
    assert less.unserved_share == pytest.approx(181 / 365)


def test_a_demand_that_no_offer_can_serve() -> None:
    """Never by any: the inputs are at fault. From a day on: the offer's window is over, and nothing else is in the way."""
    with pytest.raises(InputFault, match="nothing can serve workload `w`"):
        infeasible(workload=WORKLOAD + '\nmin_memory = "1 GB/gpu"')
    found, text = explained(horizon=QUARTERS, offer=OFFER + '\nbilling = "on_demand"\nmax = "500 gpu"\nto = 2027-06-30')
    assert [(x.rule, x.first_period) for x in the_clash(found).members] == [("demand", "2027-Q3")]
    assert "nothing that may serve it" in text


# --- bounds only ------------------------------------------------------------------------------------------------------


def test_a_floor_above_a_ceiling() -> None:
    # 2 MW must run under a cap of 1.5 MW, whatever the demand
    found, _ = explained(limits='[limits]\nfleet_power = "1.5 MW"', more=CONTRACT + 'min_power = "2 MW"')
    short = the_short(found)
    assert short.rule in ("fleet_power", "contract_min_power")
    assert (short.unit, short.first_period, short.first) == ("MW", "2027", pytest.approx(0.5))
    assert names(found) == {("fleet_power", "fleet"), ("contract_min_power", "k")}
    assert arithmetic(the_clash(found)) == [
        "need 2.000 MW: power floor of k, 2027",
        "at most 1.500 MW: power of the whole fleet, 2027",
        "short 0.500 MW",
    ]
    # 12 racks run under the lower floor, 16 under the higher cap
    assert ways(found) == [
        ({("contract_min_power", "k")}, pytest.approx(12 * 175_200)),
        ({("fleet_power", "fleet")}, pytest.approx(16 * 175_200)),
    ]
    assert [way.changes[0].sign for way in found.ways] == [-1, 1]


def test_a_contract_floor_above_the_power_of_its_site() -> None:
    found, _ = explained(power=POWER.replace("10 MW", "3 MW"), more=CONTRACT + 'min_power = "4 MW"')
    assert names(found) == {("site_power", "s"), ("contract_min_power", "k")}
    assert the_clash(found).short == pytest.approx(1)


def test_a_conflict_among_bounds_of_columns() -> None:
    # the racks online are bounded by 4: 80 of 200 h100e
    made = model(scenario())
    j = next(j for j, key in enumerate(made.program.columns) if key[0] == "online")
    made.program.upper[j] = 4.0
    found = conflict.explain(made)
    checked(made, found)
    assert {x.rule for x in the_clash(found).members} == {"demand", "online"}
    assert [(t.rule, t.amount, t.limit, t.rate) for t in the_clash(found).most] == [("online", 80, 4, 20)]
    assert [used(way) for way in found.ways] == [{("demand", "w"): 120}, {("online", "0 0"): 6}]
    assert "demand of w" in read(found)


def test_a_budget_too_small() -> None:
    # 876,000 USD rent 5 of 10 racks: 100 of 200 h100e at 8,760 USD
    found, text = explained(limits='[limits]\nbudget = { 2027 = "876000 USD" }')
    short = the_short(found)
    assert (short.rule, short.first, short.unit) == ("demand", pytest.approx(100), "h100e")
    assert names(found) == {("budget", "budget")}
    assert (found.limits[0].limit, found.limits[0].unit, found.limits[0].first_period) == (pytest.approx(876_000), "USD", "2027")
    assert "876,000 USD" in text
    assert [used(way) for way in found.ways] == [{("demand", "w"): 100}, {("budget", "budget"): pytest.approx(876_000)}]


def test_a_budget_below_what_is_committed() -> None:
    # 1 million of take-or-pay is due, whatever is used, and the year may cost 0.6 million
    contract = CONTRACT + 'end = 2027-12-31\nvalue = "1 million USD"\ntake_or_pay = 1'
    workload = WORKLOAD.replace("200", "60")  # 3 racks, 525,600 USD
    found, _ = explained(limits='[limits]\nbudget = { 2027 = "600000 USD" }', more=contract, workload=workload)
    assert {short.rule for short in found.short} <= {"budget", "take_or_pay"}
    assert sum(short.first for short in found.short) == pytest.approx(400_000)
    assert names(found) == {("budget", "budget"), ("take_or_pay", "k")}
    assert the_clash(found).unit == "USD"
    assert the_clash(found).short == pytest.approx(400_000)
    # demand needs not fall: what is not rented is paid as a shortfall
    assert ways(found) == [
        ({("take_or_pay", "k")}, pytest.approx(600_000)), ({("budget", "budget")}, pytest.approx(1_000_000)),
    ]  # fmt: skip


def test_shares_and_what_they_meet() -> None:
    # q must carry half of the compute and has power for 40 h100e: 80 h100e at most
    other = OTHER.replace('power = "10 MW"', 'power = "0.25 MW"')
    limits = '[limits]\nprovider_share = [ { provider = "q", of = "compute", min = "50 %" } ]'
    found, text = explained(more=other, limits=limits)
    assert names(found) == {("provider_share_min", "q compute training"), ("site_power", "z")}
    assert arithmetic(the_clash(found))[1] == "at most 80.0 h100e: power of site z 0.25 MW × 320.0 h100e/MW, 2027"
    assert "least share of q compute training: 50.00 %" in text
    # 120 h100e less; or a share of 40 of 200, 30 points less; or 100 h100e in z, 0.375 MW more
    assert [used(way) for way in found.ways] == [
        {("demand", "w"): 120},
        {("provider_share_min", "q compute training"): pytest.approx(30)},
        {("site_power", "z"): pytest.approx(0.375)},
    ]
    assert found.ways[1].cost == pytest.approx(160 * H100E + 40 * 1.5 * H100E)


@pytest.mark.parametrize(("share", "fix"), [("0 %", 100), ("20 %", 80)])
def test_a_largest_share_and_nobody_else(share: str, fix: float) -> None:
    limits = f'[limits]\nprovider_share = [ {{ provider = "p", of = "power", max = "{share}" }} ]'
    found, _ = explained(limits=limits)
    assert names(found) == {("provider_share_max", "p power")}
    assert {("provider_share_max", "p power"): pytest.approx(fix)} in [used(way) for way in found.ways]


def test_shares_against_each_other() -> None:
    shares = ", ".join(f'{{ provider = "{p}", of = "compute", min = "60 %" }}' for p in "pq")
    found, _ = explained(more=OTHER, limits=f"[limits]\nprovider_share = [ {shares} ]")
    assert names(found) == {("provider_share_min", "p compute training"), ("provider_share_min", "q compute training")}
    assert {("provider_share_min", "q compute training"): pytest.approx(20)} in [used(way) for way in found.ways]


def test_a_share_and_a_take_or_pay_floor() -> None:
    # q may have a tenth of the power, must have 1 MW: that needs 10 MW in all, and the fleet may draw 5
    limits = '[limits]\nfleet_power = "5 MW"\nprovider_share = [ { provider = "q", of = "power", max = "10 %" } ]'
    contract = CONTRACT.replace('"p"', '"q"') + 'min_power = "1 MW"'
    found, _ = explained(more=OTHER + contract, limits=limits)
    assert names(found) == {("provider_share_max", "q power"), ("contract_min_power", "k"), ("fleet_power", "fleet")}
    assert the_clash(found).short == pytest.approx(0.5)  # 1 MW, and a tenth of 5 MW


# --- law --------------------------------------------------------------------------------------------------------------


def test_a_prohibition_that_leaves_nothing_is_named_and_comes_last() -> None:
    """Where a rule blocks every period no column was made; there are racks in the US, the workload must stay in DE."""
    workload = WORKLOAD + '\ncountries = ["DE"]'
    found, text = explained(more=OTHER + RULE.format("DE", "prohibit", "2026-01-01"), workload=workload)
    short = the_short(found)
    assert (short.rule, short.subject, short.first, short.of) == ("demand", "w", pytest.approx(200), 200)
    assert names(found) == {("export_blocked", "z a")}
    assert "no limit is in its way" not in text
    less, law = found.ways
    assert (less.kind, law.kind) == ("limits", "law")
    assert used(law) == {("export_blocked", "z a"): pytest.approx(10)}
    assert law.cost == pytest.approx(10 * 262_800)  # 3 USD a gpu and hour
    assert "2 (law)" in text


def test_a_prohibition_that_changes_nothing_is_not_named() -> None:
    """It is the power of z that does not do; nothing for DE may be shipped to the US anyway."""
    workload = WORKLOAD + '\ncountries = ["DE"]'
    other = OTHER.replace('power = "10 MW"', 'power = "1 MW"')
    found, _ = explained(more=other + RULE.format("US", "prohibit", "2026-01-01"), workload=workload)
    assert names(found) == {("site_power", "z")}


def test_an_export_block_of_a_fleet_that_shrinks() -> None:
    # ten racks until March, six from then on: the rule keeps what leaves from coming back
    fleet = '[[fleet]]\nsite = "s"\noffer = "o"\nracks = "{}"\n{}\n'
    racks = fleet.format("10 rack", "to = 2027-06-30") + fleet.format("6 rack", "from = 2027-07-01")
    blocks = {
        "horizon": QUARTERS,
        "offer": OFFER + '\nterm = "0.25 year"',
        "more": racks + RULE.format("US", "prohibit", "2026-01-01"),
        "workload": WORKLOAD.replace("200 h100e", "220 h100e"),
    }
    found, text = explained(**blocks)
    short = the_short(found)
    assert (short.first_period, short.first, short.periods) == ("2027-Q1", pytest.approx(20), 4)
    assert {rule for rule, _ in names(found)} == {"export_blocked"}
    assert "-0" not in re.sub(r"\d{4}-Q\d|-\d", "", text)


def test_deliveries_and_a_licence() -> None:
    supply = '[[supply]]\nvendor = "v"\nfrom = 2026-01-01\ntotal = "0.3 MW"'
    found, _ = explained(more=supply)
    assert the_short(found).first == pytest.approx(140)
    assert names(found) == {("supply_total", "v")}
    licence = RULE.format("US", "licence", "2026-01-01") + '[[licence]]\nid = "L"\ndestination = "US"\nquantity = "30 gpu"\n'
    found, _ = explained(more=licence)
    assert the_short(found).first == pytest.approx(140)
    assert ("licence", "L") in names(found)
    law = [used(way) for way in found.ways if way.kind == "law"]
    assert {("licence", "L"): pytest.approx(70)} in law  # a licence for 70 gpu more


def test_only_law_helps() -> None:
    found, text = explained(["demand"], more=RULE.format("US", "prohibit", "2026-01-01"))
    assert [way.kind for way in found.ways] == ["law"]
    assert "a licence, or another rule, for that much would do" in text
    assert not explained(["demand", "export"], more=RULE.format("US", "prohibit", "2026-01-01"))[0].ways


# --- several ----------------------------------------------------------------------------------------------------------


def test_two_shortages_at_once() -> None:
    # w stays in the US with 160 of 200 h100e, x in DE with 80 of 200
    more = OTHER.replace('power = "10 MW"', 'power = "0.5 MW"') + SECOND + '\ncountries = ["DE"]\n'
    found, text = explained(power=POWER.replace("10 MW", "1 MW"), workload=WORKLOAD + '\ncountries = ["US"]', more=more)
    assert {s.subject: s.first for s in found.short} == {"w": pytest.approx(40), "x": pytest.approx(120)}
    sets = [{(x.rule, x.subject) for x in clash.members} for clash in found.clashes]
    assert sorted(map(sorted, sets)) == [[("demand", "w"), ("site_power", "s")], [("demand", "x"), ("site_power", "z")]]
    assert sorted(clash.short for clash in found.clashes) == pytest.approx([40, 120])
    assert "Conflict 2 of 2" in text
    # each conflict has two ways out: four ways in all, each with a change on either side
    assert sorted(sorted(used(way)) for way in found.ways) == sorted(
        sorted([one, other]) for one in (("demand", "w"), ("site_power", "s")) for other in (("demand", "x"), ("site_power", "z"))
    )


THREE = {
    "limits": '[limits]\nfleet_power = "2 MW"',
    "power": POWER.replace("10 MW", "1 MW"),
    "more": OTHER.replace('power = "10 MW"', 'power = "0.125 MW"'),
}


def test_several_fixes_in_order_of_cost() -> None:
    # 8 racks in s, one in z, 180 h100e: 20 h100e less; or a rack more in s at 175,200 USD, or in z at 262,800 USD
    found, text = explained(**THREE)
    assert ways(found) == [
        ({("demand", "w")}, pytest.approx(8 * 175_200 + 262_800)),
        ({("site_power", "s")}, pytest.approx(9 * 175_200 + 262_800)),
        ({("site_power", "z")}, pytest.approx(8 * 175_200 + 2 * 262_800)),
    ]
    assert [used(way) for way in found.ways[1:]] == [{("site_power", "s"): 0.125}, {("site_power", "z"): 0.125}]
    assert not any(way.ties for way in found.ways)
    order = [text.index(line) for line in ("demand of w  ", "power of site s  ", "power of site z  ")]
    assert order == sorted(order)


def test_ties_are_named() -> None:
    # both clouds at one price and the same power: a rack more here or there is the same
    power, other = POWER.replace("10 MW", "0.5 MW"), OTHER.replace("3 USD", "2 USD").replace("10 MW", "0.5 MW")
    found, text = explained(power=power, more=other)
    assert [set(used(way)) for way in found.ways[1:]] in (
        [{("site_power", "s")}, {("site_power", "z")}], [{("site_power", "z")}, {("site_power", "s")}],
    )  # fmt: skip
    assert [way.ties for way in found.ways] == [(), (3,), (2,)]
    assert [way.instead for way in found.ways[1:]] == [(next(iter(used(way))),) for way in found.ways[:0:-1]]
    assert "ways 2, 3 cost the same" in text


@pytest.mark.parametrize(
    ("lock", "left"),
    [
        ("demand", {"s", "z"}),
        ("demand w", {"s", "z"}),
        ("workload.w.demand", {"s", "z"}),
        ("w", {"s", "z"}),
        ("site_power", {"w"}),
        ("site_power s", {"w", "z"}),
        ("site_power.s", {"w", "z"}),
        ("site_power.s.2027", {"w", "z"}),
        ("site.s", {"w", "z"}),
        ("site.s.power", {"w", "z"}),
        ("s", {"w", "z"}),
        ("p", {"w", "z"}),
        ("provider.q", {"w", "s"}),
        ("limits.fleet_power", {"w", "s", "z"}),
        ("export", {"w", "s", "z"}),
        ("budget", {"w", "s", "z"}),
    ],
)
def test_locks(lock: str, left: set[str]) -> None:
    found, text = explained([lock], **THREE)
    assert {c.subject for way in found.ways for c in way.changes} == left
    assert f"locked  {lock}" in " ".join(text.split("\n")).replace(" " * 2, "  ")


def test_a_lock_on_each_kind_of_limit() -> None:
    limits = '[limits]\nfleet_power = "1 MW"\nbudget = { 2027 = "900000 USD" }\nbudget_total = "800000 USD"'
    blocks = {"limits": limits, "offer": OFFER + '\nmax = "60 gpu"', "site": SITE_WITH_RATE}
    needed = {"fleet_power", "budget", "offer_max", "build_rate"}
    assert {c.rule for way in explained(["demand"], **blocks)[0].ways for c in way.changes} == needed
    for lock in ("limits.fleet_power", "limits.budget.2027", "limits.budget_total", "offer.o.max", "site.s.build_rate", "o"):
        assert not explained(["demand", lock], **blocks)[0].ways, lock


SITE_WITH_RATE = '[[site]]\nid = "s"\nprovider = "p"\ncountry = "US"\ngrid = "g"\npue = 1.25\nbuild_rate = "0.25 MW/quarter"'


def test_an_unknown_lock() -> None:
    made = infeasible(**THREE)
    with pytest.raises(InputFault, match="did you mean `site_power.s`"):
        conflict.explain(made, ["site_powr s"])
    with pytest.raises(InputFault, match="--lock nowhere: there is no such rule, key or id"):
        conflict.explain(made, ["nowhere"])


def test_everything_locked() -> None:
    found, text = explained(["demand", "fleet_power"], limits='[limits]\nfleet_power = "1 MW"')
    assert not found.ways
    assert the_clash(found).proved
    assert "no way out with demand, fleet_power locked" in text


def test_resilience_of_a_single_site() -> None:
    critical = WORKLOAD + "\ncritical = 0.5"
    found, text = explained(workload=critical, policy='[resilience]\nlose = "site"')
    short = the_short(found)
    assert (short.rule, short.subject, short.unit) == ("resilience", "s w", "h100e")
    assert short.first == pytest.approx(100)
    assert "what must survive the loss of s w is short by 100.0 h100e" in text
    assert [used(way) for way in found.ways] == [{("resilience", "s w"): 100}]


def test_resilience_helped_by_power() -> None:
    # after the loss of s, z carries 40 of the 100 h100e; 60 h100e more there are 0.375 MW
    critical = WORKLOAD + "\ncritical = 0.5"
    found, _ = explained(
        workload=critical, policy='[resilience]\nlose = "site"', more=OTHER.replace('power = "10 MW"', 'power = "0.25 MW"')
    )
    assert names(found) == {("resilience", "s w"), ("site_power", "z")}
    assert {("site_power", "z"): pytest.approx(0.375)} in [used(way) for way in found.ways]


def test_whole_racks() -> None:
    # 8 gpu are less than a rack of 10: parts of racks would serve 16 h100e, whole ones none
    blocks = {"offer": OFFER + '\nmax = "8 gpu"', "workload": WORKLOAD.replace("200", "16")}
    assert plan(scenario(**blocks)).status == "optimal"
    found, text = explained(**blocks, policy="[solve]\nwhole_racks = true")
    assert {(x.rule, x.subject) for x in the_clash(found).members} == {("demand", "w"), ("offer_max", "o")}
    assert not found.proved
    assert "parts of racks would fit, whole racks do not" in text
    assert [used(way) for way in found.ways] == [{("demand", "w"): 16}, {("offer_max", "o"): pytest.approx(2)}]


def test_whole_racks_that_do_not_fit_in_parts_either() -> None:
    # 0.9 MW are 7.2 racks: 56 h100e less (racks taken on are whole, not those at work), or 10 racks, 0.35 MW more
    found, _ = explained(limits='[limits]\nfleet_power = "0.9 MW"', policy="[solve]\nwhole_racks = true")
    assert the_clash(found).proved
    assert [used(way) for way in found.ways] == [
        {("demand", "w"): pytest.approx(56)}, {("fleet_power", "fleet"): pytest.approx(0.35)},
    ]  # fmt: skip


@pytest.mark.parametrize("objective", ["peak_power", "energy", "carbon"])
def test_other_objectives_tell_their_value_and_the_cost(objective: str) -> None:
    found, _ = explained(limits='[limits]\nfleet_power = "1 MW"', objective=f'[objective]\nminimize = "{objective}"')
    value = {"peak_power": 0.00625, "energy": 54.75, "carbon": 21.9}[objective]  # MW, MWh, t for one h100e
    assert [way.objective for way in found.ways] == pytest.approx([160 * value, 200 * value])
    assert [way.cost for way in found.ways] == pytest.approx([160 * H100E, 200 * H100E])


SOFT = 750 * 8760 / 8766  # 1.25 MW, 0.75 of it beyond the cap, at 1000 USD/MW/year


def test_soft_limits_do_not_clash() -> None:
    # the cap of the fleet has a price, that of the site has none
    soft = '[limits]\nfleet_power = { max = "0.5 MW", at = "1000 USD/MW/year" }'
    found, _ = explained(limits=soft, power=POWER.replace("10 MW", "1 MW"))
    assert names(found) == {("site_power", "s")}
    assert not any(("fleet_power", "fleet") in used(way) for way in found.ways)
    assert found.ways[1].cost == pytest.approx(200 * H100E + SOFT, abs=1e-3)


def test_what_was_paid_for_soft_limits_is_reported() -> None:
    result = plan(scenario(limits='[limits]\nfleet_power = { max = "0.5 MW", at = "1000 USD/MW/year" }'))
    paid = [row for row in result.table("cost").records() if row["item"] == "soft"]
    assert sum(row["amount_usd"] for row in paid) == pytest.approx(SOFT)
    assert sum(row["discounted_usd"] for row in paid) == pytest.approx(SOFT)


def test_unserved_demand_at_a_price_counts_as_not_served() -> None:
    # w may stay unserved at 5 USD and does where power ends: 160 of 200; x must be met and goes first with all 160
    more = SECOND
    found, _ = explained(workload=UNSERVED, more=more, power=POWER.replace("10 MW", "1 MW"))
    assert {(x.rule, x.subject) for x in the_clash(found).members} == {("demand", "x"), ("site_power", "s")}
    less, power = sorted(found.ways, key=lambda way: next(iter(used(way))))
    assert used(less) == {("demand", "x"): 40}
    assert less.unserved_share == pytest.approx(240 / 400)  # w is left out altogether
    assert power.unserved_share == pytest.approx(200 / 400)


def test_for_machines() -> None:
    found, _ = explained(limits='[limits]\nfleet_power = "1 MW"')
    data = json.loads(json.dumps(conflict.data(found)))
    assert data["proved"] is True
    assert data["short"][0]["rule"] == "demand"
    assert data["limits"] == [
        {
            "rule": "fleet_power",
            "subject": "fleet",
            "first_period": "2027",
            "last_period": "2027",
            "limit": 1.0,
            "unit": "MW",
            "periods": 1,
        }
    ]
    assert data["clashes"][0]["multipliers"] == [
        ["use 0 0 0", "-20"], ["demand 0 0 0", "1"], ["fleet_power fleet 0 0", "-160"],
    ]  # fmt: skip
    assert [(way["rank"], way["kind"], way["changes"][0]["amounts"]) for way in data["ways"]] == [
        (1, "limits", [["2027", 40.0]]), (2, "limits", [["2027", 0.25]]),
    ]  # fmt: skip


def test_rounding_keeps_the_sum() -> None:
    assert rounded([1 / 3, 1 / 3, 1 / 3], 1, 1) == [4, 3, 3]
    assert sum(rounded([0.05] * 7, 1, 1)) == 4  # 0.35, to even
    assert rounded([], 1, 2) == []


def test_no_conflict_in_a_world_that_has_a_plan() -> None:
    assert conflict.explain(model(scenario())) == Conflict()


@pytest.mark.parametrize(("made", "first", "last", "least"), [(world, 5000, 5100, 15), (energy_world, 40_000, 40_050, 6)])
def test_random_worlds_without_a_plan_are_explained(made: object, first: int, last: int, least: int) -> None:
    """Every set is minimal and proved, every way suffices and spares nothing, amounts are in a known unit and period."""
    assert callable(made)
    seen = 0
    for seed in range(first, last):
        try:
            built = model(made(seed))
        except InputFault:  # tests/test_second_formulation.py counts them
            continue
        if solve.solve(built, Solve()).status != "infeasible":
            continue
        seen += 1
        found = conflict.explain(built)
        checked(built, found)
        read(found)
        labels = {t.label for t in built.instance.periods} | {str(t.year) for t in built.instance.periods} | {"total", "term", ""}
        for short in found.short:
            assert 0 < short.first <= short.worst
            assert short.unit == RULES[short.rule].unit
            assert {short.first_period.split(" ")[0], short.worst_period.split(" ")[0]} <= labels, seed
        assert found.short and found.clashes and found.ways, f"world {seed} has no plan and no reason"
    assert seen >= least


def test_the_full_model_has_the_same_optimum() -> None:
    """Columns that a prohibition or a dark site made superfluous change nothing while their rows are there."""
    seen = 0
    for seed in range(5000, 5060):
        try:
            built = model(world(seed))
        except InputFault:
            continue
        everything = elastic.full(built)
        if len(everything.program.columns) > len(built.program.columns):
            mine, theirs = solve.solve(built, Solve()), solve.solve(everything, Solve())
            assert mine.status == theirs.status, seed
            assert mine.status != "optimal" or theirs.objective == pytest.approx(mine.objective, rel=1e-7, abs=1e-7), seed
            seen += 1
    assert seen >= 8


@pytest.mark.parametrize(
    ("name", "overrides", "rules"),
    [
        ("classroom", ["limits.fleet_power=50 MW"], {"demand", "fleet_power"}),
        ("dantzig", ["limits.fleet_power=850 MW"], {"demand", "fleet_power"}),
        ("openai-base", ["limits.fleet_power=50 MW"], {"demand", "fleet_power"}),
    ],
)
def test_bundled_scenarios_that_no_longer_fit(name: str, overrides: list[str], rules: set[str]) -> None:
    result = pipeline.plan_scenario(name, overrides)
    assert result.status == "infeasible"
    assert result.conflict is not None
    checked(result.model, result.conflict)
    assert {x.rule for x in result.conflict.clashes[0].members} == rules
    assert result.conflict.ways
