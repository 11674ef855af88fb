"""How far shares can move near the optimum, whether it is the only one, and mixes that span the room: against hand arithmetic.

Worlds on the plain one of tests/small.py (10 racks of 0.125 MW for 200 h100e, 175,200 USD a rack and year) with a second provider
q (block OTHER) at a price of its own, and Dantzig's transport problem with the plants as providers.
"""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from rich.console import Console

from planner.alternatives import share_ranges as intervals
from planner.alternatives.candidates import MERIT, Maker, Mix, better_at
from planner.alternatives.mixes import Mixes, mixes
from planner.alternatives.share_ranges import Interval, Near, movable
from planner.core.errors import InputFault, VerificationFailed
from planner.data import instance
from planner.inputs.assembly import Inputs
from planner.model import formulation
from planner.run import pipeline
from planner.solver.warm import Probe, Vector
from planner.terminal import mixes as answer_mixes
from tests.command import ROOT
from tests.small import plan, scenario
from tests.test_oracle import BLOCKS, HALVES, OTHER, UNSERVED
from tests.worlds import inputs_of

DANTZIG = ROOT / "inputs" / "dantzig.toml"
SMALLER = ("horizon.step='year'", "horizon.end=2027-12-31")  # of openai-base: six providers, two periods


def priced(price: str) -> str:
    """The second provider at a price in USD per gpu and hour (the first asks 2)."""
    return OTHER.replace('"3 USD/gpu/hour"', f'"{price} USD/gpu/hour"')


def two(price: str, **blocks: str) -> Inputs:
    return inputs_of(scenario(more=priced(price), **blocks))


def plants(san_diego: int = 600) -> Inputs:
    """Dantzig's problem with each plant a provider; Seattle makes at most 350 cases, San Diego 600 or what is said."""
    text = DANTZIG.read_text("utf-8").replace('id = "plants"', 'id = "seattle"\n[[provider]]\nid = "san-diego"')
    first, second = text.split('id = "san-diego"\nprovider = "plants"')
    text = first.replace('provider = "plants"', 'provider = "seattle"') + 'id = "san-diego"\nprovider = "san-diego"' + second
    other = '[[offer]]\nid = "make-too"\nprovider = "san-diego"\naccelerator = "case"\n\n[[workload]]\nid = "new-york"'
    text = text.replace('provider = "plants"', 'provider = "seattle"').replace('[[workload]]\nid = "new-york"', other)
    return inputs_of(text.replace('power = "600 MW"', f'power = "{san_diego} MW"'))


def interval(found: Mixes, provider: str, within: float, of: str = "compute") -> tuple[float | None, float | None]:
    row = next(x for x in found.intervals if (x.provider, x.of, x.within) == (provider, of, within))
    return row.low, row.high


def ends(found: Mixes, provider: str, within: float, of: str = "compute") -> tuple[float, float]:
    low, high = interval(found, provider, within, of)
    assert low is not None and high is not None
    return low, high


# --- intervals by hand ------------------------------------------------------------------------------------------------


def test_the_transport_problem_is_not_unique_and_its_intervals_are_known() -> None:
    """Seattle sends 300 cases to Chicago, which is 9 USD cheaper from there, and 0 to 50 to New York, which is as far from both.

    San Diego makes 600 at most, so Seattle cannot make fewer than 300 of the 900, and never more than 350.
    """
    found = mixes(plants(), 0.05)
    assert found.optimum is not None and found.optimum.totals["cost_usd"] == pytest.approx(153_675, abs=1e-3)
    for level in (0.0, 0.01, 0.05):
        assert ends(found, "seattle", level) == pytest.approx((300 / 900, 350 / 900), abs=1e-7)
        assert ends(found, "san-diego", level) == pytest.approx((550 / 900, 600 / 900), abs=1e-7)
        assert interval(found, "seattle", level, "spend") == (None, None)  # only freight costs: there is no spend to share
    assert not found.plan_is_unique and not found.mix_is_unique
    assert re.search(r"several plans cost the same: (seattle|san-diego)'s share of compute can be anything from", found.unique)


