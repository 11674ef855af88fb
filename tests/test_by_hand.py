"""Tiny worlds (tests/by_hand/NAME.toml) whose right answers were worked by hand; the why stands beside each.

A year of 2026 or 2027 has 8,760 h. Nothing is discounted; one gpu a rack, one h100e a gpu, 1 kW a rack, PUE 1.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import planner

HERE = Path(__file__).parent / "by_hand"
MILLION = 1e6


def solved(name: str, **changes: str) -> planner.Plan:
    return planner.solve(str(HERE / f"{name}.toml"), set=[f"{key}={value}" for key, value in changes.items()])


def cost(name: str, **changes: str) -> float:
    """Million USD."""
    return float(solved(name, **changes).totals["cost_usd"]) / MILLION


# --- a loss keeps the law -----------------------------------------------------------------------------------------------


def test_a_loss_keeps_the_ceiling_of_a_contract() -> None:
    """After losing q the contract of p allows 0.5 MW, not the 1 MW of its site: 500 of 1,000 h100e."""
    with pytest.raises(planner.NoPlan):
        solved("loss-contract")


def test_half_of_the_demand_survives_under_the_ceiling() -> None:
    """500 racks at each: 1,000 gpu · 8,760 h · 1 USD."""
    plan = solved("loss-contract-half")
    assert dict(zip(plan.fleet["provider"], plan.fleet["racks_held"], strict=True)) == pytest.approx({"p": 500.0, "q": 500.0})
    assert plan.totals["cost_usd"] == pytest.approx(8.76 * MILLION)


# --- rights and fleets end ----------------------------------------------------------------------------------------------


def test_a_fleet_serves_only_the_days_that_it_holds() -> None:
    """1,000 racks on two days of the year are 5.5 on its mean."""
    with pytest.raises(planner.NoPlan):
        solved("fleet-days")


def test_a_right_to_power_ends_with_its_contract() -> None:
    """400 gpu at 1 USD and 600 h100e missing at 9 USD in 2026; in 2027 nothing but 1,000 missing."""
    plan = solved("rights-end")
    assert plan.totals["cost_usd"] == pytest.approx(129.648 * MILLION)
    assert list(plan.demand["served_h100e"]) == pytest.approx([400.0, 0.0])


def test_a_right_that_is_renewed_goes_on() -> None:
    assert cost("rights-renewed") == pytest.approx(101.616)


def test_a_priced_workload_with_nowhere_to_go_is_served_nothing() -> None:
    """1,000 h100e · 8,760 h · 2 USD; the only chip has no figure for the kind of work."""
    plan = solved("nowhere")
    assert plan.totals["cost_usd"] == pytest.approx(17.52 * MILLION)
    assert any("all of it is unserved, at its price" in finding.what for finding in plan.warnings)


# --- unlike units are never added ---------------------------------------------------------------------------------------


def test_a_share_of_compute_holds_for_each_kind() -> None:
    """60 % of each kind leaves 400 of 1,000 training and 3,600 of 9,000 inference for p: 800 gpu, where it has room for 500."""
    with pytest.raises(planner.NoPlan):
        solved("compute-share")


def test_a_share_of_one_kind_leaves_the_other_alone() -> None:
    one = '[{provider = "q", of = "compute", kind = "training", max = "60 %"}]'
    compute = solved("compute-share", **{"limits.provider_share": one}).compute
    shares = {(r.provider, r.kind): r.share for r in compute.itertuples()}
    assert shares["q", "training"] <= 0.6 + 1e-9
    assert shares["q", "training"] + shares["p", "training"] == pytest.approx(1.0)


def test_no_column_adds_two_kinds() -> None:
    """Two equal halls of 1,000 gpu do 1,000 h100e of training and 9,000 of inference: each half of power and spend."""
    plan = solved("compute-kinds")
    assert list(plan.mix["share_power"]) == pytest.approx([0.5, 0.5])
    assert list(plan.mix["share_spend"]) == pytest.approx([0.5, 0.5])
    assert plan.compute.groupby("kind")["compute_h100e"].sum().to_dict() == pytest.approx(
        {"training": 1000.0, "inference": 9000.0}
    )


# --- the ledger is of money ---------------------------------------------------------------------------------------------


def ledger(name: str) -> dict[str, dict[str, float]]:
    return {str(row["year"]): dict(row) for row in solved(name).contracts.to_dict("records")}


def test_spend_is_what_was_spent_and_nothing_is_left_of_the_minimum() -> None:
    """43.8 million USD a year on a minimum of 70."""
    rows = ledger("ledger-spent")
    assert rows["term"]["spent_usd"] == pytest.approx(87.6 * MILLION)
    assert rows["after"]["committed_usd"] == 0.0


def test_a_term_that_ends_after_the_horizon_bills_nothing_in_it() -> None:
    """8.76 million USD a year of a minimum of 70 that is settled two years on: the rest is owed then."""
    rows = ledger("ledger-term")
    assert cost("ledger-term") == pytest.approx(17.52)
    assert rows["term"]["shortfall_usd"] == 0.0
    assert rows["after"]["committed_usd"] == pytest.approx(52.48 * MILLION)


def test_a_term_that_ends_with_the_horizon_is_settled() -> None:
    """2 · 8.76 and 26.28 + 26.352 million USD: more than 70."""
    assert cost("ledger-term-whole") == pytest.approx(70.152)
    assert ledger("ledger-term-whole")["term"]["shortfall_usd"] == 0.0


# --- one answer ---------------------------------------------------------------------------------------------------------


def test_workloads_of_one_price_are_short_alike() -> None:
    """1,000 gpu for twice 1,000 h100e: 1,000 · 8,760 · (1 + 3) USD, and half of each is served."""
    plan = solved("spread")
    assert plan.totals["cost_usd"] == pytest.approx(35.04 * MILLION)
    assert list(plan.demand["served_h100e"]) == pytest.approx([500.0, 500.0])
