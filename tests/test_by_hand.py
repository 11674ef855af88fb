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