def test_moving_a_case_from_chicago_costs_nine_dollars() -> None:
    """With 900 cases at San Diego a percent of 153,675 USD moves 1,536.75 / 9 = 170.75 cases of Chicago away from Seattle."""
    found = mixes(plants(900), 0.01, count=1)
    assert ends(found, "seattle", 0.0) == pytest.approx((300 / 900, 350 / 900), abs=1e-6)
    assert ends(found, "seattle", 0.01) == pytest.approx(((300 - 170.75) / 900, 350 / 900), abs=1e-6)


def test_the_transport_problem_as_bundled_has_one_provider_and_several_plans() -> None:
    found = mixes(pipeline.prepare(str(DANTZIG))[0], 0.05)
    assert {(x.low, x.high) for x in found.intervals if x.of == "compute"} == {(1.0, 1.0)}
    assert not found.plan_is_unique and found.mix_is_unique
    assert found.unique.startswith("several plans cost the same, with the same mix: they differ in ")


def test_two_providers_at_one_price_share_anyhow() -> None:
    found = mixes(two("2"), 0.05)
    for provider in ("p", "q"):
        for of in ("compute", "power", "spend"):
            assert ends(found, provider, 0.0, of) == pytest.approx((0, 1), abs=1e-6)
    assert not found.mix_is_unique
    assert "can be anything from 0 % to 100 %" in found.unique
    assert found.optimum is not None
    least, most = (found.alternatives[0], found.optimum)
    assert abs(least.shares["p", "compute"] - most.shares["p", "compute"]) > 0.5 - 1e-6  # the farther end from the optimum


def test_a_dearer_provider_gets_what_the_room_pays() -> None:
    """At 10 % more a share x costs 10 % · x more: 1 % pays for a tenth of the compute, 5 % for half of it."""
    found = mixes(two("2.2"), 0.05)
    assert found.plan_is_unique and found.mix_is_unique and found.unique == "the optimum is unique"
    assert ends(found, "q", 0.0) == pytest.approx((0, 0), abs=1e-6)
    assert ends(found, "q", 0.01) == pytest.approx((0, 0.1), abs=1e-6)
    assert ends(found, "q", 0.05) == pytest.approx((0, 0.5), abs=1e-6)
    assert ends(found, "p", 0.05) == pytest.approx((0.5, 1), abs=1e-6)
    assert ends(found, "q", 0.05, "power") == pytest.approx((0, 0.5), abs=1e-6)
    assert ends(found, "q", 0.05, "spend") == pytest.approx((0, 1.1 / (1.1 + 1)), abs=1e-6)  # half the racks at 110 %


def test_a_share_counts_what_is_served() -> None:
    """An optimum of 1,752,000 USD; 5 % (87,600 USD) leave 2 h100e unserved at 43,800 USD each and save a tenth of a rack each
    (8,760 USD), so 87,600 / (43,800 − 8,760) = 2.5 h100e of the 200 may be left."""
    found = mixes(two("3", workload=UNSERVED), 0.05)
    least = next(m for m in found.alternatives if m.totals["unserved_h100e_h"] > 1)
    assert least.totals["served_share"] == pytest.approx(197.5 / 200, abs=1e-6)
    assert least.totals["cost_usd"] == pytest.approx(1_752_000 * 1.05, rel=1e-6)


def test_nothing_to_share() -> None:
    """A fleet that is there and free does all the work at one provider; spend is nothing at both."""
    free = scenario(offer='[[offer]]\nid = "o"\nprovider = "p"\naccelerator = "a"\nprice = "0 USD/gpu/hour"', more=priced("0"))
    found = mixes(inputs_of(free), 0.0)
    assert interval(found, "p", 0.0, "spend") == (None, None)
    assert ends(found, "p", 0.0) == (0, 1)
    with pytest.raises(InputFault, match="the least cost is 0, and a percentage of it leaves no room"):
        mixes(inputs_of(free), 0.05)


@pytest.mark.parametrize(
    ("within", "count", "what"), [(-0.1, 8, "no distance"), (float("nan"), 8, "no distance"), (0.05, 0, "none")]
)
def test_what_cannot_be_asked(within: float, count: int, what: str) -> None:
    with pytest.raises(InputFault, match=what):
        mixes(two("2"), within, count)


def test_no_plan_no_mixes() -> None:
    found = mixes(inputs_of(scenario(power="")), 0.05)
    assert found.status == "infeasible" and found.optimum is None and not found.intervals
    assert all(not table.rows for table in found.tables())
    assert "infeasible" in shown(found)


@pytest.mark.parametrize(("name", "overrides"), [("classroom", ()), ("openai-base", SMALLER)])
def test_intervals_nest_and_hold_the_optimum(name: str, overrides: tuple[str, ...]) -> None:
    inputs, _ = pipeline.prepare(name, overrides)
    found = mixes(inputs, 0.04, count=1)
    assert found.levels == (0.0, 0.01, 0.04)
    assert found.optimum is not None
    for x in (x for x in found.intervals if x.within == 0):
        inner = (found.optimum.shares[x.provider, x.of],) * 2
        for level in found.levels:
            low, high = ends(found, x.provider, level, x.of)
            assert low <= inner[0] + 1e-7 and inner[1] <= high + 1e-7, (x.provider, x.of, level)
            inner = low, high


def test_an_end_is_what_a_share_limit_can_be_at_that_cost() -> None:
    """A fresh solve with a limit on the share, which is written as a rule of its own, costs as much as the room allows, and not
    less: a little beyond the end it costs more. One period, so that a limit per period is one over the horizon."""
    year = ("horizon.start=2026-01-01", "horizon.end=2026-12-31")
    inputs, _ = pipeline.prepare("classroom", year)
    found = mixes(inputs, 0.05, count=1)
    assert found.optimum is not None
    ceiling = found.optimum.totals["cost_usd"] * 1.05
    tried = 0
    for x in (x for x in found.intervals if x.within == 0.05 and x.width > 0.01):
        assert x.low is not None and x.high is not None
        for bound, at, sign in (("max", x.low, -1), ("min", x.high, 1)):
            here, beyond = (
                pipeline.plan_scenario(
                    "classroom",
                    [*year, f'limits.provider_share=[{{provider="{x.provider}",of="{x.of}",{bound}={share:.12f}}}]'],
                )
                for share in (at - sign * 1e-7, at + sign * 1e-3)
            )
            assert here.status == "optimal" and here.totals["cost_usd"] <= ceiling * (1 + 1e-6)
            assert beyond.status == "infeasible" or beyond.totals["cost_usd"] > ceiling
            tried += 1
    assert tried >= 4


# --- uniqueness -------------------------------------------------------------------------------------------------------


def kinds(inputs: Inputs) -> tuple[str, ...]:
    measures = (inputs.scenario.objective.name, "peak_power", "largest_share")
    return movable(formulation.build(instance.build(inputs, measures)))


def test_one_cheapest_way_is_unique() -> None:
    assert kinds(two("3")) == ()


def test_equal_prices_move_racks() -> None:
    assert "taken" in kinds(two("2")) and "use" in kinds(two("2"))


def test_racks_that_may_rest_are_several_plans_of_one_mix() -> None:
    """20 racks run already and cost nothing, 10 do the work: whether the others are online is free."""
    free = '[[offer]]\nid = "o"\nprovider = "p"\naccelerator = "a"\nprice = "0 USD/gpu/hour"\nto = 2026-01-01'
    fleet = '[[fleet]]\nsite = "s"\noffer = "o"\nracks = "20 rack"'
    inputs = inputs_of(scenario(offer=free, more=fleet))
    assert kinds(inputs) == ("online",)
    assert mixes(inputs, 0.0).unique == "several plans cost the same, with the same mix: they differ in racks online"


def test_ties_of_another_objective_are_broken_by_cost() -> None:
    """Every mix draws the same; the cheapest of them is the only answer. At one price it is not."""
    peak = '[objective]\nminimize = "peak_power"'
    assert kinds(two("3", objective=peak)) == ()
    assert kinds(two("2", objective=peak)) != ()


# --- mixes ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def six() -> Mixes:
    return mixes(pipeline.prepare("openai-base", SMALLER)[0], 0.05, 6)


def all_of(found: Mixes) -> list[Mix]:
    assert found.optimum is not None
    return [found.optimum, *found.alternatives]


def test_mixes_are_within_the_room_and_distinct(six: Mixes) -> None:
    found = all_of(six)
    assert 4 <= len(found) <= 6 and found[0].id == "optimum"
    assert len({m.id for m in found}) == len(found)
    best = found[0].totals["cost_usd"]
    for m in found:
        assert best * (1 - 1e-9) <= m.totals["cost_usd"] <= best * 1.05 * (1 + 1e-6)
        assert m.above == pytest.approx(m.totals["cost_usd"] / best - 1, abs=1e-6)
        assert m.checked > 100
        for of in ("compute", "power", "spend"):
            assert sum(share for (_, what), share in m.shares.items() if what == of) == pytest.approx(1, abs=1e-6)
    points = [np.array([m.shares[key] for key in sorted(m.shares)] + [m.totals["sites"]]) for m in found]
    for i, point in enumerate(points):
        assert all(np.abs(point - other).max() > MERIT for other in points[:i])


def test_mixes_lie_in_the_intervals_and_reach_their_ends(six: Mixes) -> None:
    for m in all_of(six):
        for (provider, of), share in m.shares.items():
            low, high = ends(six, provider, 0.05, of)
            assert low - 1e-5 <= share <= high + 1e-5
        for side, at in (("least-", 0), ("most-", 1)):
            if m.id.startswith(side) and (name := m.id.removeprefix(side)) in {x.provider for x in six.intervals}:
                assert m.shares[name, "compute"] == pytest.approx(ends(six, name, 0.05)[at], abs=1e-4)
    assert any(m.id.startswith(("least-", "most-")) for m in six.alternatives)


TOTAL_OF = {"peak power": "peak_power_mw", "carbon": "carbon_t", "energy": "energy_mwh", "unserved demand": "unserved_h100e_h",
            "take-or-pay shortfall": "shortfall_usd"}  # fmt: skip


def test_what_a_mix_is_better_at_is_true(six: Mixes) -> None:
    found = all_of(six)
    best = found[0].totals
    assert found[0].better == ()
    told = 0
    for m in found[1:]:
        assert len(m.better) <= 3
        for claim in m.better:
            told += 1
            if gain := re.search(r"^(.*?) −.*\(−([\d.]+) %\)$", claim):
                name = TOTAL_OF[gain[1]]
                assert 1 - m.totals[name] / best[name] == pytest.approx(float(gain[2]) / 100, abs=0.006)
            elif claim.endswith(" fewer"):
                assert best["sites"] - m.totals["sites"] == int(claim.split()[0]) > 0
            elif claim.startswith("largest provider's share"):
                assert m.totals["largest_share"] < best["largest_share"]
            else:
                assert claim.startswith("no") and any(m.totals[name] < 1e-3 < best[name] for name in TOTAL_OF.values())
    assert told >= 3


def test_gains_are_told_in_words_greatest_first() -> None:
    names = ("peak_power_mw", "carbon_t", "largest_share", "shortfall_usd", "sites", "unserved_h100e_h", "energy_mwh", "cost_usd")
    before = dict(zip(names, (15_000.0, 1e6, 0.5, 2e9, 10.0, 0.0, 5e6, 1e9), strict=True))
    after = before | {"peak_power_mw": 13_800.0, "shortfall_usd": 0.0, "sites": 8.0, "carbon_t": 1e6 * 0.998, "cost_usd": 0.9e9}
    assert better_at(after, before, "cost") == ("no take-or-pay shortfall", "2 sites fewer", "peak power −1.200 GW (−8.0 %)")
    assert better_at(before | {"cost_usd": 0.9e9}, before, "carbon") == ("cost −100.0 million USD (−10 %)",)
    assert better_at(before, before, "cost") == ()


def test_same_question_same_answer(six: Mixes) -> None:
    again = mixes(pipeline.prepare("openai-base", SMALLER)[0], 0.05, 6)
    assert again.tables() == six.tables()


def test_the_best_at_something_is_as_good_as_a_solve_for_it() -> None:
    """q draws 1 MW where p draws 1.25: at 10 % more for its racks 5 % pay for half of them, so the peak falls by a tenth."""
    half = priced("2.2").replace("pue = 1.25", "pue = 1")
    found = mixes(inputs_of(scenario(more=half)), 0.05)
    best, least = all_of(found)[0], min(all_of(found), key=lambda m: m.totals["peak_power_mw"])
    assert best.totals["peak_power_mw"] == pytest.approx(1.25)
    assert least.totals["peak_power_mw"] == pytest.approx(0.5 * 1.25 + 0.5 * 1.0, rel=1e-6)
    assert any(text.startswith("peak power −") and "(−10 %)" in text for text in least.better)


def test_only_the_shares_asked_for_have_all_intervals(six: Mixes) -> None:
    """The others are told among optimal plans, as far as uniqueness needs them; nothing else changes."""
    few = mixes(pipeline.prepare("openai-base", SMALLER)[0], 0.05, 1, of=("power",))
    assert {(x.of, x.within) for x in few.intervals} == {
        *(("power", level) for level in (0.0, 0.01, 0.05)), ("compute", 0.0), ("compute", 0.05), ("spend", 0.0)
    }  # fmt: skip
    every = {(x.provider, x.of, x.within): (x.low, x.high) for x in six.intervals}
    for x in few.intervals:
        assert (x.low, x.high) == pytest.approx(every[x.provider, x.of, x.within], abs=1e-7)
    assert few.unique == six.unique and not few.alternatives
    assert "Share of power" in shown(few, "power")


def test_the_most_that_can_be_may_be_nothing() -> None:
    """The only site has no power: no demand can be served, and a percentage of nothing is nothing."""
    text = scenario(power=BLOCKS["power"].replace("10 MW", "0 MW"), objective='[objective]\nmaximize = "demand_scale"')
    with pytest.raises(InputFault, match="the largest demand scale is 0"):
        mixes(inputs_of(text), 0.05)


def test_what_the_audit_does_not_pass_is_left_out_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = two("2.2")
    usual = mixes(inputs, 0.05)
    made = Maker.mix

    def strict(self: Maker, name: str, known_by: str, values: Vector) -> Mix:
        if name == usual.alternatives[0].id:
            raise VerificationFailed("no")
        return made(self, name, known_by, values)

    monkeypatch.setattr(Maker, "mix", strict)
    found = mixes(inputs, 0.05)
    assert found.left_out == (usual.alternatives[0].id,)
    assert found.left_out[0] not in {m.id for m in found.alternatives}
    assert f"left out, as the audit did not pass them: {found.left_out[0]}" in shown(found)


def test_take_or_pay_is_counted() -> None:
    """A contract with q asks for 876,000 USD; its racks cost 3 instead of 2 USD, so a rack there adds 87,600 USD and saves
    262,800 USD of shortfall: it is used for 3 1/3 racks and nothing is left to pay. Dearer than 2 + 2 it is not."""
    contract = (
        '[[contract]]\nid = "k"\nprovider = "q"\nstart = 2027-01-01\nend = 2027-12-31\nvalue = "876000 USD"\ntake_or_pay = 1'
    )
    found = mixes(inputs_of(scenario(more=priced("3") + contract)), 0.05)
    assert all_of(found)[0].totals["shortfall_usd"] == pytest.approx(0, abs=1)
    assert all_of(found)[0].shares["q", "compute"] == pytest.approx(1 / 3, abs=1e-6)
    # 5 % of 2,044,000 USD leave q: x racks less save 262,800 x and cost 175,200 x + 262,800 x
    assert ends(found, "q", 0.05)[0] == pytest.approx((10 / 3 - 0.05 * 2_044_000 / 175_200) / 10, abs=1e-6)


@pytest.mark.parametrize("objective", ["peak_power", "carbon", "demand_scale"])
def test_another_objective_has_room_in_it_and_in_its_cost(objective: str) -> None:
    verb = "maximize" if objective == "demand_scale" else "minimize"
    text = scenario(more=priced("3"), objective=f'[objective]\n{verb} = "{objective}"', horizon=HALVES)
    found, solved = mixes(inputs_of(text), 0.05, 4), plan(text)
    best = all_of(found)[0]
    assert best.totals["cost_usd"] == pytest.approx(solved.totals["cost_usd"], rel=1e-6)
    key = {"peak_power": "peak_power_mw", "carbon": "carbon_t", "demand_scale": "demand_scale"}[objective]
    assert best.totals[key] == pytest.approx(solved.totals[key], rel=1e-6)
    for m in all_of(found):
        assert m.totals["cost_usd"] <= best.totals["cost_usd"] * 1.05 * (1 + 1e-6)
        assert abs(m.totals[key] / best.totals[key] - 1) <= 0.05 * (1 + 1e-6)
        assert m.totals["unserved_h100e_h"] == 0
    side = "below the largest" if objective == "demand_scale" else "above the least"
    assert f"so much {side} {objective.replace('_', ' ')}, and so much above its cost" in shown(found)


def test_whole_racks_are_continuous_here_and_said_to_be() -> None:
    found = mixes(inputs_of(scenario(more=priced("2.2") + "[solve]\nwhole_racks = true")), 0.05)
    assert found.relaxed
    assert "continuous here" in shown(found)
    assert ends(found, "q", 0.05) == pytest.approx((0, 0.5), abs=1e-6)


def test_an_energy_scenario_has_mixes_too() -> None:
    found = mixes(pipeline.prepare("follow-the-sun")[0], 0.03, 3)
    best, *others = all_of(found)
    assert others
    assert all(m.totals["cost_usd"] <= best.totals["cost_usd"] * 1.03 * (1 + 1e-6) for m in others)
    carbon = min(others, key=lambda m: m.totals["carbon_t"])
    assert carbon.totals["carbon_t"] < best.totals["carbon_t"]


# --- tables and the screen --------------------------------------------------------------------------------------------


def shown(found: Mixes, of: str = "compute") -> str:
    out = io.StringIO()
    answer_mixes.show(found, Console(file=out, width=300), of)
    return out.getvalue()


def test_tables(six: Mixes) -> None:
    whole, shares, ranges = six.tables()
    assert ranges.columns == ("provider", "of", "within", "low", "high")
    assert {row[2] for row in ranges.rows} == {0.0, 0.01, 0.05} and {row[1] for row in ranges.rows} == {
        "compute",
        "power",
        "spend",
    }
    assert [row[0] for row in whole.rows] == [m.id for m in all_of(six)]
    wanted = {
        "cost_usd",
        "peak_power_mw",
        "carbon_t",
        "energy_mwh",
        "largest_share",
        "shortfall_usd",
        "unserved_h100e_h",
        "sites",
    }
    assert wanted <= set(whole.columns)
    sums: dict[tuple[str, str], float] = {}
    for row in shares.records():
        sums[row["mix"], row["year"]] = sums.get((row["mix"], row["year"]), 0.0) + row["share_compute"]
    assert all(value == pytest.approx(1, abs=1e-6) for value in sums.values())
    assert {m for m, _ in sums} == {m.id for m in all_of(six)}


def test_the_screen_says_the_answer() -> None:
    text = shown(mixes(two("2.2"), 0.05))
    assert "the optimum is unique" in text
    assert re.search(r"^q +0\.0 % +0\.0 % +0 to 10 % +0 to 50 %$", text, re.M)
    assert re.search(r"^p +100\.0 % +100 % +90 to 100 % +50 to 100 %$", text, re.M)
    assert "each audited" in text
    assert re.search(r"^q +0\.0 % +0\.0 % +0 to 11 % +0 to 52 %$", shown(mixes(two("2.2"), 0.05), "spend"), re.M)


# --- the engine -------------------------------------------------------------------------------------------------------


def test_an_end_is_the_same_from_a_cold_start() -> None:
    """The ends that warm primal pivots find are those of a fresh engine with the ordinary options."""
    inputs, _ = pipeline.prepare("openai-base", SMALLER)
    made = formulation.build(instance.build(inputs, ("cost", "peak_power", "largest_share")))
    near = Near(made)
    warm, _ = intervals.intervals(near, [0.05])
    found = {(x.provider, x.of): x for x in warm}
    for of in ("compute", "spend"):
        sums, whole = near.sums(of)
        for name, mine in sums.items():
            probe = Probe(made)
            best = probe.minimize()
            probe.add_limit(probe.objective, best.objective * 1.05)
            best = probe.minimize()
            x: Interval = found[name, of]
            assert x.low is not None and x.high is not None
            low = probe.least_ratio(mine * 0.01, whole * 0.01, best).objective
            high = -probe.least_ratio(mine * -0.01, whole * 0.01, best).objective
            assert (x.low, x.high) == pytest.approx((low, high), abs=1e-6)


def test_the_width_of_an_interval() -> None:
    assert Interval("p", "compute", 0.0, None, None).width == 0
    assert Interval("p", "compute", 0.0, 0.1, 0.5).width == pytest.approx(0.4)
